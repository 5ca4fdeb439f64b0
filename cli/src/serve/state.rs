//! What `/state` says, which `remuda top` reads. Times are seconds on the run's clock, from its beginning.
use std::collections::BTreeMap;

use remuda::{Demand, Health, Instant, MachineView, RequestId, Resources, Totals as Amounts};
use remuda_tokio::{ClusterFigures, KindFigures};
use serde::{Deserialize, Serialize};

use super::mirror::Mirror;
use super::totals::{LOSSES, OUTCOMES};

/// So many requests of the queue are told, the first ones.
const QUEUE: usize = 100;

/// A run at one moment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct State {
    /// Where jobs come from.
    pub(crate) source: String,
    pub(crate) time: f64,
    /// The number of the last event.
    pub(crate) event: u64,
    /// Whether the run is being ended.
    pub(crate) over: bool,
    pub(crate) queued: u64,
    pub(crate) running: u64,
    /// How many requests have ended, by how.
    pub(crate) ended: BTreeMap<String, u64>,
    /// How many machines were lost, by how that was noticed.
    pub(crate) lost: BTreeMap<String, u64>,
    pub(crate) holds: u64,
    pub(crate) waits: Waits,
    /// Which part of the proc-seconds in service were granted; none if there were none.
    pub(crate) utilisation: Option<f64>,
    /// What amounts are called, in their order.
    pub(crate) resources: Vec<String>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) machines: Vec<Machine>,
    /// The first of the queue.
    pub(crate) queue: Vec<Queued>,
    /// The last news, the oldest first.
    pub(crate) news: Vec<News>,
}

/// How long requests waited.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Waits {
    /// Those that were granted.
    pub(crate) granted: u64,
    pub(crate) mean: f64,
    pub(crate) longest: f64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Kind {
    pub(crate) kind: String,
    /// Empty: it has none.
    pub(crate) name: String,
    pub(crate) machines: Machines,
    pub(crate) wanted: u64,
    pub(crate) used: BTreeMap<String, u64>,
    pub(crate) free: BTreeMap<String, u64>,
    pub(crate) held: u64,
    /// When its start back-off ends, while it lasts.
    pub(crate) backoff_until: Option<f64>,
}

/// Machines by state; `lost` and `ended` since the beginning.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Machines {
    pub(crate) pending: u64,
    pub(crate) ok: u64,
    pub(crate) probation: u64,
    pub(crate) draining: u64,
    pub(crate) stopping: u64,
    pub(crate) lost: u64,
    pub(crate) ended: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) machine: String,
    pub(crate) kind: String,
    /// As its adapter tells it; empty before it is up.
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) used: BTreeMap<String, u64>,
    pub(crate) offer: BTreeMap<String, u64>,
    pub(crate) running: Vec<Running>,
    /// The request that it is held for.
    pub(crate) held_for: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Running {
    pub(crate) request: String,
    /// What it is for; empty if that is not known.
    pub(crate) job: String,
    /// Since when; none: from before this process began.
    pub(crate) since: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Queued {
    pub(crate) request: String,
    pub(crate) job: String,
    pub(crate) priority: i64,
    /// The amounts that it asks for; none: a whole machine.
    pub(crate) asks: Option<BTreeMap<String, u64>>,
    /// Since when; none: from before this process began.
    pub(crate) since: Option<f64>,
    /// The machine that is held for it.
    pub(crate) held: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct News {
    pub(crate) time: f64,
    pub(crate) text: String,
}

impl State {
    pub(super) fn of(mirror: &Mirror) -> State {
        let manager = mirror.manager();
        let figures = ClusterFigures::of(manager);
        let sums = &mirror.totals().sums;
        let counted = |words: &[&str], counts: &[u64]| {
            let words = words.iter().map(|word| (*word).to_owned());
            words.zip(counts.iter().copied()).collect()
        };
        let waits = sums.waits.iter();
        let granted = waits.clone().map(|it| it.count).sum();
        let sum: u128 = waits.clone().map(|it| it.sum).sum();
        let longest = waits.map(|it| it.longest).max();
        let names = &manager.config().names;
        State {
            source: mirror.source().to_owned(),
            time: seconds(mirror.now()),
            event: mirror.number(),
            over: manager.is_shut_down(),
            queued: figures.counts.queued,
            running: figures.counts.running,
            ended: counted(&OUTCOMES, &sums.outcomes),
            lost: counted(&LOSSES, &sums.losses),
            holds: sums.holds,
            waits: Waits {
                granted,
                mean: sum as f64 / 1e9 / (granted.max(1)) as f64,
                longest: longest.unwrap_or(0) as f64 / 1e9,
            },
            utilisation: { mirror.tally().permille() }.map(|permille| permille as f64 / 1000.0),
            resources: names.to_vec(),
            kinds: { figures.kinds.iter() }
                .map(|it| kind(it, mirror, names))
                .collect(),
            machines: { manager.machines() }
                .map(|it| machine(&it, mirror, names))
                .collect(),
            queue: { manager.queue().take(QUEUE) }
                .map(|it| Queued {
                    request: it.request.to_string(),
                    job: job(mirror, it.request),
                    priority: it.spec.priority,
                    asks: match it.spec.demand {
                        Demand::Machine => None,
                        Demand::Amounts(asked) => Some(amounts(asked, asked, names)),
                    },
                    since: mirror.totals().queued_since(it.request).map(seconds),
                    held: it.held.map(|machine| machine.to_string()),
                })
                .collect(),
            news: { mirror.news() }
                .map(|it| News {
                    time: seconds(it.time),
                    text: it.text.clone(),
                })
                .collect(),
        }
    }
}

fn kind(it: &KindFigures, mirror: &Mirror, names: &[String]) -> Kind {
    let number = usize::from(it.kind.0);
    let capacity = mirror.manager().config().kinds[number].capacity;
    let machines = it.counts.machines;
    let totals = |of: Amounts| {
        let all = names.iter().cloned().zip(of.amounts());
        let there = all.zip(capacity.amounts());
        there
            .filter(|(_, has)| *has > 0)
            .map(|(amount, _)| amount)
            .collect()
    };
    Kind {
        kind: it.kind.to_string(),
        name: mirror.kinds().get(number).cloned().unwrap_or_default(),
        machines: Machines {
            pending: machines.pending,
            ok: machines.ok,
            probation: machines.probation,
            draining: machines.draining,
            stopping: machines.stopping,
            lost: machines.lost,
            ended: machines.ended,
        },
        wanted: it.wanted,
        used: totals(it.used),
        free: totals(it.free),
        held: it.held,
        backoff_until: { it.backoff }
            .filter(|backoff| backoff.until > mirror.manager().now())
            .map(|backoff| seconds(backoff.until)),
    }
}

fn machine(it: &MachineView<'_>, mirror: &Mirror, names: &[String]) -> Machine {
    let lives = mirror.film().lives();
    let since = |request| {
        let life = lives.living(request)?;
        let (at, _) = life.granted.filter(|(at, _)| at.number > 0)?;
        Some(seconds(at.time))
    };
    let (used, offer) = (it.used(), it.offer());
    Machine {
        machine: it.id().to_string(),
        kind: it.kind().to_string(),
        name: mirror.machine(it.id()).to_owned(),
        state: match it.health() {
            Health::Pending => "pending",
            Health::Ok => "ok",
            Health::Probation { .. } => "probation",
            Health::Draining { .. } => "draining",
            Health::Stopping => "stopping",
            _ => "unknown",
        }
        .to_owned(),
        used: amounts(used, offer, names),
        offer: amounts(offer, offer, names),
        running: { it.running() }
            .map(|request| Running {
                request: request.to_string(),
                job: job(mirror, request),
                since: since(request),
            })
            .collect(),
        held_for: it.held_for().map(|request| request.to_string()),
    }
}

/// The amounts that `there` has any of.
fn amounts(of: Resources, there: Resources, names: &[String]) -> BTreeMap<String, u64> {
    let all = names.iter().zip(of.amounts()).zip(there.amounts());
    let there = all.filter(|(_, there)| *there > 0);
    there
        .map(|((name, amount), _)| (name.clone(), amount.into()))
        .collect()
}

fn job(mirror: &Mirror, request: RequestId) -> String {
    mirror.jobs().get(&request).cloned().unwrap_or_default()
}

fn seconds(at: Instant) -> f64 {
    at.0 as f64 / 1e9
}
