//! Classes: queued requests that are equal but for their arrival, first come first served.

use super::ask::{Ask, Spot};
use crate::protocol::event::Submit;
use crate::protocol::id::{Kinds, MachineId};
use crate::protocol::resources::{Demand, Resources};
use crate::storage::list::List;
use crate::storage::table::Keyed;
use crate::storage::tree::{Branch, Node};

/// What the requests of a class have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ClassKey {
    pub(crate) priority: i64,
    pub(crate) ask: Ask,
    pub(crate) avoid: Option<MachineId>,
}

impl ClassKey {
    pub(crate) const fn of(spec: &Submit) -> ClassKey {
        ClassKey {
            priority: spec.priority,
            ask: Ask::of(spec),
            avoid: spec.avoid,
        }
    }
}

/// Equal requests, in the order of arrival.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) key: ClassKey,
    /// The kinds that they accept and whose capacity they fit: requests with the same are a group (P4).
    pub(crate) group: Kinds,
    /// Its place in the order of classes: the priority, then the arrival of its first request (P1),
    /// or what stands for its procs (S3).
    pub(super) order: (i64, u64),
    pub(super) members: List,
    pub(super) len: u64,
    /// The slot of its demand.
    pub(super) demand: u32,
    /// Whether the summaries count its requests, which only S5 asks for.
    pub(super) counted: bool,
    branch: Branch<Least>,
}

impl Class {
    pub(super) fn new(
        key: ClassKey,
        group: Kinds,
        order: (i64, u64),
        demand: u32,
        counted: bool,
    ) -> Class {
        Class {
            key,
            group,
            order,
            members: List::EMPTY,
            len: 0,
            demand,
            counted,
            branch: Branch::new(Least::NONE),
        }
    }
}

/// What is known of several classes. Whole machines are summarised apart: they have no amounts (R5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Least {
    /// The least of each amount that is asked for.
    amounts: Resources,
    /// The kinds that one of those accepts.
    kinds: Kinds,
    /// The kinds that one which asks for a whole machine accepts.
    whole: Kinds,
    /// How many requests there are in the classes that are counted.
    pub(super) count: u64,
}

impl Least {
    const NONE: Least = Least {
        amounts: Resources::new([u32::MAX; Resources::COUNT]),
        kinds: Kinds::NONE,
        whole: Kinds::NONE,
        count: 0,
    };

    /// Whether one of the classes may fit.
    pub(super) fn may_fit(&self, spot: &Spot) -> bool {
        (self.amounts.fits(spot.free) && self.kinds.contains(spot.kind))
            || (spot.empty && self.whole.contains(spot.kind))
    }
}

impl Keyed for Class {
    type Key = ClassKey;

    fn key(&self) -> &ClassKey {
        &self.key
    }
}

impl Node for Class {
    type Key = (i64, u64);
    type Summary = Least;

    fn key(&self) -> (i64, u64) {
        self.order
    }

    fn own(&self) -> Least {
        let count = if self.counted { self.len } else { 0 };
        let kinds = self.key.ask.kinds;
        match self.key.ask.demand {
            Demand::Amounts(amounts) => Least {
                amounts,
                kinds,
                count,
                ..Least::NONE
            },
            Demand::Machine => Least {
                whole: kinds,
                count,
                ..Least::NONE
            },
        }
    }

    fn join(a: Least, b: Least) -> Least {
        Least {
            amounts: a.amounts.min(b.amounts),
            kinds: a.kinds.or(b.kinds),
            whole: a.whole.or(b.whole),
            count: a.count + b.count,
        }
    }

    fn branch(&self) -> &Branch<Least> {
        &self.branch
    }

    fn branch_mut(&mut self) -> &mut Branch<Least> {
        &mut self.branch
    }
}
