//! The order of S4: machines that are ok and have procs free, those with the most first, and of equals the lowest id (T2).

use alloc::vec::Vec;

use crate::bits::Bits;
use crate::heap::{Heap, Positions};
use crate::id::MachineId;

/// For each number of free procs a heap by id.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    by_free: Vec<Heap<MachineId>>,
    positions: Positions,
    values: Bits,
    len: u32,
}

impl Ready {
    /// Of machines of so many procs.
    pub(crate) fn new(machine_procs: u32) -> Ready {
        Ready {
            by_free: (0..=machine_procs).map(|_| Heap::new()).collect(),
            positions: Positions::default(),
            values: Bits::up_to(machine_procs),
            len: 0,
        }
    }

    /// Makes room for the machine in a slot.
    pub(crate) fn admit(&mut self, slot: u32) {
        self.positions.admit(slot);
    }

    /// Puts a machine in, which is not there.
    pub(crate) fn insert(&mut self, slot: u32, id: MachineId, free: u32) {
        self.len += 1;
        let heap = &mut self.by_free[free as usize];
        heap.push(id, slot, &mut self.positions);
        if heap.len() == 1 {
            self.values.insert(free);
        }
    }

    /// Takes a machine out, which was put in with so many procs.
    pub(crate) fn remove(&mut self, slot: u32, free: u32) {
        self.len -= 1;
        let heap = &mut self.by_free[free as usize];
        heap.remove(slot, &mut self.positions);
        if heap.len() == 0 {
            self.values.remove(free);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The greatest number of free procs below `bound` that some machine has, how many have it, and which of these has the
    /// lowest id (T2).
    pub(crate) fn below(&self, bound: u32) -> Option<(u32, u32, u32)> {
        let free = self.values.below(bound)?;
        let heap = &self.by_free[free as usize];
        // There are fewer machines than NIL.
        heap.peek()
            .map(|(_, lowest)| (free, heap.len() as u32, lowest))
    }

    /// The machine of a rank if it has so many procs free: of those with as many the one with the lowest id (T2).
    pub(crate) fn at(&self, rank: u32, procs: u32) -> Option<u32> {
        if rank >= self.len {
            return None;
        }
        // One more than the most there can be.
        let (mut ahead, mut bound) = (0, self.by_free.len() as u32);
        loop {
            let (free, count, lowest) = self.below(bound)?;
            if free < procs {
                return None;
            }
            ahead += count;
            if rank < ahead {
                return Some(lowest);
            }
            bound = free;
        }
    }

    /// Whether it is sound, and each that is in it belongs there: a slot, its id, and its free procs.
    pub(crate) fn check(&self, belongs: impl Fn(u32, MachineId, u32) -> bool) -> bool {
        let held = (0..).zip(&self.by_free).all(|(free, heap)| {
            self.values.contains(free) == (heap.len() > 0)
                && heap.check(&self.positions, |slot, id| belongs(slot, id, free))
        });
        held && self.by_free.iter().map(Heap::len).sum::<usize>() == self.len as usize
    }
}

#[cfg(test)]
impl Ready {
    /// Spoils it.
    pub(crate) fn spoil_values(&mut self) -> &mut Bits {
        &mut self.values
    }

    /// Spoils it.
    pub(crate) fn lose_positions(&mut self) {
        self.positions = Positions::default();
    }

    /// Spoils it: there is one more than it says.
    pub(crate) fn miscount(&mut self) {
        self.len += 1;
    }
}
