//! The manager: one call takes an event and says what to do.

mod deadlines;
mod drains;
mod growth;
mod health;
mod lifecycle;
mod once;
mod placement;
mod poll;
mod requests;
mod shortcut;
mod shrink;
mod tasks;

use alloc::vec::Vec;

use crate::index::Requests;
use crate::machines::Machines;
use crate::protocol::action::{Action, Notice};
use crate::protocol::config::{Config, Packing, Policy};
use crate::protocol::event::Event;
use crate::protocol::id::{KindId, MachineId};
use crate::protocol::reject::Reject;
use crate::protocol::time::Instant;
use crate::protocol::validate::ConfigError;
use crate::queue::Queue;

pub(crate) use deadlines::Summary;
pub(crate) use growth::Growth;
#[cfg(feature = "journal")]
pub(crate) use growth::Pause;
use placement::Candidates;
#[cfg(any(feature = "serde", test))]
pub(crate) use placement::hold::Hold;
pub(crate) use placement::hold::Holds;

/// A cluster's state, and the decisions about it.
///
/// The same config and the same events at the same times give the same actions, byte for byte, in
/// every run, build and platform (F6). No sequence of events makes it panic or lose track (F5).
///
/// ```
/// use remuda::{Action, Config, Event, Instant, KindId, MachineId, Manager, Outcome, RequestId, Submit};
///
/// let mut manager = Manager::new(Config::new(4, 16)?)?;
/// let (request, machine) = (RequestId(1), MachineId(0));
///
/// let submit = Event::Submit { request, spec: Submit::procs(2) };
/// let actions = manager.handle(submit, Instant::ZERO);
/// assert_eq!(actions[0], Action::Start { kind: KindId(0), first: machine, count: 1 });
///
/// let actions = manager.handle(Event::Up { machine, offer: None }, Instant::from_secs(1));
/// assert_eq!(actions[..2], [Action::Poll { machine }, Action::Grant { request, machine }]);
///
/// let done = Event::Done { request, machine: Some(machine), outcome: Outcome::Ok };
/// manager.handle_into(done, Instant::from_secs(2), &mut Vec::new());
/// assert_eq!(manager.counts().running, 0);
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Manager {
    pub(crate) config: Config,
    /// The limit of procs in force (E3).
    pub(crate) max_procs: u64,
    /// The latest time seen (F5).
    pub(crate) now: Instant,
    pub(crate) requests: Requests,
    pub(crate) queue: Queue,
    pub(crate) machines: Machines,
    /// Of each kind.
    pub(crate) growth: Vec<Growth>,
    /// The id that the next machine gets that is asked for (G4).
    pub(crate) next_machine: MachineId,
    /// The least id that a joining machine may have (J1).
    pub(crate) next_joined: MachineId,
    pub(crate) holds: Holds,
    pub(crate) summary: Summary,
    /// The deadline of the last timer action (S21).
    pub(crate) armed: Option<Instant>,
    pub(crate) shutdown: bool,
    /// Whether a deadline may have changed that is not a machine's.
    deadlines_dirty: bool,
    /// Which machine of several a request gets (P3).
    packing: Packing,
    /// The procs of the smallest kind.
    least_procs: u64,
    candidates: Candidates,
    /// The changes of machines' health that placement has looked at.
    health_changes_placed: u64,
}

impl Manager {
    /// A manager of no machines and no requests.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn new(config: Config) -> Result<Manager, ConfigError> {
        config.validate()?;
        Ok(Manager {
            max_procs: config.max_procs,
            now: Instant::ZERO,
            requests: Requests::new(),
            queue: Queue::new(config.policy),
            machines: Machines::new(&config),
            growth: config.kinds.iter().map(|_| Growth::new()).collect(),
            next_machine: MachineId(0),
            next_joined: MachineId::joined(0),
            holds: Holds::new(),
            summary: Summary::NotBegun,
            armed: None,
            shutdown: false,
            deadlines_dirty: true,
            packing: config.packing_in_use(),
            least_procs: { config.kinds.iter() }
                .map(|kind| u64::from(kind.capacity.proc_count()))
                .min()
                .unwrap_or(0),
            candidates: Candidates::default(),
            health_changes_placed: 0,
            config,
        })
    }

    /// Takes an event that happened at `now` and says what to do, in order (F11).
    ///
    /// This is the only way to change a manager. One call does it all: time is clamped to the
    /// latest seen, what is due fires (F10), the event is applied, requests are placed until
    /// nothing more fits (P2), the cluster shrinks and grows. Nothing is due when it returns.
    ///
    /// A wrong event is answered by [`Action::Reject`] and changes nothing but the time (F5).
    #[must_use = "the actions have to be done"]
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        self.handle_into(event, now, &mut actions);
        actions
    }

    /// Like [`Manager::handle`], but appends to the caller's buffer: where that is reused, a steady
    /// state allocates nothing.
    pub fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        let now = self.now.max(now);
        if self.take_shortcut(&event, now, actions) {
            return;
        }
        self.decide(&event, now, actions);
    }

    /// The way that every event can take.
    fn decide(&mut self, event: &Event, now: Instant, actions: &mut Vec<Action>) {
        let first = self.summary == Summary::NotBegun;
        self.fire_due(now, actions);
        self.now = now;
        let step = actions.len();
        let applied = self.apply(event, actions);
        // A timer and a rejection have no step of their own (F5, F10), but mins are there from the
        // first event on (G2).
        let has_step = first || (applied.is_ok() && *event != Event::Timer);
        if let Err(reject) = applied {
            actions.push(Action::Reject(reject));
        }
        if has_step {
            self.settle(step, actions);
        }
        self.rearm(*event == Event::Timer, actions);
        self.compact();
    }

    #[inline]
    fn apply(&mut self, event: &Event, actions: &mut Vec<Action>) -> Result<(), Reject> {
        match *event {
            Event::Submit { request, ref spec } => self.submit(request, spec, actions),
            Event::Cancel { request } => self.cancel(request),
            Event::Done {
                request,
                machine,
                outcome,
            } => self.done(request, machine, outcome, actions),
            Event::Join {
                machine,
                kind,
                offer,
            } => self.join(machine, kind, offer, actions),
            Event::Up { machine, offer } => self.up(machine, offer, actions),
            Event::StartFailed { machine, hint } => self.start_failed(machine, hint, actions),
            Event::Stopped { machine } => self.stopped(machine, actions),
            Event::Drain { machine, until } => self.drain_event(machine, until, actions),
            Event::Keep { machine } => self.keep(machine, actions),
            Event::SetLimits { kind, limits } => self.set_limits(kind, limits, actions),
            Event::SetMaxProcs { max_procs } => self.set_max_procs(max_procs, actions),
            Event::AssignTask { machine, task } => self.assign_task(machine, task, actions),
            Event::DiscardTask { machine, task } => self.discard_task(machine, task, actions),
            Event::Once {
                machine,
                key,
                waiter,
            } => self.once(machine, key, waiter, actions),
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => self.once_done(machine, key, outcome, actions),
            Event::ForgetOnce { machine, key } => self.forget_once(machine, key),
            Event::Polled { machine, answered } => self.polled(machine, answered, actions),
            Event::Timer => Ok(()),
            Event::Shutdown => {
                self.shut_down(actions);
                Ok(())
            }
        }
    }

    /// What follows every change, the first action of which is at `step`: empty drains stop,
    /// requests are placed, then the cluster shrinks and grows.
    #[inline]
    fn settle(&mut self, step: usize, actions: &mut Vec<Action>) {
        // A machine that is gone is not among them, but may have kept a request off another (P3).
        let changed = !self.machines.touched().is_empty()
            || self.machines.health_changes != self.health_changes_placed;
        if changed || self.config.policy == Policy::Bigslice {
            self.stop_drained(actions);
            self.place(actions);
            self.machines.relist();
        }
        self.give_holds(actions);
        self.machines.relist();
        order_actions(&mut actions[step..]);
        match self.config.policy {
            Policy::Bigslice => self.grow_bigslice(actions),
            Policy::Fit => {
                self.stop_idle(actions);
                self.grow_fit(actions);
            }
        }
        self.machines.relist();
    }

    /// Grants what fits on the machines that this step has changed.
    #[inline]
    fn place(&mut self, actions: &mut Vec<Action>) {
        match self.config.policy {
            Policy::Fit => self.place_fit(actions),
            Policy::Bigslice => {
                self.machines.relist();
                self.place_bigslice(actions);
            }
        }
    }

    /// Gives memory back that a flood of requests took.
    #[inline]
    fn compact(&mut self) {
        if let Some(moves) = self.requests.compact() {
            { self.requests.iter_mut() }.for_each(|request| request.follow(&moves));
            self.queue.follow(&moves);
            self.machines.follow(&moves);
            self.holds.follow(&moves);
        }
    }

    /// A kind that the config has.
    fn known_kind(&self, kind: KindId) -> Result<usize, Reject> {
        let known = usize::from(kind.0);
        match known < self.machines.kinds.len() {
            true => Ok(known),
            false => Err(Reject::UnknownKind { kind }),
        }
    }

    /// The slot of a machine that there is or was; `None` when it is gone.
    fn known(&self, machine: MachineId) -> Result<Option<u32>, Reject> {
        let next = match machine.is_joined() {
            true => self.next_joined,
            false => self.next_machine,
        };
        match machine < next {
            true => Ok(self.machines.find(machine)),
            false => Err(Reject::UnknownMachine { machine }),
        }
    }

    /// The slot of a machine that was up and is there; `None` when it is gone.
    fn in_service_or_gone(&self, machine: MachineId) -> Result<Option<u32>, Reject> {
        let slot = self.known(machine)?;
        match slot {
            Some(slot) if !self.machines.get(slot).was_up() => {
                Err(Reject::MachineNotInService { machine })
            }
            _ => Ok(slot),
        }
    }

    fn in_service(&self, machine: MachineId) -> Result<u32, Reject> {
        let slot = self.in_service_or_gone(machine)?;
        slot.ok_or(Reject::MachineNotInService { machine })
    }
}

/// Where an action stands in its step (F11).
fn place_in_step(action: &Action) -> u32 {
    match action {
        Action::Notice(Notice::Held { .. }) => 11,
        Action::Reject(_) | Action::Notice(_) | Action::Cancelled { .. } => 0,
        Action::Expired { .. } => 1,
        Action::RequestLost { .. } => 2,
        Action::TaskLost { .. } => 3,
        Action::OnceReady { .. } => 4,
        Action::DropTask { .. } => 5,
        Action::RunOnce { .. } => 6,
        Action::Stop { .. } => 7,
        Action::Poll { .. } => 8,
        Action::Grant { .. } => 9,
        Action::Start { .. } => 12,
        Action::SetTimer { .. } | Action::ClearTimer => 13,
    }
}

/// F11: most steps are in order already.
#[inline]
fn order_actions(step: &mut [Action]) {
    if step.len() > 1 && !step.is_sorted_by_key(place_in_step) {
        step.sort_by_key(place_in_step);
    }
}
