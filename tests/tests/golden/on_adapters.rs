//! The scripts through the driver, on both adapters: machines and clients do what a script's events say, and must see
//! what a manager decides that is told the same, at each moment at which something happens.
//!
//! Each side hears in the order in which the manager decided: clients (grants, answers, lost tasks, refusals), machines
//! (drops, runs, stops, polls, starts), the log (notices). That a lease was lost is a state of it, and that a start was given
//! up one of the start. What the manager says of its timer is looked at as well: the driver never sleeps longer.
//!
//! A script is played twice. *Late*: time jumps to the next event, which the manager hears before the timer; it decides what
//! the script says. *Punctual*: the driver's timer fires at each deadline on the way.
//!
//! The driver says more than a script in two places. It tells the manager the time at once if there are machines that no
//! request asks for (G2); and when a machine is told to stop before it is up (E4), or all is shut down (S22), it gives the
//! start up and says there and then that it failed. What the script says of that machine later, nobody hears.
//!
//! `CORE_ONLY` names the scripts that the adapters do not play. A comment `core only: why` before a step keeps the step
//! from them; it must be refused. `adapters: give up r1` before a step has the client of r1 drop its lease under a running
//! call (F12); `done r1` is the end of that call then.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use remuda::{
    Action, Config, Event, Health, Instant, Loss, MachineId, Manager, Notice, RequestId, StartHint,
};
use remuda_driver::{Cluster, Options, Runtime, StartError};
use remuda_sim::script::{self, Step};
use remuda_tests::virtual_time::Virtual;
use remuda_tests::{on_both_adapters, within};
use tracing::Dispatch;

use crate::clients::Clients;
use crate::stage::{self, STOPPED, Stage, StartAnswer};
use crate::stories::{self, Story};

/// The scripts that the adapters do not play, and why.
const CORE_ONLY: [(&str, &str); 6] = [
    (
        "f05_a_clock_that_steps_back_is_the_latest_time_seen",
        "the clock of a runtime never steps back",
    ),
    (
        "f05_a_wrong_event_changes_nothing_but_the_time",
        "the driver makes its ids and answers each question once",
    ),
    (
        "f05_stopped_twice_is_a_no_op",
        "the driver says once that a machine has stopped",
    ),
    (
        "g02_a_first_event_that_is_rejected_has_a_step",
        "the driver makes its ids",
    ),
    (
        "j01_a_machine_that_was_there_before_joins",
        "the driver makes the ids of those who join, and leaves none out",
    ),
    (
        "s08_failures_are_counted_for_each_kind",
        "the driver ends the requests for which nothing could be started, when nothing ever was up (F7)",
    ),
];

/// So many scripts have a driver say more, and so many steps are for the core only.
const SAID: (usize, usize) = (21, 4);

/// What the sides see at one moment.
#[derive(Default, PartialEq, Eq)]
struct Seen {
    clients: Vec<Action>,
    machines: Vec<Action>,
    given_up: BTreeSet<MachineId>,
    lost: Vec<Action>,
    log: Vec<String>,
}

/// Whether a client or an operator hears that this was refused.
fn is_answered(event: &Event) -> bool {
    matches!(
        event,
        Event::Submit { .. }
            | Event::Join { .. }
            | Event::Drain { .. }
            | Event::Keep { .. }
            | Event::SetLimits { .. }
            | Event::SetMaxProcs { .. }
            | Event::AssignTask { .. }
            | Event::DiscardTask { .. }
            | Event::Once { .. }
            | Event::ForgetOnce { .. }
    )
}

impl Seen {
    /// One side sees that this was decided.
    fn add<R: Runtime>(&mut self, action: Action, event: &Event, clients: &Clients<R>, over: bool) {
        match action {
            Action::Grant { .. }
            | Action::Expired { .. }
            | Action::Cancelled { .. }
            | Action::OnceReady { .. }
            | Action::TaskLost { .. } => self.clients.push(action),
            Action::Start { .. }
            | Action::Stop { .. }
            | Action::DropTask { .. }
            | Action::RunOnce { .. }
            | Action::Poll { .. } => self.machines.push(action),
            Action::RequestLost {
                request,
                machine,
                by: _,
            } => self.lost.push(Action::RequestLost {
                request,
                machine,
                by: Loss::Stopped,
            }),
            // Told again only once in a while.
            Action::Notice(Notice::StartsFailing { failures: 10.., .. }) => {}
            Action::Notice(notice) => self.log.push(line(notice, event, clients, over)),
            // Of what a system or a dropped lease says, nobody hears whether it was refused.
            Action::Reject(_) if is_answered(event) => self.clients.push(action),
            Action::Reject(_) | Action::SetTimer { .. } | Action::ClearTimer => {}
        }
    }

    fn lines(&self) -> String {
        let words = |actions: &[Action]| -> Vec<String> {
            let words = actions.iter().map(|it| script::action(it).to_string());
            words.collect()
        };
        let (clients, machines, lost) = (&self.clients, &self.machines, &self.lost);
        format!(
            "  clients: {}\n  machines: {}\n  given up: {:?}\n  leases: {}\n  log: {}\n",
            words(clients).join(", "),
            words(machines).join(", "),
            self.given_up,
            words(lost).join(", "),
            self.log.join(", ")
        )
    }
}

/// A notice as the driver logs it.
fn line<R: Runtime>(notice: Notice, event: &Event, clients: &Clients<R>, over: bool) -> String {
    match notice {
        Notice::Ended { machine } => {
            let why = match event {
                Event::StartFailed { .. } => "it was not up yet",
                _ => STOPPED,
            };
            format!("{machine} ended, as it was told to: {why}")
        }
        Notice::MachineLost { machine, by } => {
            let how = if over { "ended" } else { "was lost" };
            let why = match by {
                Loss::Silence => "its last polls went unanswered",
                _ => STOPPED,
            };
            format!("{machine} {how}: {why}")
        }
        Notice::Held { request, machine } => {
            let request = clients.name(request);
            Notice::Held { request, machine }.to_string()
        }
        Notice::NoHome { request } => {
            let request = clients.name(request);
            Notice::NoHome { request }.to_string()
        }
        other => other.to_string(),
    }
}

struct Play<'a, R: Runtime> {
    story: &'a Story,
    punctual: bool,
    runtime: R,
    time: Virtual<R>,
    stage: Stage,
    clients: Clients<R>,
    /// A manager that is told the same.
    told: Manager,
    /// The machines whose start is under way.
    starting: BTreeSet<MachineId>,
    /// Those whose start the driver gave up.
    given_up: BTreeSet<MachineId>,
    /// The driver has said what the script does not.
    said_more: bool,
}

impl<'a, R: Runtime> Play<'a, R> {
    fn new(runtime: R, story: &'a Story, punctual: bool) -> Self {
        let stage = Stage::default();
        let time = Virtual::new(runtime.clone(), Dispatch::new(stage.clone()));
        let mut options = Options::default();
        // It is the script that says what does not come in time, and what a machine offers.
        options.start_timeout = Duration::MAX;
        options.poll_timeout = Duration::MAX;
        options.stop_timeout = Duration::MAX;
        options.kill_timeout = Duration::MAX;
        options.admit_less = true;
        let config = &story.script.config;
        let clients = time.turn(Instant::ZERO, || {
            let cluster = Cluster::new(time.clone(), stage.clone(), config.clone(), options);
            Clients::new(cluster.expect("a valid config"), stage.clone())
        });
        Play {
            story,
            punctual,
            runtime,
            time,
            stage,
            clients,
            told: Manager::new(config.clone()).expect("a valid config"),
            starting: BTreeSet::new(),
            given_up: BTreeSet::new(),
            said_more: false,
        }
    }

    /// From the first step to the last; how many of them were for the core only, or what was otherwise.
    async fn play(&mut self) -> Result<usize, String> {
        self.quiet().await;
        let mut passed_over = 0;
        if keeps_machines(&self.story.script.config) {
            self.said_more = true;
            let expected = self.tell(Event::Timer, Instant::ZERO, None);
            self.must_see(expected, "at the beginning")?;
        }
        for step in &self.story.script.steps {
            if is_for_core_only(&step.notes) {
                let refused = |action: &Action| matches!(action, Action::Reject(_));
                let all = step.actions.iter().all(refused);
                assert!(all, "{}: not only refused:\n{step}", self.story.name);
                passed_over += 1;
                continue;
            }
            while self.punctual
                && let Some(next) = self.told.next_timeout().filter(|next| *next <= step.at)
            {
                self.turn(next, Event::Timer, step).await?;
            }
            let event = match step.event {
                Event::Up { machine, .. }
                | Event::StartFailed { machine, .. }
                | Event::Stopped { machine }
                    if self.given_up.contains(&machine) =>
                {
                    Event::Timer
                }
                event => event,
            };
            self.turn(step.at, event, step).await?;
        }
        Ok(passed_over)
    }

    /// The manager is told; what the sides must see of it. Unless the driver has said more, it decides what is written.
    fn tell(&mut self, event: Event, now: Instant, written: Option<&Step>) -> Seen {
        let (mut expected, mut decided) = (Seen::default(), Vec::new());
        let mut said = vec![event];
        while !said.is_empty() {
            let event = said.remove(0);
            match event {
                Event::Up { machine, .. }
                | Event::StartFailed { machine, .. }
                | Event::Stopped { machine } => drop(self.starting.remove(&machine)),
                _ => {}
            }
            let mut given_up = Vec::new();
            let actions = self.told.handle(event, now);
            let over = self.told.is_shut_down();
            for action in actions {
                decided.push(action);
                match action {
                    Action::Start { first, count, .. } => {
                        let ids = (first.0..).take(count as usize);
                        self.starting.extend(ids.map(MachineId));
                    }
                    Action::Stop { machine } if self.starting.remove(&machine) => {
                        given_up.push(machine);
                        continue;
                    }
                    _ => {}
                }
                expected.add(action, &event, &self.clients, over);
            }
            if over {
                given_up.extend(std::mem::take(&mut self.starting));
            }
            expected.given_up.extend(&given_up);
            for machine in given_up {
                self.said_more = true;
                self.given_up.insert(machine);
                let hint = None;
                said.push(Event::StartFailed { machine, hint });
            }
        }
        if let Some(step) = written.filter(|_| !self.said_more) {
            assert_eq!(decided, step.actions, "{}:\n{step}", self.story.name);
        }
        expected
    }

    async fn quiet(&self) {
        within(&self.runtime, "nothing happens any more", self.time.quiet()).await;
    }

    /// Something happens, of this step or on the way to it.
    async fn turn(&mut self, at: Instant, event: Event, step: &Step) -> Result<(), String> {
        let (stage, clients) = (&self.stage, &mut self.clients);
        self.time.turn(at, || {
            if event == step.event {
                for request in given_up(&step.notes) {
                    clients.give_up(request);
                }
            }
            act(event, at, clients, stage);
        });
        let written = Some(step).filter(|_| !self.punctual);
        let expected = self.tell(event, at, written);
        self.quiet().await;
        let moment = format!("at {at} {}, on the way to\n{step}", script::event(&event));
        self.must_see(expected, &moment)
    }

    /// The sides see just this, and the driver's figures are the manager's.
    fn must_see(&mut self, mut expected: Seen, moment: &str) -> Result<(), String> {
        let clients = self.clients.heard();
        let lost = self.clients.lost();
        let mut book = self.stage.book();
        let mut seen = Seen {
            clients,
            machines: std::mem::take(&mut book.asked),
            given_up: std::mem::take(&mut book.given_up),
            lost,
            log: std::mem::take(&mut book.log),
        };
        drop(book);
        for seen in [&mut seen, &mut expected] {
            seen.lost.sort_by_key(|lost| match lost {
                Action::RequestLost { request, .. } => *request,
                other => unreachable!("{other:?} is no loss of a lease"),
            });
        }
        if seen != expected {
            let (told, found) = (expected.lines(), seen.lines());
            return Err(format!("{moment}expected\n{told}seen\n{found}"));
        }
        let stands = self.stands_like_the_manager();
        stands.map_err(|wrong| format!("{moment}{wrong}\n"))
    }

    /// Figures, machines and timer are the manager's.
    fn stands_like_the_manager(&self) -> Result<(), String> {
        let cluster = &self.clients.cluster;
        let (counts, expected) = (cluster.counts(), self.told.counts());
        if counts != expected {
            return Err(format!("it counts {counts:?}\nand not {expected:?}"));
        }
        let machines = cluster.machines().into_iter();
        let machines: Vec<_> = machines
            .filter_map(|it| Some((it.id, it.kind, it.health?, it.used, it.offer)))
            .collect();
        let expected = self.told.machines();
        let expected: Vec<_> = expected
            .filter(|it| it.health() != Health::Pending)
            .map(|it| (it.id(), it.kind(), it.health(), it.used(), it.offer()))
            .collect();
        if machines != expected {
            return Err(format!("it has {machines:?}\nand not {expected:?}"));
        }
        match (self.told.next_timeout(), self.time.next_waking()) {
            (Some(at), waking) if waking.is_none_or(|waking| waking > at) => {
                Err(format!("it sleeps until {waking:?} and not until {at}"))
            }
            _ => Ok(()),
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
fn act<R: Runtime>(event: Event, now: Instant, clients: &mut Clients<R>, stage: &Stage) {
    match event {
        Event::Submit { request, spec } => clients.submit(request, spec, now),
        Event::Cancel { request } => clients.cancel(request),
        Event::Done {
            request, outcome, ..
        } => clients.done(request, outcome),
        Event::Up { machine, offer } => answer_start(stage, machine, Ok(offer)),
        Event::StartFailed { machine, hint } => answer_start(stage, machine, failed(hint)),
        Event::Stopped { machine } => {
            let running = stage.book().running.remove(&machine);
            match running {
                Some(running) => running.send(()).expect("a machine is watched"),
                None => answer_start(stage, machine, failed(None)),
            }
        }
        Event::Join {
            machine,
            kind,
            offer,
        } => clients.join(machine, kind, offer),
        Event::Drain { machine, until } => clients.operate(|it| it.drain(machine, until)),
        Event::Keep { machine } => clients.operate(|it| it.keep(machine)),
        Event::SetLimits { kind, limits } => clients.operate(|it| it.set_limits(kind, limits)),
        Event::SetMaxProcs { max_procs } => clients.operate(|it| it.set_max_procs(max_procs)),
        Event::AssignTask { machine, task } => clients.operate(|it| it.assign(machine, task)),
        Event::DiscardTask { machine, task } => clients.operate(|it| it.discard(machine, task)),
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
        Event::ForgetOnce { machine, key } => clients.operate(|it| it.forget(machine, key)),
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

fn failed(hint: Option<StartHint>) -> StartAnswer {
    let error = StartError::new(STOPPED);
    Err(match hint {
        None => error,
        Some(StartHint::RetryAfter(time)) => error.retry_after(time),
        Some(StartHint::AtCapacity) => error.at_capacity(),
        Some(other) => panic!("no system says {other:?}"),
    })
}

fn answer_start(stage: &Stage, id: MachineId, answer: StartAnswer) {
    let start = stage.book().starts.remove(&id);
    let start = start.expect("this machine was asked for");
    assert!(start.send(answer).is_ok(), "nobody waits for {id}");
}

/// Whether there are machines that no request asks for (G2).
fn keeps_machines(config: &Config) -> bool {
    let mut kinds = config.kinds.iter();
    kinds.any(|kind| kind.min > 0 || kind.spare > 0)
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

async fn every_script_is_what_clients_and_machines_see<R: Runtime>(runtime: R) {
    // With a single log in the process, tracing asks the log of whichever thread comes first to a line.
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(Stage::default()));

    let (mut played, mut core_only, mut said_more, mut passed_over) = (0, 0, 0, 0);
    let mut differences = String::new();
    for story in stories::all() {
        if CORE_ONLY.iter().any(|(name, _)| *name == story.name) {
            core_only += 1;
            continue;
        }
        for punctual in [true, false] {
            let mut play = Play::new(runtime.clone(), &story, punctual);
            match play.play().await {
                Ok(steps) if !punctual => {
                    passed_over += steps;
                    said_more += usize::from(play.said_more);
                }
                Ok(_) => {}
                Err(wrong) => {
                    differences += &format!("{}, punctual {punctual}, {wrong}", story.name);
                }
            }
            play.end().await;
        }
        played += 1;
    }
    assert!(differences.is_empty(), "{differences}");
    println!(
        "{played} scripts were played; {core_only} and {passed_over} steps are for the core only; in {said_more} the driver says more"
    );
    assert_eq!(core_only, CORE_ONLY.len(), "each name is a script's");
    assert_eq!((said_more, passed_over), SAID);
}

on_both_adapters!(every_script_is_what_clients_and_machines_see);
