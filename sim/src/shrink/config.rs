//! A plainer config.

use core::time::Duration;

use remuda::{Config, Demand, Event, Kind, Policy, Resources};

use super::run::{Run, Verdict};
use super::search::Search;

/// Everything in procs in proportion. Large machines make all that follows slow.
pub(super) fn smaller_machines(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let kinds = search.best.config.kinds.iter();
    let old = kinds.map(|kind| kind.capacity.proc_count()).max();
    let old = old.unwrap_or(1);
    for new in [1, 2, 3, 4, 8, 64].into_iter().filter(|new| *new < old) {
        let mut smaller = search.best.clone();
        let scale = Scale { old, new };
        for kind in &mut smaller.config.kinds {
            scale.amounts(&mut kind.capacity);
        }
        scale.sum(&mut smaller.config.max_procs);
        for (_, event) in &mut smaller.events {
            scale.event(event);
        }
        if search.try_run(smaller) {
            return;
        }
    }
}

#[derive(Clone, Copy)]
struct Scale {
    old: u32,
    new: u32,
}

impl Scale {
    fn event(self, event: &mut Event) {
        match event {
            Event::Submit { spec, .. } => {
                if let Demand::Amounts(amounts) = &mut spec.demand {
                    self.amounts(amounts);
                }
            }
            Event::Up { offer, .. } | Event::Join { offer, .. } => {
                offer.iter_mut().for_each(|offer| self.amounts(offer));
            }
            Event::SetMaxProcs { max_procs } => self.sum(max_procs),
            _ => {}
        }
    }

    /// Rounded up: what was not zero is not.
    fn amounts(self, amounts: &mut Resources) {
        let mut all = amounts.amounts();
        let mut procs = u64::from(all[0]);
        self.sum(&mut procs);
        all[0] = procs as u32;
        *amounts = Resources::new(all);
    }

    fn sum(self, procs: &mut u64) {
        let scaled = u128::from(*procs) * u128::from(self.new);
        *procs = scaled.div_ceil(u128::from(self.old)) as u64;
    }
}

pub(super) fn plain_config(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    for n in 0..search.best.config.kinds.len() {
        plain_kind(search, n);
    }
    let mut plain = match search.best.config.policy {
        Policy::Bigslice => Config::bigslice_machines(1, 1),
        _ => Config::empty(),
    };
    let kinds = search.best.config.kinds.iter();
    let largest = kinds.map(|kind| kind.capacity.proc_count()).max();
    plain.max_procs = 4 * u64::from(largest.unwrap_or(1));
    for to in FIELDS {
        let mut changed = search.best.clone();
        to(&mut changed.config, &plain);
        if changed.config.validate().is_ok() {
            search.try_run(changed);
        }
    }
}

/// Makes one field plain.
type Plainer = fn(&mut Config, &Config);

const FIELDS: &[Plainer] = &[
    |config, _| config.summary_interval = Duration::ZERO,
    |config, _| config.poll_interval = Duration::ZERO,
    |config, plain| config.max_procs = plain.max_procs,
    |config, plain| config.packing = plain.packing,
    |config, _| config.patience = 0,
    |config, plain| config.patience = plain.patience,
    |config, plain| config.hold_limit = plain.hold_limit,
    |config, plain| config.probation = plain.probation,
    |config, plain| config.probation_cap = plain.probation_cap,
    |config, _| config.flaps = 0,
    |config, plain| config.flaps = plain.flaps,
    |config, plain| config.start_backoff_base = plain.start_backoff_base,
    |config, plain| config.start_backoff_cap = plain.start_backoff_cap,
    |config, _| config.settle = Duration::ZERO,
    |config, plain| config.settle = plain.settle,
    |config, plain| config.silent_polls = plain.silent_polls,
    |config, _| config.stop_with_tasks = false,
    |config, _| config.withdraw = false,
    |config, plain| config.names = plain.names.clone(),
    |config, plain| {
        if !config.poll_interval.is_zero() {
            config.poll_interval = plain.poll_interval;
        }
    },
];

fn plain_kind(search: &mut Search<impl FnMut(&Run) -> Verdict>, n: usize) {
    let plain = Kind::new(Resources::ZERO);
    let mut try_kind = |to: &dyn Fn(&mut Kind)| {
        let mut changed = search.best.clone();
        let kind = &mut changed.config.kinds[n];
        to(kind);
        if changed.config.validate().is_ok() {
            search.try_run(changed);
        }
    };
    try_kind(&|kind| *kind = Kind::new(kind.capacity));
    try_kind(&|kind| kind.capacity = Resources::procs(kind.capacity.proc_count()));
    for amount in 0..Resources::COUNT {
        for least in [0, 1, 2, 4] {
            try_kind(&|kind| {
                let mut all = kind.capacity.amounts();
                all[amount] = all[amount].min(least);
                kind.capacity = Resources::new(all);
            });
        }
    }
    try_kind(&|kind| (kind.min, kind.spare, kind.max) = (0, 0, u32::MAX));
    try_kind(&|kind| kind.min = 0);
    try_kind(&|kind| kind.spare = 0);
    try_kind(&|kind| kind.max = u32::MAX);
    try_kind(&|kind| kind.max_pending = plain.max_pending);
    try_kind(&|kind| kind.batch = plain.batch);
    try_kind(&|kind| kind.cost = plain.cost);
    try_kind(&|kind| kind.idle = None);
    try_kind(&|kind| kind.startable = true);
}
