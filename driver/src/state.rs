//! The state under the cluster's lock (the manager, the driver's tables, the outbox), and how each action of the manager
//! changes it.
//!
//! No code of clients or systems runs here (wakers, `System` methods, `tracing` subscribers, destructors). Such work is
//! queued as an [`Effect`], which `shared.rs` runs after unlocking.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use remuda::journal::Note;
use remuda::{
    Action, Event, Instant, KindId, MachineId, Manager, Notice, OnceKey, OnceOutcome, Reject,
    RequestId, Submit, WaiterId,
};

use crate::effect::{Effect, Task};
use crate::error::{CallError, OnceError, RequestError};
use crate::failures::Failures;
use crate::ids::IdMap;
use crate::lost_tasks::LostTask;
use crate::machine::Machine;
use crate::options::Options;
use crate::record::Recorder;
use crate::signal::Signal;
use crate::status::MachineStatus;
use crate::system::{Progress, System};
use crate::tables::{Leased, MachineEntry, OnceWaiter, RequestEntry, StartEntry, TimerState};

/// How many lost machines `Cluster::machines` lists, the latest ones.
const LOST_LISTED: usize = 32;

/// Why a machine of an earlier driver is no more.
pub(crate) const GONE: &str = "its driver was killed, and it did not come back";

/// The state under the lock.
pub(crate) struct State<S: System> {
    pub(crate) manager: Manager,
    recorder: Option<Box<dyn Recorder>>,
    pub(crate) requests: IdMap<RequestId, RequestEntry<S>>,
    /// The request that is being submitted. It is not in `requests` yet, because most requests are granted at once and
    /// this saves two accesses to the map.
    submitting: Option<(RequestId, RequestEntry<S>)>,
    pub(crate) starts: IdMap<MachineId, StartEntry>,
    pub(crate) machines: IdMap<MachineId, MachineEntry<S>>,
    /// Machines of an earlier driver that may come back. What is granted there, clients see when they do.
    pub(crate) away: BTreeSet<MachineId>,
    pub(crate) lost: VecDeque<MachineStatus>,
    pub(crate) waiters: IdMap<WaiterId, OnceWaiter>,
    pub(crate) once_errors: BTreeMap<(MachineId, OnceKey), CallError>,
    pub(crate) subscribers: Vec<mpsc::UnboundedSender<LostTask>>,
    pub(crate) timer: TimerState,
    pub(crate) last_start_error: String,
    pub(crate) failures: Failures,
    pub(crate) ever_up: bool,
    /// The number of machines whose task has not ended.
    pub(crate) machine_tasks: usize,
    /// Dropped when the cluster shuts down, which resolves `Shared::closing`.
    pub(crate) open: Option<oneshot::Sender<()>>,
    pub(crate) ended: Vec<oneshot::Sender<()>>,
    pub(crate) outbox: VecDeque<Effect<S>>,
    pub(crate) draining: bool,
    actions: Vec<Action>,
    clock: Box<dyn Fn() -> Instant + Send>,
    no_machines_timeout: Option<Duration>,
    pub(crate) next_id: u64,
    /// How many machines have joined.
    pub(crate) joined: u64,
}

impl<S: System> State<S> {
    pub(crate) fn new(
        manager: Manager,
        recorder: Option<Box<dyn Recorder>>,
        clock: Box<dyn Fn() -> Instant + Send>,
        open: oneshot::Sender<()>,
        options: &Options,
    ) -> Self {
        State {
            manager,
            recorder,
            requests: IdMap::default(),
            submitting: None,
            starts: IdMap::default(),
            machines: IdMap::default(),
            away: BTreeSet::new(),
            lost: VecDeque::new(),
            waiters: IdMap::default(),
            once_errors: BTreeMap::new(),
            subscribers: Vec::new(),
            timer: TimerState::default(),
            last_start_error: String::new(),
            failures: Failures::default(),
            ever_up: false,
            machine_tasks: 0,
            open: Some(open),
            ended: Vec::new(),
            outbox: VecDeque::new(),
            draining: false,
            actions: Vec::new(),
            clock,
            no_machines_timeout: options.no_machines_timeout,
            next_id: 0,
            joined: 0,
        }
    }

    /// A new id for a request, a waiter or a call: ascending from 0, never used twice. So an answer to an older request,
    /// however late, is never taken for one to a newer (Q3).
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Queues an effect in the outbox.
    pub(crate) fn push(&mut self, effect: Effect<S>) {
        self.outbox.push_back(effect);
    }

    /// Queues the start of a task in the outbox.
    pub(crate) fn spawn(&mut self, task: Task<S>) {
        self.push(Effect::Spawn(task));
    }

    /// Whether the cluster is shut down and no machine is left.
    pub(crate) fn is_ended(&self) -> bool {
        self.open.is_none() && self.machine_tasks == 0
    }

    /// Has the manager handle `event` and applies its actions. Returns the rejection, if there is one.
    pub(crate) fn feed(&mut self, event: Event) -> Option<Reject> {
        let now = (self.clock)();
        let mut actions = std::mem::take(&mut self.actions);
        self.manager.handle_into(event, now, &mut actions);
        if self.recorder.is_some() {
            self.with_recorder(|recorder, manager| recorder.record(now, &event, &actions, manager));
        }
        let mut reject = None;
        for &action in &actions {
            self.apply(action, &event, &mut reject);
        }
        actions.clear();
        self.actions = actions;
        self.time_no_machines(now);
        reject
    }

    /// Starts or ends the time after which queued requests fail because nothing is in service.
    fn time_no_machines(&mut self, now: Instant) {
        let Some(limit) = self.no_machines_timeout else {
            return;
        };
        let counts = self.manager.counts();
        let in_service = counts.machines.ok + counts.machines.probation + counts.machines.draining;
        if counts.queued == 0 || in_service > 0 {
            self.timer.no_machines_at = None;
        } else if self.timer.no_machines_at.is_none() {
            self.timer.no_machines_at = now.checked_add(limit);
            self.wake_timer();
        }
    }

    /// Does what is due: timers of the manager (S21), and the end of the time without machines.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if self.manager.next_timeout().is_some_and(|at| now >= at) {
            self.feed(Event::Timer);
        }
        if self.timer.no_machines_at.is_some_and(|at| now >= at) && self.is_start_queued() {
            // Hours in the queue of a batch system are no failure.
            self.timer.no_machines_at = None;
            self.time_no_machines(now);
        } else if self.timer.no_machines_at.is_some_and(|at| now >= at) {
            let mut error = match self.no_machines_timeout {
                Some(limit) => format!("nothing was in service for {limit:?}"),
                None => return,
            };
            if !self.last_start_error.is_empty() {
                error = format!("{error}; the last start: {}", self.last_start_error);
            }
            self.fail_queued(&error, |_| true);
        }
    }

    fn is_start_queued(&self) -> bool {
        let mut starts = self.starts.values();
        starts.any(|start| start.progress.is_queued())
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.manager.next_timeout(), self.timer.no_machines_at];
        deadlines.into_iter().flatten().min()
    }

    /// Submits a request. If it is granted at once, its entry is a lease already and the machine is returned; otherwise the
    /// entry has its state.
    pub(crate) fn submit(
        &mut self,
        request: RequestId,
        spec: Submit,
        timeout: Option<Duration>,
    ) -> Option<Arc<Machine<S>>> {
        self.submitting = Some((request, RequestEntry::Queued(None)));
        // A time-out beyond the end of time is none.
        let give_up = timeout.and_then(|timeout| (self.clock)().checked_add(timeout));
        let spec = give_up.map_or(spec, |at| spec.give_up(at));
        let rejected = self.feed(Event::Submit { request, spec });
        let (entry, machine) = match (self.submitting.take(), rejected) {
            (_, Some(reject)) => (RequestEntry::Ended(RequestError::Rejected(reject)), None),
            (Some((_, RequestEntry::Granted(machine))), None) => {
                (RequestEntry::Leased(Leased::default()), Some(machine))
            }
            (Some((_, entry)), None) => (entry, None),
            (None, None) => unreachable!("nothing else takes it"),
        };
        self.requests.insert(request, entry);
        machine
    }

    fn entry(&mut self, request: RequestId) -> Option<&mut RequestEntry<S>> {
        match &mut self.submitting {
            Some((made, entry)) if *made == request => Some(entry),
            _ => self.requests.get_mut(&request),
        }
    }

    /// Records a remark about a machine.
    pub(crate) fn note(&mut self, machine: MachineId, topic: &str, text: impl fmt::Display) {
        if self.recorder.is_some() {
            let (time, text) = ((self.clock)(), text.to_string());
            let note = Note {
                time,
                machine,
                topic,
                text: &text,
            };
            self.with_recorder(|recorder, _| recorder.note(&note));
        }
    }

    /// Calls the recorder. A recorder that panics is removed, and dropped outside the lock.
    fn with_recorder(&mut self, tell: impl FnOnce(&mut dyn Recorder, &Manager)) {
        let Some(mut recorder) = self.recorder.take() else {
            return;
        };
        let told = AssertUnwindSafe(|| tell(recorder.as_mut(), &self.manager));
        match catch_unwind(told) {
            Ok(()) => self.recorder = Some(recorder),
            Err(payload) => self.push(Effect::EndRecording(recorder, payload)),
        }
    }

    fn apply(&mut self, action: Action, event: &Event, reject: &mut Option<Reject>) {
        match action {
            Action::Grant { request, machine } => self.on_grant(request, machine),
            Action::Start { kind, first, count } => self.on_start(kind, first, count),
            Action::Stop { machine } => self.stop(machine),
            Action::Expired { request } => self.end_queued(request, RequestError::Expired),
            // Why the machine is gone, the client sees by the errors of its calls.
            Action::RequestLost {
                request,
                machine,
                by: _,
            } => self.on_request_lost(request, machine),
            Action::TaskLost { task, machine } => {
                self.push(Effect::TaskLost(LostTask { task, machine }));
            }
            Action::DropTask { task, machine } => {
                if let Some(entry) = self.machines.get(&machine) {
                    let discard = Task::Discard {
                        machine: entry.machine.clone(),
                        task,
                    };
                    self.spawn(discard);
                }
            }
            Action::RunOnce { machine, key } => self.on_run_once(machine, key, event),
            Action::OnceReady {
                waiter,
                key,
                outcome,
            } => self.on_once_ready(waiter, key, outcome),
            Action::Poll { machine } => self.poll(machine),
            Action::Cancelled { request } => self.end_queued(request, RequestError::Shutdown),
            Action::SetTimer { at } => {
                if self.timer.sleeping_until.is_none_or(|until| at < until) {
                    self.wake_timer();
                }
            }
            // A timer that wakes too early reads the next deadline and sleeps again, so this needs no wake.
            Action::ClearTimer => {}
            Action::Notice(notice) => self.on_notice(notice),
            Action::Reject(why) => {
                self.push(Effect::Rejected(*event, why));
                *reject = Some(why);
            }
        }
    }

    pub(crate) fn poll(&mut self, machine: MachineId) {
        if let Some(entry) = self.machines.get(&machine) {
            let poll = Task::Poll(entry.machine.clone());
            self.spawn(poll);
        }
    }

    pub(crate) fn on_start(&mut self, kind: KindId, first: MachineId, count: u32) {
        self.machine_tasks += count as usize;
        let ids = (0..u64::from(count)).map(|nth| MachineId(first.0 + nth));
        let machines: Vec<_> = ids.map(|id| (id, Signal::default())).collect();
        for (id, stop) in &machines {
            let entry = StartEntry {
                stop: stop.clone(),
                stopping: false,
                progress: Progress::default(),
            };
            self.starts.insert(*id, entry);
        }
        self.spawn(Task::Start { kind, machines });
    }

    /// Ends a machine, or gives its start up.
    pub(crate) fn stop(&mut self, machine: MachineId) {
        if let Some(entry) = self.machines.get(&machine) {
            if !entry.lost {
                entry.machine.set_leaving(true);
            }
            let stop = Task::Stop {
                machine: entry.machine.clone(),
                urgent: entry.lost,
            };
            self.spawn(stop);
        } else if let Some(entry) = self.starts.get_mut(&machine) {
            entry.stopping = true;
            let stop = entry.stop.clone();
            self.push(Effect::Raise(stop));
        }
    }

    pub(crate) fn on_grant(&mut self, request: RequestId, machine: MachineId) {
        if self.away.contains(&machine) {
            return;
        }
        let machine = self
            .machines
            .get(&machine)
            .expect("only machines that are up are granted")
            .machine
            .clone();
        let entry = self
            .entry(request)
            .expect("a request is cancelled when its entry goes");
        if let RequestEntry::Queued(Some(waker)) =
            std::mem::replace(entry, RequestEntry::Granted(machine))
        {
            self.push(Effect::Wake(waker));
        }
    }

    fn on_request_lost(&mut self, request: RequestId, machine: MachineId) {
        match self.requests.remove(&request) {
            // The client was woken for the grant and finds the loss instead.
            Some(entry @ RequestEntry::Granted(_)) => {
                self.requests
                    .insert(request, RequestEntry::Ended(RequestError::Lost(machine)));
                self.push(Effect::DropEntry(entry));
            }
            // Granted on a machine that has not come back.
            Some(RequestEntry::Queued(waker)) => {
                self.requests
                    .insert(request, RequestEntry::Ended(RequestError::Lost(machine)));
                if let Some(waker) = waker {
                    self.push(Effect::Wake(waker));
                }
            }
            Some(entry) => self.push(Effect::DropEntry(entry)),
            None => {}
        }
    }

    /// Ends a queued request with an error, and wakes its client.
    pub(crate) fn end_queued(&mut self, request: RequestId, end: RequestError) {
        let Some(entry) = self.entry(request) else {
            return;
        };
        if let RequestEntry::Queued(Some(waker)) =
            std::mem::replace(entry, RequestEntry::Ended(end))
        {
            self.push(Effect::Wake(waker));
        }
    }

    fn on_run_once(&mut self, machine: MachineId, key: OnceKey, event: &Event) {
        let Event::Once { waiter, .. } = event else {
            return;
        };
        let work = self
            .waiters
            .get_mut(waiter)
            .and_then(|waiter| waiter.work.take());
        let work = work.expect("the first caller on a machine that is up has passed the work");
        self.spawn(Task::RunOnce { machine, key, work });
    }

    fn on_once_ready(&mut self, waiter: WaiterId, key: OnceKey, outcome: OnceOutcome) {
        // A caller that has dropped its future changes nothing (S16).
        let Some(waiter) = self.waiters.remove(&waiter) else {
            return;
        };
        let answer = match outcome {
            OnceOutcome::Ok => Ok(()),
            OnceOutcome::MachineLost => Err(OnceError::MachineLost(waiter.machine)),
            _ => Err(OnceError::Failed(
                match self.once_errors.get(&(waiter.machine, key)) {
                    Some(error) => error.clone(),
                    None => CallError::Unreachable("the work ended without an answer".into()),
                },
            )),
        };
        self.push(Effect::OnceReady(waiter, answer));
    }

    fn on_notice(&mut self, notice: Notice) {
        let mut about = None;
        if let Notice::Draining { machine, .. } | Notice::Kept { machine } = &notice
            && let Some(entry) = self.machines.get(machine)
        {
            let drains = matches!(notice, Notice::Draining { .. });
            entry.machine.set_leaving(drains);
        }
        if let Notice::Ended { machine } = &notice
            && let Some(entry) = self.machines.get(machine)
        {
            about = entry.reason.clone();
        }
        if let Notice::Ended { machine } = &notice
            && self.away.contains(machine)
        {
            about = Some(GONE.into());
        }
        if let Notice::MachineLost { machine, .. } = &notice
            && let Some(entry) = self.machines.get_mut(machine)
        {
            entry.lost = true;
            let reason = entry.reason.clone();
            let reason = reason.unwrap_or_else(|| "its last polls went unanswered".into());
            let status = entry.lost_status(&reason);
            about = Some(reason);
            if self.lost.len() == LOST_LISTED {
                self.lost.pop_front();
            }
            self.lost.push_back(status);
        }
        if let Notice::StartsFailing { .. } = &notice
            && !self.failures.may_say(&notice.to_string(), (self.clock)())
        {
            return;
        }
        let expected = self.open.is_none();
        self.push(Effect::Notice {
            notice,
            about,
            expected,
        });
    }

    /// Removes the subscribers whose stream is dropped. Drop the result outside the lock.
    pub(crate) fn closed_subscribers(&mut self) -> Vec<mpsc::UnboundedSender<LostTask>> {
        self.subscribers
            .extract_if(.., |listener| listener.is_closed())
            .collect()
    }

    pub(crate) fn wake_timer(&mut self) {
        self.timer.changed = true;
        if let Some(waker) = self.timer.waker.take() {
            self.push(Effect::Wake(waker));
        }
    }

    /// Ends the queued requests for which `fails` holds with `NoMachines`, the oldest first.
    pub(crate) fn fail_queued(&mut self, error: &str, fails: impl Fn(&Submit) -> bool) {
        let queued = self.manager.queue().filter(|waiting| fails(&waiting.spec));
        let mut failed: Vec<RequestId> = queued.map(|waiting| waiting.request).collect();
        failed.sort_unstable();
        for request in failed {
            self.end_queued(request, RequestError::NoMachines(error.to_owned()));
            self.feed(Event::Cancel { request });
        }
    }
}
