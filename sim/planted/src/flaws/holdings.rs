//! What can be wrong with tasks and once-work.

use super::{Flaw, edit};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S14",
        "lost tasks are told of from the last assigned on",
        &[edit(
            "holdings lose_task",
            "holder.tasks.head()?",
            "holder.tasks.iter(&self.tasks).last()?",
        )],
    ),
    Flaw::new(
        "S14",
        "a task assigned again loses its place",
        &[edit(
            "holdings assign",
            "if self.task_slots.contains_key(&(machine, task)) {
            return false;
        }",
            "self.discard(machine, holder, task);",
        )],
    ),
    Flaw::new(
        "S14",
        "a task assigned to a lost machine is not told of",
        &[edit(
            "manager assign",
            "actions.push(Action::TaskLost { task, machine });",
            "",
        )],
    ),
    Flaw::new(
        "S15",
        "a discarded task stays, and is lost once more",
        &[edit(
            "manager discard",
            "self.holdings.discard(slot, &mut self.machines.get_mut(slot).holds, task)",
            "self.machines.get(slot).holds.tasks.iter(&self.holdings.tasks)
            .any(|held| self.holdings.tasks[held as usize].task == task)",
        )],
    ),
    Flaw::new(
        "S15",
        "the worker is not told to drop a discarded task",
        &[edit(
            "manager discard",
            "actions.push(Action::DropTask { task, machine });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "each asker runs the work",
        &[edit(
            "holdings ask",
            "if known.is_some() { Asked::Wait } else { Asked::Run }",
            "Asked::Run",
        )],
    ),
    Flaw::new(
        "S16",
        "a result that is an error is not remembered",
        &[edit(
            "manager once_done",
            "while let Some(waiter) = self.holdings.take_waiter(holder, once) {
            actions.push(Action::OnceReady { waiter, key, outcome, });
        }",
            "while let Some(waiter) = self.holdings.take_waiter(holder, once) {
            actions.push(Action::OnceReady { waiter, key, outcome });
        }
        if outcome != OnceOutcome::Ok {
            self.holdings.remove_once(slot, holder, once);
        }",
        )],
    ),
    Flaw::new(
        "S16",
        "of several askers the first is answered",
        &[edit(
            "manager once_done",
            "while let Some(waiter) = self.holdings.take_waiter(holder, once) {
            actions.push(Action::OnceReady { waiter, key, outcome, });
        }",
            "if let Some(waiter) = self.holdings.take_waiter(holder, once) {
            actions.push(Action::OnceReady { waiter, key, outcome });
        }",
        )],
    ),
    Flaw::new(
        "F11",
        "askers are answered from the last on",
        &[edit(
            "holdings take_waiter",
            "waiters.head()?",
            "waiters.iter(&self.waiters).last()?",
        )],
    ),
    Flaw::new(
        "S16",
        "askers of work on a machine are not told that it is lost",
        &[edit(
            "manager lose",
            "actions.push(Action::OnceReady { waiter, key, outcome, });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "work is forgotten while it runs",
        &[edit(
            "manager forget",
            "if self.holdings.onces[once as usize].result.is_none() {
            return Err(Reject::OnceRunning { machine, key });
        }",
            "",
        )],
    ),
];
