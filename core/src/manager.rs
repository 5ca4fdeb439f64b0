//! The manager: one call takes an event and says what to do.

use alloc::vec::Vec;

use crate::action::{Action, Loss, Notice};
use crate::cell::Place;
use crate::config::{Config, ConfigError};
use crate::event::{Demand, Event, OnceOutcome, Outcome};
use crate::full::Ended;
use crate::grow::Growth;
use crate::holdings::{Asked, Holdings};
use crate::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::list::MAX_RECORDS;
use crate::machines::{Machines, State};
use crate::places::Found;
use crate::reject::Reject;
use crate::requests::Requests;
use crate::time::Instant;

/// A cluster's state, and the decisions about it.
///
/// The same config and the same events at the same times give the same actions, byte for byte, in
/// every run, build and platform (F6). No sequence of events makes it panic or lose track (F5).
///
/// ```
/// use remuda::{Action, Config, Demand, Event, Instant, MachineId, Manager, Outcome, RequestId};
///
/// let mut manager = Manager::new(Config::new(4, 16)?)?;
/// let (request, machine) = (RequestId(1), MachineId(0));
///
/// let submit = Event::Submit { request, priority: 0, demand: Demand::procs(2).unwrap() };
/// let actions = manager.handle(submit, Instant::ZERO);
/// assert_eq!(actions[0], Action::Start { first: machine, count: 1 });
///
/// let actions = manager.handle(Event::Up { machine }, Instant::from_secs(1));
/// assert_eq!(actions, [Action::Poll { machine }, Action::Grant { request, machine }]);
///
/// manager.handle(Event::Done { request, outcome: Outcome::Ok }, Instant::from_secs(2));
/// assert_eq!(manager.counts().need, 0);
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Manager {
    pub(crate) config: Config,
    /// The latest time seen (F5).
    pub(crate) now: Instant,
    pub(crate) requests: Requests,
    pub(crate) machines: Machines,
    pub(crate) holdings: Holdings,
    pub(crate) growth: Growth,
    /// Procs of all queued requests and all running grants (S2).
    pub(crate) need: u64,
    pub(crate) summary: Summary,
    /// The deadline of the last timer action (S21).
    pub(crate) armed: Option<Instant>,
    pub(crate) shutdown: bool,
}

/// When the next summary is due (S20).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Summary {
    /// The first event says from when on to count.
    Unborn,
    Never,
    Due(Instant),
}

impl Manager {
    /// A manager of no machines and no requests.
    ///
    /// # Errors
    /// What [`Config::validate`] finds.
    pub fn new(config: Config) -> Result<Manager, ConfigError> {
        config.validate()?;
        Ok(Manager {
            config,
            now: Instant::ZERO,
            requests: Requests::new(config.machine_procs),
            machines: Machines::new(config.machine_procs),
            holdings: Holdings::new(),
            growth: Growth::new(),
            need: 0,
            summary: Summary::Unborn,
            armed: None,
            shutdown: false,
        })
    }

    /// Takes an event that happened at `now` and says what to do, in order (F11).
    ///
    /// This is the only way to change a manager. One call does it all: time is clamped to the
    /// latest seen, what is due fires (F10), the event is applied, requests are placed until
    /// nothing more fits (S5), the cluster grows (S7). Nothing is due when it returns.
    ///
    /// A wrong event is answered by [`Action::Reject`] and changes nothing but the time (F5).
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        self.handle_into(event, now, &mut actions);
        actions
    }

    /// Like [`Manager::handle`], but appends to the caller's buffer: where that is reused, a steady
    /// state allocates nothing. See [`Manager::prefetch`] for very large clusters.
    #[inline(always)]
    pub fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        // A caller knows which event it is, and the two that come all the time stay in registers.
        match event {
            Event::Submit {
                request,
                priority,
                demand,
            } => {
                if !self.waits(request, priority, demand, now) {
                    self.decide_submit(request, priority, demand, now, actions);
                }
            }
            Event::Done { request, outcome } => {
                let ended = if outcome == Outcome::Unreachable {
                    Ended::No
                } else {
                    self.hands_over(request, now, actions)
                };
                match ended {
                    Ended::HandedOver => {}
                    Ended::Untidy => self.tidy(),
                    Ended::No => self.decide_done(request, outcome, now, actions),
                }
            }
            _ => self.decide_other(event, now, actions),
        }
    }

    #[inline(never)]
    fn decide_submit(
        &mut self,
        request: RequestId,
        priority: i64,
        demand: Demand,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        self.begin(now, actions);
        let result = self.submit(request, priority, demand, actions);
        answer(result, actions);
        // It has a machine already, if it can have one; nothing else can be placed.
        self.grow_if_short(actions);
        self.rearm(false, actions);
    }

    #[inline(never)]
    fn decide_done(
        &mut self,
        request: RequestId,
        outcome: Outcome,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        self.begin(now, actions);
        let result = self.done(request, outcome, actions);
        answer(result, actions);
        self.settle(actions);
        self.rearm(false, actions);
    }

    /// Does what any other event calls for.
    #[inline(never)]
    fn decide_other(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        self.begin(now, actions);
        let result = self.apply(event, actions);
        answer(result, actions);
        self.settle(actions);
        self.rearm(matches!(event, Event::Timer), actions);
    }

    /// The time is now, and what has become due fires.
    #[inline]
    fn begin(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.now = self.now.max(now);
        self.advance(actions);
    }

    fn apply(&mut self, event: Event, actions: &mut Vec<Action>) -> Result<(), Reject> {
        match event {
            Event::Submit { .. } | Event::Done { .. } => unreachable!("these are decided apart"),
            Event::Cancel { request } => self.cancel(request),
            Event::Up { machine } => self.up(machine, actions),
            Event::StartFailed { machine } => self.start_failed(machine, actions),
            Event::Stopped { machine } => self.stopped(machine, actions),
            Event::Assign { machine, task } => self.assign(machine, task, actions),
            Event::Discard { machine, task } => self.discard(machine, task, actions),
            Event::Once {
                machine,
                key,
                waiter,
            } => self.ask_once(machine, key, waiter, actions),
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => self.once_done(machine, key, outcome, actions),
            Event::Forget { machine, key } => self.forget(machine, key),
            Event::Polled { machine, answered } => self.polled(machine, answered, actions),
            Event::Timer => Ok(()),
            Event::Shutdown => {
                self.shut_down(actions);
                Ok(())
            }
        }
    }

    /// What follows every change: placement (S5), then growth (S7).
    #[inline]
    pub(crate) fn settle(&mut self, actions: &mut Vec<Action>) {
        // Most often nobody waits, or no machine is free.
        if self.machines.ready.len() > 0 && self.requests.queued() > 0 {
            self.place(actions);
        }
        self.grow_if_short(actions);
    }

    /// The procs that are asked for (F2).
    #[inline]
    pub(crate) fn procs(&self, demand: Demand) -> u32 {
        match demand {
            Demand::Procs(procs) => procs.get(),
            Demand::Machine => self.config.machine_procs,
        }
    }

    #[inline(always)]
    fn submit(
        &mut self,
        request: RequestId,
        priority: i64,
        demand: Demand,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let (procs, limit) = (self.procs(demand), self.config.machine_procs);
        let Err(place) = self.requests.seek(request) else {
            return Err(Reject::DuplicateRequest { request });
        };
        if procs > limit {
            return Err(Reject::TooManyProcs {
                request,
                procs,
                limit,
            });
        }
        if self.requests.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        if self.shutdown {
            actions.push(Action::Cancelled { request });
            return Ok(());
        }
        self.need += u64::from(procs);
        match self.vacancy(priority, procs) {
            Some(machine) => self.grant_new(place, request, procs, machine, actions),
            None => self.requests.enqueue(place, request, priority, procs),
        }
        Ok(())
    }

    fn cancel(&mut self, request: RequestId) -> Result<(), Reject> {
        let found = self.request(request)?;
        if let Place::Queued { .. } = self.requests.place(found) {
            self.need -= u64::from(self.requests.forget(found));
        }
        Ok(())
    }

    #[inline(always)]
    fn done(
        &mut self,
        request: RequestId,
        outcome: Outcome,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let found = self.request(request)?;
        let Place::Running {
            machine,
            seat,
            procs,
        } = self.requests.place(found)
        else {
            return Err(Reject::RequestNotRunning { request });
        };
        self.requests.forget_running(found);
        if self.machines.release(machine, seat, request, procs) {
            self.seat_anew(machine);
        }
        self.need -= u64::from(procs);
        self.judge(machine, outcome, actions);
        self.place_on(machine, actions);
        Ok(())
    }

    /// Those who run on a machine sit elsewhere than is known of them.
    #[cold]
    fn seat_anew(&mut self, machine: u32) {
        for (request, seat) in self.machines.sitting(machine) {
            let procs = self.requests.running_procs(request);
            let place = Place::Running {
                machine,
                seat,
                procs,
            };
            self.requests.places.set(request, place);
        }
    }

    /// S8: the machine enters service.
    fn up(&mut self, machine: MachineId, actions: &mut Vec<Action>) -> Result<(), Reject> {
        let slot = self.pending(machine)?;
        self.growth.succeeded();
        self.machines.set_state(slot, State::Ok);
        if self.shutdown {
            actions.push(Action::Stop { machine });
        } else if !self.config.poll_interval.is_zero() {
            self.poll(slot, actions);
        }
        Ok(())
    }

    fn start_failed(
        &mut self,
        machine: MachineId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.pending(machine)?;
        self.fail_start(slot, actions);
        Ok(())
    }

    fn stopped(&mut self, machine: MachineId, actions: &mut Vec<Action>) -> Result<(), Reject> {
        let Some(slot) = self.minted(machine)? else {
            return Ok(());
        };
        match self.machines.get(slot).state {
            State::Pending { .. } => self.fail_start(slot, actions),
            _ => self.lose(slot, Loss::Stopped, actions),
        }
        Ok(())
    }

    /// S12, F4, S14, S16: the machine leaves, and all that was on it is lost.
    pub(crate) fn lose(&mut self, slot: u32, by: Loss, actions: &mut Vec<Action>) {
        let machine = self.machines.id(slot);
        actions.push(Action::Notice(Notice::MachineLost { machine, by }));
        for request in self.machines.clear(slot) {
            let found = self.requests.known(request);
            self.need -= u64::from(self.requests.forget(found));
            actions.push(Action::RequestLost { request, machine });
        }
        let holder = &mut self.machines.get_mut(slot).holds;
        while let Some(task) = self.holdings.lose_task(slot, holder) {
            actions.push(Action::TaskLost { task, machine });
        }
        while let Some((waiter, key)) = self.holdings.lose_waiter(slot, holder) {
            let outcome = OnceOutcome::MachineLost;
            actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            });
        }
        self.holdings.lose_onces(slot, holder);
        self.machines.remove(slot);
        let lost = &mut self.machines.counts.lost;
        *lost = lost.saturating_add(1);
    }

    fn assign(
        &mut self,
        machine: MachineId,
        task: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.in_service_or_lost(machine)? else {
            actions.push(Action::TaskLost { task, machine });
            return Ok(());
        };
        if self.holdings.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        self.holdings
            .assign(slot, &mut self.machines.get_mut(slot).holds, task);
        Ok(())
    }

    fn discard(
        &mut self,
        machine: MachineId,
        task: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.minted(machine)? else {
            return Ok(());
        };
        if self
            .holdings
            .discard(slot, &mut self.machines.get_mut(slot).holds, task)
        {
            actions.push(Action::TaskLost { task, machine });
            actions.push(Action::DropTask { task, machine });
        }
        Ok(())
    }

    fn ask_once(
        &mut self,
        machine: MachineId,
        key: OnceKey,
        waiter: WaiterId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.in_service_or_lost(machine)?;
        if self.holdings.is_waiting(waiter) {
            return Err(Reject::DuplicateWaiter { waiter });
        }
        let Some(slot) = slot else {
            let outcome = OnceOutcome::MachineLost;
            actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            });
            return Ok(());
        };
        if self.holdings.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        match self
            .holdings
            .ask(slot, &mut self.machines.get_mut(slot).holds, key, waiter)
        {
            Asked::Run => actions.push(Action::RunOnce { machine, key }),
            Asked::Wait => {}
            Asked::Known(outcome) => actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            }),
        }
        Ok(())
    }

    fn once_done(
        &mut self,
        machine: MachineId,
        key: OnceKey,
        outcome: OnceOutcome,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.in_service(machine)?;
        let once = self
            .holdings
            .once(slot, key)
            .ok_or(Reject::OnceUnknown { machine, key })?;
        let record = &mut self.holdings.onces[once as usize];
        if record.result.is_some() {
            return Err(Reject::OnceNotRunning { machine, key });
        }
        if outcome == OnceOutcome::MachineLost {
            return Err(Reject::OnceMachineLost { machine, key });
        }
        record.result = Some(outcome);
        let holder = &mut self.machines.get_mut(slot).holds;
        while let Some(waiter) = self.holdings.take_waiter(holder, once) {
            actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            });
        }
        Ok(())
    }

    fn forget(&mut self, machine: MachineId, key: OnceKey) -> Result<(), Reject> {
        let slot = self.in_service(machine)?;
        let once = self
            .holdings
            .once(slot, key)
            .ok_or(Reject::OnceUnknown { machine, key })?;
        if self.holdings.onces[once as usize].result.is_none() {
            return Err(Reject::OnceRunning { machine, key });
        }
        self.holdings
            .remove_once(slot, &mut self.machines.get_mut(slot).holds, once);
        Ok(())
    }

    /// S22.
    fn shut_down(&mut self, actions: &mut Vec<Action>) {
        if core::mem::replace(&mut self.shutdown, true) {
            return;
        }
        self.machines.deadlines_moved = true;
        while let Some(request) = self.requests.first_queued() {
            let found = self.requests.known(request);
            self.need -= u64::from(self.requests.forget(found));
            actions.push(Action::Cancelled { request });
        }
        for slot in self.machines.slots() {
            if !matches!(self.machines.get(slot).state, State::Pending { .. }) {
                let machine = self.machines.id(slot);
                actions.push(Action::Stop { machine });
            }
        }
    }

    #[inline]
    fn request(&self, request: RequestId) -> Result<Found, Reject> {
        let found = self.requests.seek(request);
        found.map_err(|_| Reject::UnknownRequest { request })
    }

    /// The slot of a machine that was asked for once; `None` when it is lost.
    fn minted(&self, machine: MachineId) -> Result<Option<u32>, Reject> {
        if machine >= self.growth.next_machine {
            return Err(Reject::UnknownMachine { machine });
        }
        Ok(self.machines.find(machine))
    }

    fn pending(&self, machine: MachineId) -> Result<u32, Reject> {
        self.minted(machine)?
            .filter(|&slot| matches!(self.machines.get(slot).state, State::Pending { .. }))
            .ok_or(Reject::MachineNotPending { machine })
    }

    fn in_service_or_lost(&self, machine: MachineId) -> Result<Option<u32>, Reject> {
        let slot = self.minted(machine)?;
        match slot.map(|slot| self.machines.get(slot).state) {
            Some(State::Pending { .. }) => Err(Reject::MachineNotInService { machine }),
            _ => Ok(slot),
        }
    }

    pub(crate) fn in_service(&self, machine: MachineId) -> Result<u32, Reject> {
        self.in_service_or_lost(machine)?
            .ok_or(Reject::MachineNotInService { machine })
    }
}

/// F5: says what is wrong with an event.
#[inline]
fn answer(result: Result<(), Reject>, actions: &mut Vec<Action>) {
    if let Err(reject) = result {
        actions.push(Action::Reject(reject));
    }
}
