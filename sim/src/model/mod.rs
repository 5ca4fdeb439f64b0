//! The reference model: the rules of ARCHITECTURE.md as naively as they can be written down.
//!
//! Lists and sorts, sums taken anew each time, no heap, no index, nothing kept up to date. It was
//! written from the rules and not from the core, and is the oracle that the core is held against:
//! after every event the two must have answered with the same actions. Each function cites the
//! rules it states, and marks where it went ([`Mark`]), so that a swarm can show what it covered.
//!
//! One topic a file: `requests` (Q, F2, R3), `machines` (up, stopped, joins: S8, S12, J1), `drain`
//! (D), `health` (S9–S11, H), `poll` (S17, F8), `once` (S14–S16), `backoff` (F7, G3), `limits`
//! (E3), `place` (P1–P3), `hold` (P4), `grow` (G1, G2), `replace` (G5), `shrink` (E1, E2, E4),
//! `bigslice` (S3–S5, S7), `timers` (F10, S21), `steps` (the parts of a step, F11).

mod backoff;
mod bigslice;
mod canon;
mod drain;
mod grow;
mod health;
mod hold;
mod limits;
mod machines;
mod marks;
mod once;
mod place;
mod poll;
mod replace;
mod requests;
mod shrink;
mod steps;
mod timers;
mod view;

use remuda::{
    Action, Config, ConfigError, Event, Instant, KindId, Kinds, MachineId, OnceKey, OnceOutcome,
    Policy, RequestId, Resources, Submit, TaskId, WaiterId,
};

pub use marks::{Mark, Marks};
pub use view::{Figures, ModelMachine};

/// A request that is queued, in the order of arrival.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) id: RequestId,
    pub(crate) spec: Submit,
    /// The kinds that it accepts and whose capacity takes its demand (P4).
    group: Kinds,
    /// What its group had been granted when it was submitted (P4).
    granted_before: u64,
    /// What all kinds had been granted then (G5).
    all_granted_before: u64,
}

/// A request that has a machine, in the order of the grants.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) id: RequestId,
    pub(crate) machine: MachineId,
    amounts: Resources,
    /// When it was granted (P4).
    since: Instant,
}

/// The health of a machine; whether it drains or stops is in [`Leaving`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum State {
    /// Asked for and not yet answered.
    Pending,
    Ok,
    /// Until then; for ever when that is past the end of time.
    Probation {
        until: Option<Instant>,
    },
}

/// Whether a machine is on its way out (D1).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Leaving {
    No,
    /// No new grants; told to stop when nothing runs there, or then.
    Draining {
        until: Option<Instant>,
    },
    /// Told to stop, and not yet gone.
    Stopping,
}

/// Whether a machine must still show that it stays up (G3).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Trial {
    No,
    /// Until then, or its first *ok*.
    Until(Instant),
    /// Until its first *ok*: the time to settle ends past the end of time.
    UntilOk,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Poll {
    Never,
    Due(Instant),
    Out,
}

/// A machine that is pending or in service, in the order of ids.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) id: MachineId,
    pub(crate) kind: KindId,
    /// What it offers; its kind's capacity while it is pending (R4).
    pub(crate) offer: Resources,
    pub(crate) state: State,
    pub(crate) leaving: Leaving,
    pub(crate) trial: Trial,
    /// How many back-off steps its kind had ever made when it was asked for (F7).
    steps: u64,
    /// Passages from good health to probation since the last *ok* (H2).
    pub(crate) passages: u32,
    /// When it came up (E3).
    up_at: Instant,
    /// When its last grant ended, else when it came up (E1).
    idle_from: Instant,
    pub(crate) poll: Poll,
    /// Polls in a row that came back unanswered (F8).
    silence: u32,
    pub(crate) tasks: Vec<TaskId>,
    /// Once-work and its result; none while it runs.
    pub(crate) once: Vec<(OnceKey, Option<OnceOutcome>)>,
}

/// Someone who waits for once-work, in the order of asking.
#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) id: WaiterId,
    machine: MachineId,
    key: OnceKey,
}

/// What became of a machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fate {
    There,
    /// It was in service, and is gone without having been told to stop (S12, F8).
    Lost,
    /// It was told to stop, and is gone (D1, E2).
    Ended,
    /// It did not start (S8).
    Failed,
    /// The id was passed over by a later machine that joined (J1).
    Skipped,
}

/// A machine that was ever asked for or has ever joined, in the order in which they were.
#[derive(Clone, Debug)]
struct Known {
    id: MachineId,
    kind: KindId,
    fate: Fate,
}

/// Whether machines may be asked for (F7).
#[derive(Clone, Copy, PartialEq, Debug)]
enum Pause {
    No,
    Until(Instant),
    /// It would end past the end of time.
    Forever,
}

/// The failed starts of one kind (F7, S8, G3), and what its machines offer (R4).
#[derive(Clone, Debug)]
struct KindState {
    /// Failed starts in a row (S8).
    failures: u64,
    /// Steps of the back-off since a start went well, and ever (F7).
    step: u32,
    steps_ever: u64,
    /// When the last step's pause ends, for those who look.
    backoff_until: Option<Instant>,
    backoff: Pause,
    /// The pause after *at capacity* (G3).
    capacity_stop: Pause,
    /// Whether no machine has come up since the last step (G3).
    ramp: bool,
    /// The expected offer (R4).
    expected: Resources,
    /// Procs of all grants ever made on its machines (P4).
    granted: u64,
}

/// A machine that is held for a request (P4).
#[derive(Clone, Debug)]
struct Held {
    request: RequestId,
    /// The group of the request.
    group: Kinds,
    machine: MachineId,
    /// When the hold ends at the latest.
    until: Option<Instant>,
}

/// The rules, written naively; see the [module's words](self).
///
/// ```
/// use remuda::{Config, Event, Instant, Manager, RequestId, Submit};
/// use remuda_sim::Model;
///
/// let config = Config::new(4, 16)?;
/// let (mut manager, mut model) = (Manager::new(config.clone())?, Model::new(config)?);
/// let submit = Event::Submit { request: RequestId(1), spec: Submit::machine() };
/// assert_eq!(manager.handle(submit, Instant::ZERO), model.handle(submit, Instant::ZERO));
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    now: Instant,
    /// Whether any event came yet: the first summary counts from it.
    begun: bool,
    shut_down: bool,
    pub(crate) queue: Vec<Queued>,
    pub(crate) running: Vec<Running>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) waiters: Vec<Waiter>,
    known: Vec<Known>,
    /// By number.
    kinds: Vec<KindState>,
    /// At most one for each group (P4).
    holds: Vec<Held>,
    /// What each group had been granted when its last holder was (P4).
    hold_marks: Vec<(Kinds, u64)>,
    /// Demands whose `NoHome` was said (G1).
    no_home_said: Vec<grow::DemandKey>,
    summary: Option<Instant>,
    /// The deadline that the timer actions last spoke of.
    armed: Option<Instant>,
    /// The actions of the step at hand, with their places in F11.
    step_actions: Vec<(Place, Action)>,
    marks: Marks,
}

/// Where an action stands in its step (F11).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    /// Rejections and notices.
    News,
    Expired,
    LostRequest,
    LostTask,
    Once,
    Drop,
    RunOnce,
    Stop,
    Poll,
    Grant,
    Held,
    /// Idle stops, growth and withdrawal, as they come about.
    Resize,
}

impl Model {
    /// A model with nothing in it.
    ///
    /// # Errors
    /// As [`Manager::new`](remuda::Manager::new).
    pub fn new(config: Config) -> Result<Model, ConfigError> {
        config.validate()?;
        let kinds = config.kinds.iter().map(|kind| KindState {
            failures: 0,
            step: 0,
            steps_ever: 0,
            backoff_until: None,
            backoff: Pause::No,
            capacity_stop: Pause::No,
            ramp: false,
            expected: kind.capacity,
            granted: 0,
        });
        Ok(Model {
            kinds: kinds.collect(),
            config,
            now: Instant::ZERO,
            begun: false,
            shut_down: false,
            queue: Vec::new(),
            running: Vec::new(),
            machines: Vec::new(),
            waiters: Vec::new(),
            known: Vec::new(),
            holds: Vec::new(),
            hold_marks: Vec::new(),
            no_home_said: Vec::new(),
            summary: None,
            armed: None,
            step_actions: Vec::new(),
            marks: Marks::default(),
        })
    }

    /// As [`Manager::handle`](remuda::Manager::handle).
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        self.handle_into(event, now, &mut actions);
        actions
    }

    /// As [`Manager::handle_into`](remuda::Manager::handle_into).
    pub fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        if now < self.now {
            self.mark(Mark::F5ClockStepsBack);
        }
        let now = now.max(self.now);
        let first = !self.begun;
        if first {
            self.begun = true;
            self.summary = self.summary_after(now);
        }
        self.fire_due(now, actions);
        self.now = now;
        self.apply(event);
        let rejected = |(_, action): &(Place, Action)| matches!(action, Action::Reject(_));
        if event != Event::Timer && !self.step_actions.iter().any(rejected) {
            self.finish_step(actions);
        } else if first {
            self.mark(Mark::FirstEventHasAStep);
            self.finish_step(actions);
        } else {
            // F5, F10: no step of its own; all that is said is the rejection.
            self.say_step(actions);
        }
        self.timer_action(event == Event::Timer, actions);
    }

    /// What was marked so far.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(crate) fn begun(&self) -> bool {
        self.begun
    }

    fn mark(&mut self, mark: Mark) {
        self.marks.hit(mark);
    }

    fn act(&mut self, place: Place, action: Action) {
        self.step_actions.push((place, action));
    }

    fn machine(&mut self, id: MachineId) -> Option<&mut Machine> {
        self.machines.iter_mut().find(|m| m.id == id)
    }

    fn is_bigslice(&self) -> bool {
        self.config.policy == Policy::Bigslice
    }

    /// What became of the machine; none if there never was one with this id.
    pub(crate) fn fate(&self, id: MachineId) -> Option<Fate> {
        let known = self.known.iter().find(|known| known.id == id);
        let skipped = id.is_joined() && self.highest_joined().is_some_and(|highest| id < highest);
        known
            .map(|known| known.fate)
            .or(skipped.then_some(Fate::Skipped))
    }

    /// The highest id that has joined (J1).
    fn highest_joined(&self) -> Option<MachineId> {
        let ids = self.known.iter().map(|known| known.id);
        ids.filter(|id| id.is_joined()).max()
    }
}
