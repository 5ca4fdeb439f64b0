//! A world that has a storm is made smaller, to be read.

use remuda::{Kinds, Resources};

use crate::play::storm;
use crate::world::*;

/// A smaller world that still has a storm.
pub(crate) fn smaller(world: World) -> World {
    let mut best = world;
    loop {
        let better = less(&best)
            .into_iter()
            .find(|less| less.config().validate().is_ok() && storm(less).is_some());
        match better {
            Some(better) => best = better,
            None => return best,
        }
    }
}

/// Worlds that have a little less.
pub(crate) fn less(world: &World) -> Vec<World> {
    let mut all = Vec::new();
    let mut change = |change: &dyn Fn(&mut World)| {
        let mut less = world.clone();
        change(&mut less);
        if format!("{less:?}") != format!("{world:?}") {
            all.push(less);
        }
    };
    for index in 0..world.wants.len() {
        change(&|world| {
            world.wants.remove(index);
        });
        change(&|world| world.wants[index].count = 1);
        change(&|world| world.wants[index].count -= u64::from(world.wants[index].count > 1));
        change(&|world| world.wants[index].priority = 0);
        change(&|world| {
            let amounts = &mut world.wants[index].amounts;
            *amounts = amounts.map(|amounts| Resources::procs(amounts.proc_count()));
        });
        change(&|world| world.wants[index].length = world.wants[index].length.map(|_| 10));
    }
    // The last kind, if no request names it.
    if world.sorts.len() > 1 {
        change(&|world| {
            world.sorts.pop();
            let all = (1 << world.sorts.len()) - 1;
            world.wants.retain(|want| want.kinds.bits() & all != 0);
        });
        change(&|world| {
            world.sorts.remove(0);
            for want in &mut world.wants {
                want.kinds = Kinds::from_bits(match want.kinds {
                    Kinds::ALL => u64::MAX,
                    kinds => kinds.bits() >> 1,
                });
            }
            world.wants.retain(|want| want.kinds != Kinds::NONE);
        });
    }
    for index in 0..world.sorts.len() {
        change(&|world| world.sorts[index].kind.min = 0);
        change(&|world| world.sorts[index].kind.spare = 0);
        change(&|world| world.sorts[index].kind.max = u32::MAX);
        change(&|world| world.sorts[index].kind.max_pending = u32::MAX);
        change(&|world| world.sorts[index].kind.cost = 1);
        change(&|world| world.sorts[index].kind.idle = None);
        change(&|world| {
            world.sorts[index].kind.idle = world.sorts[index].kind.idle.map(|_| ticks(10));
        });
        change(&|world| world.sorts[index].offer = None);
        change(&|world| world.sorts[index].boot = 1);
        change(&|world| world.sorts[index].stop = 1);
        change(&|world| (world.sorts[index].fails, world.sorts[index].life) = (0, None));
        change(&|world| world.sorts[index].silent = 0);
        change(&|world| {
            let kind = &mut world.sorts[index].kind;
            kind.capacity = Resources::procs(kind.capacity.proc_count());
        });
    }
    change(&|world| world.withdraw = false);
    change(&|world| world.max_procs = u64::MAX);
    change(&|world| world.patience = 0);
    change(&|world| world.settle = 1);
    change(&|world| world.flaps = 0);
    all
}
