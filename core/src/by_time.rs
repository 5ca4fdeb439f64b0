//! Machines by a time, and then id: when their probation ends, or their next poll is due.

use crate::heap::{Heap, Positions};
use crate::id::MachineId;
use crate::time::Instant;

/// Those that have a time.
#[derive(Clone, Debug)]
pub(crate) struct ByTime {
    heap: Heap<(Instant, MachineId)>,
    positions: Positions,
}

impl ByTime {
    pub(crate) fn new() -> ByTime {
        ByTime {
            heap: Heap::new(),
            positions: Positions::default(),
        }
    }

    /// Makes room for the machine in a slot.
    pub(crate) fn admit(&mut self, slot: u32) {
        self.positions.admit(slot);
    }

    /// A machine that had one time, or none, has another, or none.
    pub(crate) fn change(
        &mut self,
        slot: u32,
        id: MachineId,
        old: Option<Instant>,
        new: Option<Instant>,
    ) {
        if old.is_some() {
            self.heap.remove(slot, &mut self.positions);
        }
        if let Some(time) = new {
            self.heap.push((time, id), slot, &mut self.positions);
        }
    }

    pub(crate) fn first(&self) -> Option<(Instant, u32)> {
        self.heap.peek().map(|((time, _), slot)| (time, slot))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether it is in order, and each that is in it belongs there: a slot, its time, and its id.
    pub(crate) fn check(&self, belongs: impl Fn(u32, Instant, MachineId) -> bool) -> bool {
        self.heap
            .check(&self.positions, |slot, (time, id)| belongs(slot, time, id))
    }
}
