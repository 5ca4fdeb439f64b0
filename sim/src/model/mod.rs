//! The reference model: the rules of ARCHITECTURE.md as naively as they can be written down.
//!
//! Lists and sorts, sums taken anew each time, no heap, no index, nothing kept up to date. It was
//! written from the rules and not from the core, and is the oracle that the core is held against:
//! after every event the two must have answered with the same actions. Each function cites the
//! rules it states, and marks where it went ([`Mark`]), so that a swarm can show what it covered.

mod apply;
mod canon;
mod marks;
mod once;
mod steps;
mod view;

use remuda::{
    Action, Config, ConfigError, Event, Instant, MachineId, OnceKey, OnceOutcome, RequestId,
    TaskId, WaiterId,
};

pub use marks::{Mark, Marks};
pub use view::ModelMachine;

/// A request that waits, in the order of S3.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) id: RequestId,
    priority: i64,
    procs: u32,
}

/// A request that has a machine, in the order of the grants.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) id: RequestId,
    pub(crate) machine: MachineId,
    procs: u32,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum State {
    /// Asked for, when so many back-off steps had ever been made (F7).
    Pending {
        steps: u64,
    },
    Ok,
    /// Until then; for ever when that is past the end of time.
    Probation {
        until: Option<Instant>,
    },
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
    pub(crate) state: State,
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

/// What became of a machine that is no more.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fate {
    There,
    Lost,
    Failed,
}

/// Whether machines may be asked for (F7).
#[derive(Clone, Copy, PartialEq, Debug)]
enum Hold {
    No,
    Until(Instant),
    /// The back-off would end past the end of time.
    Forever,
}

/// The rules, written naively; see the [module's words](self).
///
/// ```
/// use remuda::{Config, Demand, Event, Instant, Manager, RequestId};
/// use remuda_sim::Model;
///
/// let config = Config::new(4, 16)?;
/// let (mut manager, mut model) = (Manager::new(config)?, Model::new(config)?);
/// let submit = Event::Submit { request: RequestId(1), priority: 0, demand: Demand::Machine };
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
    /// What became of each machine ever asked for, by id.
    pub(crate) fates: Vec<Fate>,
    /// Failed starts in a row (S8).
    failures: u64,
    /// Steps of the back-off since a machine came up, and ever (F7).
    step: u32,
    steps_ever: u64,
    /// When the last step's pause ends, for those who look.
    backoff_until: Option<Instant>,
    hold: Hold,
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
    News,
    LostRequest,
    LostTask,
    Once,
    Drop,
    RunOnce,
    Stop,
    Poll,
    Grant,
    Start,
}

impl Model {
    /// A model with nothing in it.
    ///
    /// # Errors
    /// As [`Manager::new`](remuda::Manager::new).
    pub fn new(config: Config) -> Result<Model, ConfigError> {
        config.validate()?;
        Ok(Model {
            config,
            now: Instant::ZERO,
            begun: false,
            shut_down: false,
            queue: Vec::new(),
            running: Vec::new(),
            machines: Vec::new(),
            waiters: Vec::new(),
            fates: Vec::new(),
            failures: 0,
            step: 0,
            steps_ever: 0,
            backoff_until: None,
            hold: Hold::No,
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
        if !self.begun {
            self.begun = true;
            self.summary = self.summary_after(now);
        }
        self.fire_due(now, actions);
        self.now = now;
        self.apply(event);
        self.finish_step(actions);
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
}
