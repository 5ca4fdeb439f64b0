//! The scripts through the driver, on both adapters: machines and clients do what a script's events say, and must see
//! what its actions say, step by step.
//!
//! Each side hears in the order in which the manager decided: clients (grants, answers, lost tasks, refusals), machines
//! (drops, runs, stops, polls, starts), the log (notices). That a lease was lost is a state of it. What the manager says of
//! its timer is looked at as well: the driver never sleeps longer.
//!
//! A script is played twice. *Late*: time jumps to the next event, which the manager hears before the timer. *Punctual*:
//! the driver's timer fires at each deadline on the way. By F10 both see the same, but for the number of summaries.
//!
//! A comment `core only: why` before the config keeps a script from the adapters, one before a step keeps the step from
//! them, which must then be refused. `adapters: give up r1` before a step has the client of r1 drop its lease under a
//! running call (F12); `done r1` is the end of that call then.

use std::sync::OnceLock;
use std::time::Duration;

use remuda::{
    Action, Config, Counts, Event, Health, Instant, Loss, MachineId, Manager, Notice, RequestId,
};
use remuda_driver::{Cluster, Options, Runtime, StartError};
use remuda_sim::script::{self, Step};
use remuda_tests::virtual_time::Virtual;
use remuda_tests::{on_both_adapters, within};
use tracing::Dispatch;

use crate::clients::Clients;
use crate::stage::{self, STOPPED, Stage};
use crate::stories::{self, Story};

/// So many scripts, and so many steps of others, are for the core only.
const CORE_ONLY: (usize, usize) = (4, 2);

/// What the sides see of one step.
#[derive(Default, PartialEq, Eq)]
struct Seen {
    clients: Vec<Action>,
    machines: Vec<Action>,
    lost: Vec<Action>,
    log: Vec<String>,
}

impl Seen {
    /// What a script says they see.
    fn told_by(step: &Step, shut_down: bool) -> Seen {
        let mut seen = Seen::default();
        for &action in &step.actions {
            match action {
                Action::Grant { .. }
                | Action::Cancelled { .. }
                | Action::OnceReady { .. }
                | Action::TaskLost { .. } => seen.clients.push(action),
                Action::Stop { .. }
                | Action::DropTask { .. }
                | Action::RunOnce { .. }
                | Action::Poll { .. } => seen.machines.push(action),
                Action::Start { first, count } => {
                    seen.machines.extend((0..u64::from(count)).map(|n| {
                        let first = MachineId(first.0 + n);
                        Action::Start { first, count: 1 }
                    }));
                }
                Action::RequestLost { .. } => seen.lost.push(action),
                Action::Notice(notice) => seen.log.push(line(notice, shut_down)),
                // Of what a system or a dropped lease says, nobody hears whether it was refused.
                Action::Reject(_) => match step.event {
                    Event::Submit { .. }
                    | Event::Assign { .. }
                    | Event::Discard { .. }
                    | Event::Once { .. }
                    | Event::Forget { .. } => seen.clients.push(action),
                    _ => {}
                },
                Action::SetTimer { .. } | Action::ClearTimer => {}
            }
        }
        seen
    }

    fn lines(&self) -> String {
        let words = |actions: &[Action]| -> Vec<String> {
            let words = actions
                .iter()
                .map(|action| script::action(action).to_string());
            words.collect()
        };
        let (clients, machines, lost) = (&self.clients, &self.machines, &self.lost);
        format!(
            "  clients: {}\n  machines: {}\n  leases: {}\n  log: {}\n",
            words(clients).join(", "),
            words(machines).join(", "),
            words(lost).join(", "),
            self.log.join(", ")
        )
    }
}

/// A notice as the driver logs it.
fn line(notice: Notice, shut_down: bool) -> String {
    match notice {
        Notice::MachineLost { machine, by } => {
            let how = if shut_down { "ended" } else { "was lost" };
            let why = match by {
                Loss::Silence => "its last polls went unanswered",
                Loss::Stopped => STOPPED,
            };
            format!("{machine} {how}: {why}")
        }
        other => other.to_string(),
    }
}

fn is_summary(line: &str) -> bool {
    line.starts_with("pending/running")
}

struct Play<R: Runtime> {
    runtime: R,
    time: Virtual<R>,
    stage: Stage,
    clients: Clients<R>,
    /// The core, told the same.
    core: Manager,
    punctual: bool,
}

impl<R: Runtime> Play<R> {
    fn new(runtime: R, config: Config, punctual: bool) -> Self {
        let stage = Stage::default();
        let time = Virtual::new(runtime.clone(), Dispatch::new(stage.clone()));
        let mut options = Options::default();
        // It is the script that says what does not come in time.
        options.start_timeout = Duration::MAX;
        options.poll_timeout = Duration::MAX;
        options.stop_timeout = Duration::MAX;
        options.kill_timeout = Duration::MAX;
        let clients = time.turn(Instant::ZERO, || {
            let cluster = Cluster::new(time.clone(), stage.clone(), config, options);
            Clients::new(cluster.expect("a valid config"), stage.clone())
        });
        Play {
            runtime,
            time,
            stage,
            clients,
            core: Manager::new(config).expect("a valid config"),
            punctual,
        }
    }

    async fn quiet(&self) {
        within(&self.runtime, "nothing happens any more", self.time.quiet()).await;
    }

    async fn step(&mut self, step: &Step) -> Seen {
        self.quiet().await;
        while self.punctual
            && let Some(next) = self.time.next_waking().filter(|next| *next <= step.at)
        {
            self.time.turn(next, || ());
            self.quiet().await;
        }
        let (time, stage, clients) = (&self.time, &self.stage, &mut self.clients);
        let shut_down = self.core.is_shut_down();
        time.turn(step.at, || {
            for request in given_up(&step.notes) {
                clients.give_up(request);
            }
            act(step.event, clients, stage, shut_down);
        });
        self.quiet().await;
        let (machines, log) = {
            let mut book = self.stage.book();
            (
                std::mem::take(&mut book.asked),
                std::mem::take(&mut book.log),
            )
        };
        Seen {
            clients: self.clients.heard(),
            machines,
            lost: self.clients.lost(),
            log,
        }
    }

    /// Figures, machines and timer are the core's.
    fn stands_like_the_core(&self) {
        let counts = |counts: Counts| {
            let mut counts = counts;
            // At the end, the driver gives up the starts that are under way and does not wait for their answer.
            if self.core.is_shut_down() {
                (counts.pending, counts.machines.pending) = (0, 0);
            }
            counts
        };
        let cluster = &self.clients.cluster;
        assert_eq!(counts(cluster.counts()), counts(self.core.counts()));
        let machines = cluster.machines().into_iter();
        let machines: Vec<_> = machines
            .filter_map(|machine| Some((machine.id, machine.health?, machine.used)))
            .collect();
        let expected = self.core.machines();
        let expected: Vec<_> = expected
            .filter(|machine| machine.health() != Health::Pending)
            .map(|machine| (machine.id(), machine.health(), machine.used()))
            .collect();
        assert_eq!(machines, expected);
        if let Some(at) = self.core.next_timeout() {
            let waking = self.time.next_waking();
            assert!(
                waking.is_some_and(|waking| waking <= at),
                "it sleeps until {waking:?} and not until {at}"
            );
        }
    }

    /// All goes away, and nothing is left.
    async fn end(self) {
        let Play { time, stage, .. } = self;
        let now = time.now();
        time.turn(now, || drop(self.clients));
        within(&self.runtime, "the shutdown", time.quiet()).await;
        time.turn(now, || {
            let mut book = stage.book();
            let (starts, running) = (
                std::mem::take(&mut book.starts),
                std::mem::take(&mut book.running),
            );
            let (polls, works) = (
                std::mem::take(&mut book.polls),
                std::mem::take(&mut book.works),
            );
            let cancelled = std::mem::take(&mut book.cancelled);
            drop(book);
            drop((starts, running, polls, works, cancelled));
        });
        within(&self.runtime, "the end", time.quiet()).await;
        assert_eq!(time.tasks(), 0, "tasks are left");
        // Ours and the log's.
        assert_eq!(stage.handles(), 2, "somebody still holds the system");
    }
}

/// The world does what the event says.
fn act<R: Runtime>(event: Event, clients: &mut Clients<R>, stage: &Stage, shut_down: bool) {
    match event {
        Event::Submit {
            request,
            priority,
            demand,
        } => clients.submit(request, priority, demand),
        Event::Cancel { request } => clients.cancel(request),
        Event::Done { request, outcome } => clients.done(request, outcome),
        Event::Up { machine } => answer_start(stage, machine, Ok(()), false),
        Event::StartFailed { machine } => answer_start(stage, machine, failed(), shut_down),
        Event::Stopped { machine } => {
            let running = stage.book().running.remove(&machine);
            match running {
                Some(running) => running.send(()).expect("a machine is watched"),
                None => answer_start(stage, machine, failed(), shut_down),
            }
        }
        Event::Assign { machine, task } => clients.assign(machine, task),
        Event::Discard { machine, task } => clients.discard(machine, task),
        Event::Once {
            machine,
            key,
            waiter,
        } => clients.once(machine, key, waiter),
        Event::OnceDone {
            machine,
            key,
            outcome,
        } => {
            let work = stage.book().works.remove(&(machine, key));
            let work = work.expect("this work runs on this machine");
            work.send(outcome)
                .expect("work ends when the script says so");
        }
        Event::Forget { machine, key } => clients.forget(machine, key),
        Event::Polled { machine, answered } => {
            let poll = stage.book().polls.remove(&machine);
            let poll = poll.expect("a poll of this machine is out");
            let sent = poll.send(stage::figures(answered));
            sent.expect("a poll waits for its answer");
        }
        // Those who sleep wake by themselves.
        Event::Timer => {}
        Event::Shutdown => clients.shutdown(),
        other => panic!("no world in which {other:?} happens"),
    }
}

fn failed() -> Result<(), StartError> {
    Err(StartError::new(STOPPED))
}

fn answer_start(stage: &Stage, id: MachineId, answer: Result<(), StartError>, given_up: bool) {
    let start = stage.book().starts.remove(&id);
    let start = start.expect("this machine was asked for");
    let heard = start.send(answer).is_ok();
    assert!(heard || given_up, "nobody waits for {id}");
}

fn is_for_core_only(notes: &[String]) -> bool {
    notes.iter().any(|note| note.starts_with("# core only: "))
}

fn given_up(notes: &[String]) -> impl Iterator<Item = RequestId> + '_ {
    let named = notes
        .iter()
        .filter_map(|note| note.strip_prefix("# adapters: give up r"));
    named.map(|id| RequestId(id.parse().expect("a request's number")))
}

/// Plays a story; how many of its steps were for the core only.
async fn play<R: Runtime>(runtime: &R, story: &Story, punctual: bool) -> usize {
    let mut play = Play::new(runtime.clone(), story.script.config, punctual);
    let mut passed_over = 0;
    for step in &story.script.steps {
        let at = format!("{}, punctual {punctual}, at\n{step}", story.name);
        play.core.handle(step.event, step.at);
        if is_for_core_only(&step.notes) {
            let refused = |action: &Action| matches!(action, Action::Reject(_));
            assert!(step.actions.iter().all(refused), "{at}");
            passed_over += 1;
            continue;
        }
        let mut expected = Seen::told_by(step, play.core.is_shut_down());
        let mut seen = play.step(step).await;
        if punctual {
            expected.log.retain(|line| !is_summary(line));
            seen.log.retain(|line| !is_summary(line));
        }
        let (told, found) = (expected.lines(), seen.lines());
        assert!(seen == expected, "{at}\nexpected\n{told}seen\n{found}");
        play.stands_like_the_core();
    }
    play.end().await;
    passed_over
}

async fn every_script_is_what_clients_and_machines_see<R: Runtime>(runtime: R) {
    // With a single log in the process, tracing asks the log of whichever thread comes first to a line.
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(Stage::default()));

    let (mut played, mut core_only, mut passed_over) = (0, 0, 0);
    for story in stories::all() {
        if is_for_core_only(&story.script.heading) {
            core_only += 1;
            continue;
        }
        play(&runtime, &story, true).await;
        passed_over += play(&runtime, &story, false).await;
        played += 1;
    }
    println!(
        "{played} scripts were played, {core_only} and {passed_over} steps are for the core only"
    );
    assert_eq!(
        (core_only, passed_over),
        CORE_ONLY,
        "scripts and steps that the adapters do not play"
    );
    assert!(played >= 71, "{played} scripts were played");
}

on_both_adapters!(every_script_is_what_clients_and_machines_see);
