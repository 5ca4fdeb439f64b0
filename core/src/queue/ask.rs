//! Who fits what: what a request asks for, held against what a machine has.

use crate::protocol::event::Submit;
use crate::protocol::id::{KindId, Kinds};
use crate::protocol::resources::{Demand, Resources};

/// What a request asks for, whatever its priority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Ask {
    pub(crate) demand: Demand,
    /// The kinds that it accepts.
    pub(crate) kinds: Kinds,
}

/// What a machine has to give.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Spot {
    pub(crate) free: Resources,
    pub(crate) kind: KindId,
    /// Whether nothing runs there, and it has any procs: a whole machine (R5).
    pub(crate) empty: bool,
}

impl Ask {
    pub(crate) const fn of(spec: &Submit) -> Ask {
        Ask {
            demand: spec.demand,
            kinds: spec.kinds,
        }
    }

    /// Whether it fits there now.
    #[inline]
    pub(crate) fn fits(&self, spot: &Spot) -> bool {
        self.kinds.contains(spot.kind)
            && match self.demand {
                Demand::Amounts(amounts) => amounts.fits(spot.free),
                Demand::Machine => spot.empty,
            }
    }

    /// Whether a machine of this kind and offer could take it if nothing ran there.
    pub(crate) fn could_fit(&self, kind: KindId, offer: Resources) -> bool {
        self.kinds.contains(kind) && self.demand.least().fits(offer)
    }
}
