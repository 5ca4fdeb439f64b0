//! The whole manager, written and read as its logical state (feature `serde`).
//!
//! What is read is not believed: ids, sums, times and every invariant are checked, so that any
//! bytes give a sound manager or an error.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::invariants::Violation;
use super::snapshot::{OneMachine, OneQueued, Snapshot};
use crate::index::{Queued, Request};
use crate::machines::{Ends, Phase, Poll, Timer};
use crate::manager::{Hold, Manager};
use crate::protocol::config::Policy;
use crate::protocol::event::OnceOutcome;
use crate::protocol::id::{Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::queue::Ask;

/// Ids and counts above this are refused, so that none overflows later.
const LARGEST: u64 = u64::MAX / 4;

impl Serialize for Manager {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Manager {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Manager, D::Error> {
        thaw(Snapshot::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Why a snapshot is not one of a sound manager.
#[derive(Debug)]
pub(crate) enum Unsound {
    Config(crate::ConfigError),
    DuplicateRequest(RequestId),
    Request(RequestId),
    Kinds,
    Numbers,
    Machine(MachineId),
    Overloaded(MachineId),
    DuplicateTask(MachineId, TaskId),
    Once(MachineId, OnceKey),
    Waiter(WaiterId),
    Groups,
    Violation(Violation),
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsound::Config(error) => error.fmt(f),
            Unsound::DuplicateRequest(request) => write!(f, "{request} is there twice"),
            Unsound::Request(request) => write!(f, "{request} cannot be queued like this"),
            Unsound::Kinds => f.write_str("there are not as many kinds as in the config, or their limits contradict themselves"),
            Unsound::Numbers => f.write_str("an id or a count is too large"),
            Unsound::Machine(machine) => write!(f, "{machine} is out of order or of no kind"),
            Unsound::Overloaded(machine) => write!(f, "{machine} runs more than it offers"),
            Unsound::DuplicateTask(machine, task) => write!(f, "{machine} holds {task} twice"),
            Unsound::Once(machine, key) => write!(f, "{key} on {machine} cannot be"),
            Unsound::Waiter(waiter) => write!(f, "{waiter} waits twice, or for nothing"),
            Unsound::Groups => f.write_str("a hold, or a demand without home, is of no queued request"),
            Unsound::Violation(violation) => violation.fmt(f),
        }
    }
}

pub(crate) fn thaw(snapshot: Snapshot) -> Result<Manager, Unsound> {
    let mut manager = Manager::new(snapshot.config).map_err(Unsound::Config)?;
    manager.max_procs = snapshot.max_procs;
    manager.now = snapshot.now;
    (manager.summary, manager.armed, manager.shutdown) =
        (snapshot.summary, snapshot.armed, snapshot.shutdown);
    (manager.next_machine, manager.next_joined) = (snapshot.next_machine, snapshot.next_joined);
    let joined = snapshot.next_joined.0.wrapping_sub(MachineId::joined(0).0);
    if snapshot.next_machine.0 > LARGEST || joined > LARGEST || snapshot.next_arrival > LARGEST {
        return Err(Unsound::Numbers);
    }
    if snapshot.kinds.len() != manager.machines.kinds.len() {
        return Err(Unsound::Kinds);
    }
    for (index, one) in snapshot.kinds.into_iter().enumerate() {
        let kind = &mut manager.machines.kinds[index];
        if !crate::protocol::kind::are_sound(one.limits) || !one.expected.fits(kind.kind.capacity) {
            return Err(Unsound::Kinds);
        }
        if one.granted > LARGEST / 64 {
            return Err(Unsound::Numbers);
        }
        kind.kind = kind.kind.with_limits(one.limits);
        (kind.expected, kind.granted, kind.lost, kind.ended) =
            (one.expected, one.granted, one.lost, one.ended);
        manager.growth[index] = one.growth;
    }
    manager.choose_packing();
    for queued in snapshot.queue {
        manager.thaw_queued(queued, snapshot.next_arrival)?;
    }
    manager.queue.set_next_arrival(snapshot.next_arrival);
    let mut last = None;
    for machine in snapshot.machines {
        if last >= Some(machine.machine) {
            return Err(Unsound::Machine(machine.machine));
        }
        last = Some(machine.machine);
        manager.thaw_machine(machine)?;
    }
    for group in snapshot.groups {
        let hold = match group.hold {
            Some(hold) => Some(manager.thaw_hold(hold)?),
            None => None,
        };
        if group.mark > LARGEST || !manager.holds.restore(group.kinds, group.mark, hold) {
            return Err(Unsound::Groups);
        }
    }
    for (demand, kinds) in snapshot.no_home {
        if !manager.queue.demands.restore_no_home(Ask { demand, kinds }) {
            return Err(Unsound::Groups);
        }
    }
    manager.machines.relist();
    manager.check_invariants().map_err(Unsound::Violation)?;
    Ok(manager)
}

impl Manager {
    fn thaw_queued(&mut self, one: OneQueued, next_arrival: u64) -> Result<(), Unsound> {
        let OneQueued {
            request,
            spec,
            arrival,
            granted,
            granted_anywhere,
        } = one;
        if self.requests.find(&request).is_some() {
            return Err(Unsound::DuplicateRequest(request));
        }
        let bigslice = self.config.policy == Policy::Bigslice;
        let group = self.machines.group_of(&Ask::of(&spec));
        if spec.demand.least().proc_count() == 0
            || group == Kinds::NONE
            || bigslice && spec != self.queued_in_bigslice(&spec)
            || arrival >= next_arrival
            || granted > LARGEST
            || granted_anywhere > self.granted(Kinds::ALL)
        {
            return Err(Unsound::Request(request));
        }
        self.queue.set_next_arrival(arrival);
        self.queue.push(
            &mut self.requests,
            request,
            &spec,
            group,
            (granted, granted_anywhere),
        );
        self.holds.enter(group);
        Ok(())
    }

    fn thaw_hold(&mut self, one: super::snapshot::OneHold) -> Result<Hold, Unsound> {
        let request = self.requests.find(&one.request).ok_or(Unsound::Groups)?;
        let queued = self.requests[request].queued().ok_or(Unsound::Groups)?;
        let machine = self.machines.find(one.machine).ok_or(Unsound::Groups)?;
        self.machines.change(machine, |record| record.held = true);
        Ok(Hold {
            request,
            priority: self.queued_key(request).0.priority,
            arrival: queued.arrival,
            machine: one.machine,
            until: one.until,
        })
    }

    fn thaw_machine(&mut self, one: OneMachine) -> Result<(), Unsound> {
        let id = one.machine;
        let known = usize::from(one.kind.0) < self.machines.kinds.len();
        if !known || !one.offer.fits(self.machines.kind(one.kind).kind.capacity) {
            return Err(Unsound::Machine(id));
        }
        let slot = self
            .machines
            .add(id, one.kind, one.phase, one.offer, one.since);
        self.machines.change(slot, |record| {
            (record.stop_since, record.probation) = (one.stop_since, one.probation);
            (record.passages, record.draining) = (one.passages, one.draining);
            (record.trial, record.settles) = (one.trial, one.settles);
        });
        let (probation, drain) = (one.probation, one.draining);
        self.machines
            .set_timer(slot, Timer::Probation, probation.and_then(Ends::at));
        self.machines
            .set_timer(slot, Timer::DrainEnd, drain.and_then(Ends::at));
        self.machines.set_timer(slot, Timer::Settle, one.settles);
        if one.poll != Poll::Never {
            self.machines.set_poll(slot, one.poll);
        }
        self.machines.set_silent(slot, one.silent);
        let granted = self.machines.kind(one.kind).granted;
        if !one.running.is_empty()
            && matches!(
                one.phase,
                Phase::Pending { .. } | Phase::Stopping { was_up: false }
            )
        {
            return Err(Unsound::Machine(id));
        }
        for running in one.running {
            if self.requests.find(&running.request).is_some() {
                return Err(Unsound::DuplicateRequest(running.request));
            }
            if !running.taken.fits(self.machines.get(slot).free) || running.taken.proc_count() == 0
            {
                return Err(Unsound::Overloaded(id));
            }
            let request = Request::queue(running.request, Queued::default());
            let request = self.requests.insert(request);
            self.machines.occupy(
                &mut self.requests,
                slot,
                request,
                running.taken,
                running.since,
            );
        }
        self.machines.kinds[usize::from(one.kind.0)].granted = granted;
        self.machines
            .change(slot, |record| record.idle_since = one.idle_since);
        for task in one.tasks {
            if !self.machines.assign(slot, task) {
                return Err(Unsound::DuplicateTask(id, task));
            }
        }
        let holdings = &mut self.machines.holdings;
        for once in one.onces {
            let key = once.key;
            if holdings.once(slot, key).is_some() || once.result == Some(OnceOutcome::MachineLost) {
                return Err(Unsound::Once(id, key));
            }
            holdings.add_once(slot, key, once.result, once.since);
        }
        for (waiter, key) in one.waiters {
            let once = holdings.once(slot, key);
            let runs = once.is_some_and(|once| once.result.is_none());
            if holdings.is_waiting(waiter) || !runs {
                return Err(Unsound::Waiter(waiter));
            }
            holdings.ask(slot, key, waiter, one.since);
        }
        Ok(())
    }
}
