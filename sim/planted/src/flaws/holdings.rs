//! What can be wrong with tasks and once-work (S14, S15, S16).

use super::{Flaw, edit};

const FILE: &str = "machines/holdings.rs";
const ONCE: &str = "manager/once.rs";
const TASKS: &str = "manager/tasks.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S14",
        "lost tasks are told of from the last assigned on",
        &[edit(
            "manager/lifecycle.rs",
            "holdings.tasks_on(slot)",
            "{ let mut all = holdings.tasks_on(slot); all.reverse(); all }",
        )],
    ),
    Flaw::new(
        "S14",
        "a task assigned again loses its place",
        &[edit(
            FILE,
            "if self.tasks.contains_key(&(machine, task)) { return false; }",
            "if self.discard(machine, task) {
                let number = self.number();
                self.tasks.insert((machine, task), number);
                return false;
            }",
        )],
    ),
    Flaw::new(
        "S14",
        "a task assigned to a machine that is gone is not told of",
        &[edit(
            TASKS,
            "«actions.push(Action::TaskLost { task, machine });» return Ok(());",
            "",
        )],
    ),
    Flaw::new(
        "S15",
        "a discarded task stays, and is lost once more",
        &[edit(
            TASKS,
            "self.machines.discard(slot, task)",
            "self.machines.holdings.tasks_on(slot).contains(&task)",
        )],
    ),
    Flaw::new(
        "S15",
        "a discarded task is not said to be lost",
        &[edit(
            TASKS,
            "«actions.push(Action::TaskLost { task, machine });» actions.push(Action::DropTask",
            "",
        )],
    ),
    Flaw::new(
        "S15",
        "the worker is not told to drop a discarded task",
        &[edit(
            TASKS,
            "actions.push(Action::DropTask { task, machine });",
            "",
        )],
    ),
    Flaw::new(
        "E1",
        "tasks do not keep a machine from being idle",
        &[edit(
            "machines/mod.rs",
            "tasks_are_use: «!config.stop_with_tasks»",
            "false",
        )],
    ),
    Flaw::new(
        "E1",
        "tasks keep a machine from being idle although it may be stopped with them",
        &[edit(
            "machines/mod.rs",
            "tasks_are_use: «!config.stop_with_tasks»",
            "true",
        )],
    ),
    Flaw::new(
        "S16",
        "work is run once for each that asks",
        &[edit(
            FILE,
            "Some(_) => «Asked::Wait»",
            "Asked::Run",
        )],
    ),
    Flaw::new(
        "S16",
        "a result that is an error is not remembered",
        &[edit(
            ONCE,
            "for waiter in self.machines.holdings.end_once(slot, key, outcome) {
                actions.push(Action::OnceReady { waiter, key, outcome, });
            }",
            "for waiter in self.machines.holdings.end_once(slot, key, outcome) {
                actions.push(Action::OnceReady { waiter, key, outcome });
            }
            if outcome != OnceOutcome::Ok {
                self.machines.holdings.forget_once(slot, key);
            }",
        )],
    ),
    Flaw::new(
        "S16",
        "of several that ask for work the first is answered",
        &[edit(
            ONCE,
            "for waiter in self.machines.holdings.end_once(slot, key, outcome) {
                actions.push(Action::OnceReady { waiter, key, outcome, });
            }",
            "if let Some(waiter) = self.machines.holdings.end_once(slot, key, outcome).into_iter().next() {
                actions.push(Action::OnceReady { waiter, key, outcome });
            }",
        )],
    ),
    Flaw::new(
        "F11",
        "those that ask for work are answered from the last on",
        &[edit(
            ONCE,
            "self.machines.holdings.end_once(slot, key, outcome)",
            "{ let mut all = self.machines.holdings.end_once(slot, key, outcome); all.reverse(); all }",
        )],
    ),
    Flaw::new(
        "F11",
        "when a machine is gone, those that asked for its work are told from the last on",
        &[edit(
            "manager/lifecycle.rs",
            "holdings.waiters_on(slot)",
            "{ let mut all = holdings.waiters_on(slot); all.reverse(); all }",
        )],
    ),
    Flaw::new(
        "S16",
        "one that asked for work may ask for more before it is answered",
        &[edit(
            ONCE,
            "return Err(Reject::DuplicateWaiter { waiter });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "one that was answered cannot ask for work again",
        &[edit(
            FILE,
            "«waiters.iter().for_each(|waiter| _ = self.waiting.remove(waiter));» waiters",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "one that asks for work of a machine that is gone is not answered",
        &[edit(
            ONCE,
            "«actions.push(Action::OnceReady { waiter, key, outcome, });» return Ok(());",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "one that asks for work whose result is known is not answered",
        &[edit(
            ONCE,
            "Asked::Known(outcome) => «actions.push(Action::OnceReady { waiter, key, outcome, })»",
            "()",
        )],
    ),
    Flaw::new(
        "S16",
        "a second result replaces the first",
        &[edit(
            ONCE,
            "return Err(Reject::OnceNotRunning { machine, key });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "that the machine is lost is taken for a result of work on it",
        &[edit(
            ONCE,
            "return Err(Reject::OnceMachineLost { machine, key });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "work is forgotten while it runs",
        &[edit(
            ONCE,
            "return Err(Reject::OnceRunning { machine, key });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "work that is to be forgotten is not",
        &[edit(
            ONCE,
            "self.machines.holdings.forget_once(slot, key);",
            "",
        )],
    ),
];
