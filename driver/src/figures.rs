//! The figures of a cluster at one moment, as data: for metrics, dashboards, and programs that embed a cluster.

use remuda::{Counts, Health, Instant, KindId, Manager, Resources, StartBackoff, Totals};

/// The figures of a cluster at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterFigures {
    /// The manager's time: that of the last event (F5).
    pub now: Instant,
    /// Requests and machines by state, over all kinds.
    pub counts: Counts,
    /// The figures of each kind, by number.
    pub kinds: Vec<KindFigures>,
}

/// The figures of one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindFigures {
    /// The kind.
    pub kind: KindId,
    /// Its machines by state, and what runs on them (R6).
    pub counts: Counts,
    /// The machines that are there to stay: those asked for and those in service, without those that drain or stop.
    pub wanted: u64,
    /// What the grants on its machines take.
    pub used: Totals,
    /// What its machines in good health have left.
    pub free: Totals,
    /// Its machines that are held for a request (P4).
    pub held: u64,
    /// Its start back-off, from the first failed start until a machine stays up (F7).
    pub backoff: Option<StartBackoff>,
}

impl ClusterFigures {
    /// The figures of a manager. Looks at each machine once.
    ///
    /// ```
    /// use remuda_driver::ClusterFigures;
    /// use remuda_driver::remuda::{Config, Event, Instant, Manager, RequestId, Submit};
    ///
    /// let mut manager = Manager::new(Config::new(4, 8)?)?;
    /// let submit = Event::Submit { request: RequestId(1), spec: Submit::procs(3) };
    /// let _ = manager.handle(submit, Instant::from_secs(2));
    /// let figures = ClusterFigures::of(&manager);
    /// assert_eq!(figures.counts.queued, 1);
    /// assert_eq!(figures.kinds[0].wanted, 1); // It was asked for, and is not up yet.
    /// # Ok::<(), remuda_driver::remuda::ConfigError>(())
    /// ```
    #[must_use]
    pub fn of(manager: &Manager) -> ClusterFigures {
        let numbers = (0..).map(KindId).take(manager.config().kinds.len());
        let mut kinds: Vec<KindFigures> = numbers
            .map(|kind| KindFigures::without_machines(manager, kind))
            .collect();
        for machine in manager.machines() {
            let Some(kind) = kinds.get_mut(usize::from(machine.kind().0)) else {
                continue;
            };
            kind.held += u64::from(machine.held_for().is_some());
            if machine.health() == Health::Ok {
                kind.free = plus(kind.free, machine.offer().minus(machine.used()));
            }
        }
        ClusterFigures {
            now: manager.now(),
            counts: manager.counts(),
            kinds,
        }
    }
}

impl KindFigures {
    /// All but the sums over its machines.
    fn without_machines(manager: &Manager, kind: KindId) -> KindFigures {
        let counts = manager.counts_of(kind).unwrap_or_default();
        let machines = counts.machines;
        KindFigures {
            kind,
            counts,
            wanted: machines.pending + machines.ok + machines.probation,
            used: counts.need,
            free: Totals::default(),
            held: 0,
            backoff: manager.start_backoff(kind),
        }
    }
}

fn plus(sum: Totals, more: Resources) -> Totals {
    let (mut sum, more) = (sum.amounts(), more.amounts());
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += u64::from(more);
    }
    Totals::new(sum)
}
