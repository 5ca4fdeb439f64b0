//! The logical state of a manager: what is compared, printed and serialised.

use alloc::vec::Vec;
use core::fmt;

use crate::index::Running;
use crate::machines::{Ends, Phase, Poll};
use crate::manager::{Growth, Manager, Summary};
use crate::protocol::config::{Config, Policy};
use crate::protocol::event::{Limits, OnceOutcome, Submit};
use crate::protocol::id::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Snapshot {
    pub(crate) config: Config,
    pub(crate) max_procs: u64,
    pub(crate) now: Instant,
    /// In the order of the queue.
    pub(crate) queue: Vec<OneQueued>,
    /// The arrival that the next request gets.
    pub(crate) next_arrival: u64,
    /// By id.
    pub(crate) machines: Vec<OneMachine>,
    pub(crate) kinds: Vec<OneKind>,
    pub(crate) next_machine: MachineId,
    pub(crate) next_joined: MachineId,
    pub(crate) groups: Vec<OneGroup>,
    /// The demands of which it was said that they have no home (G1), in order.
    pub(crate) no_home: Vec<(Demand, Kinds)>,
    pub(crate) summary: Summary,
    pub(crate) armed: Option<Instant>,
    pub(crate) shutdown: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneQueued {
    pub(crate) request: RequestId,
    pub(crate) spec: Submit,
    pub(crate) arrival: u64,
    pub(crate) granted: u64,
    pub(crate) granted_anywhere: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneKind {
    pub(crate) limits: Limits,
    pub(crate) expected: Resources,
    pub(crate) granted: u64,
    pub(crate) lost: u64,
    pub(crate) ended: u64,
    pub(crate) growth: Growth,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneGroup {
    pub(crate) kinds: Kinds,
    pub(crate) mark: u64,
    pub(crate) hold: Option<OneHold>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneHold {
    pub(crate) request: RequestId,
    pub(crate) machine: MachineId,
    pub(crate) until: Option<Instant>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneMachine {
    pub(crate) machine: MachineId,
    pub(crate) kind: KindId,
    pub(crate) phase: Phase,
    pub(crate) offer: Resources,
    pub(crate) since: Instant,
    pub(crate) stop_since: Option<Instant>,
    pub(crate) idle_since: Instant,
    pub(crate) probation: Option<Ends>,
    pub(crate) passages: u32,
    pub(crate) draining: Option<Ends>,
    pub(crate) trial: Option<u64>,
    pub(crate) settles: Option<Instant>,
    pub(crate) poll: Poll,
    pub(crate) silent: u32,
    /// In the order of the grants.
    pub(crate) running: Vec<OneRunning>,
    /// In the order of assignment.
    pub(crate) tasks: Vec<TaskId>,
    /// In the order of first asking.
    pub(crate) onces: Vec<OneOnce>,
    /// In the order of asking.
    pub(crate) waiters: Vec<(WaiterId, OnceKey)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneRunning {
    pub(crate) request: RequestId,
    pub(crate) taken: Resources,
    pub(crate) since: Instant,
}

/// Once-work without a result is running.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneOnce {
    pub(crate) key: OnceKey,
    pub(crate) result: Option<OnceOutcome>,
    pub(crate) since: Instant,
}

/// Equal managers do the same from here on: what plays no part is left out. Slow.
impl PartialEq for Manager {
    fn eq(&self, other: &Manager) -> bool {
        self.snapshot().that_matters() == other.snapshot().that_matters()
    }
}

impl Eq for Manager {}

/// The logical state, as it is compared and serialised.
impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl Snapshot {
    /// Of arrivals only the order matters (P1, Q1), and passages only where a rule looks at them (H).
    fn that_matters(mut self) -> Snapshot {
        let mut arrivals: Vec<u64> = self.queue.iter().map(|queued| queued.arrival).collect();
        arrivals.sort_unstable();
        for queued in &mut self.queue {
            let before = arrivals.partition_point(|&arrival| arrival < queued.arrival);
            queued.arrival = before as u64;
        }
        self.next_arrival = arrivals.len() as u64;
        if self.config.policy == Policy::Bigslice {
            self.machines.iter_mut().for_each(|one| one.passages = 0);
        }
        self
    }
}

impl Manager {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let queued = |slot| {
            let record = &self.requests[slot];
            let queued = record.queued()?;
            Some(OneQueued {
                request: record.id,
                spec: self.queue.spec(record.id, queued.class),
                arrival: queued.arrival,
                granted: queued.granted,
                granted_anywhere: queued.granted_anywhere,
            })
        };
        let kinds = self.machines.kinds.iter().zip(&self.growth);
        let kinds = kinds.map(|(kind, growth)| OneKind {
            limits: kind.kind.limits(),
            expected: kind.expected,
            granted: kind.granted,
            lost: kind.lost,
            ended: kind.ended,
            growth: *growth,
        });
        let groups = self.holds.groups.iter().map(|group| OneGroup {
            kinds: group.kinds,
            mark: group.mark,
            hold: group.hold.map(|hold| OneHold {
                request: self.requests[hold.request].id,
                machine: hold.machine,
                until: hold.until,
            }),
        });
        let no_home = self.queue.demands.without_home();
        let mut no_home: Vec<_> = no_home.map(|key| (key.demand, key.kinds)).collect();
        no_home.sort_unstable();
        Snapshot {
            config: self.config.clone(),
            max_procs: self.max_procs,
            now: self.now,
            queue: self.queue.iter(&self.requests).filter_map(queued).collect(),
            next_arrival: self.queue.next_arrival(),
            machines: self
                .machines
                .slots()
                .map(|slot| self.freeze(slot))
                .collect(),
            kinds: kinds.collect(),
            next_machine: self.next_machine,
            next_joined: self.next_joined,
            groups: groups.collect(),
            no_home,
            summary: self.summary,
            armed: self.armed,
            shutdown: self.shutdown,
        }
    }

    fn freeze(&self, slot: u32) -> OneMachine {
        let machine = self.machines.get(slot);
        let running = machine
            .running
            .iter(self.requests.records())
            .filter_map(|request| {
                let request = &self.requests[request];
                let Running { taken, since, .. } = request.running()?;
                Some(OneRunning {
                    request: request.id,
                    taken,
                    since,
                })
            });
        let holdings = &self.machines.holdings;
        let onces = holdings.onces_on(slot).into_iter();
        let onces = onces.map(|(key, once)| OneOnce {
            key,
            result: once.result,
            since: once.since,
        });
        OneMachine {
            machine: machine.id,
            kind: machine.kind,
            phase: machine.phase,
            offer: machine.offer,
            since: machine.since,
            stop_since: machine.stop_since,
            idle_since: machine.idle_since,
            probation: machine.probation,
            passages: machine.passages,
            draining: machine.draining,
            trial: machine.trial,
            settles: machine.settles,
            poll: machine.poll,
            silent: machine.silent,
            running: running.collect(),
            tasks: holdings.tasks_on(slot),
            onces: onces.collect(),
            waiters: holdings.waiters_on(slot),
        }
    }
}
