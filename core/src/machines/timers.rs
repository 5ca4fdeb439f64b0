//! The deadlines of machines, earliest first (F10).

use crate::protocol::id::MachineId;
use crate::protocol::time::Instant;
use crate::storage::heap::{Heap, Positions};

/// What a machine can have a deadline for. At one instant they fire in this order; other deadlines
/// of the manager come before [`Timer::Poll`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// Its probation ends (S10).
    Probation,
    /// It is told to stop whatever runs there (D1).
    DrainEnd,
    /// It has stayed up for long enough (G3).
    Settle,
    /// It is polled (S17).
    Poll,
}

impl Timer {
    pub(crate) const ALL: [Timer; 4] = [
        Timer::Probation,
        Timer::DrainEnd,
        Timer::Settle,
        Timer::Poll,
    ];
}

type Key = (Instant, Timer, MachineId);

/// All deadlines of all machines.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    heap: Heap<Key>,
    /// By machine and timer.
    positions: Positions,
}

impl Timers {
    pub(super) fn new() -> Timers {
        Timers {
            heap: Heap::new(),
            positions: Positions::default(),
        }
    }

    /// Makes memory for a machine.
    pub(super) fn admit(&mut self, slot: u32) {
        self.positions.admit(handle(slot, Timer::Poll));
    }

    /// Sets a deadline of a machine, or clears it.
    pub(super) fn set(&mut self, slot: u32, id: MachineId, timer: Timer, at: Option<Instant>) {
        let handle = handle(slot, timer);
        if self.positions.contains(handle) {
            self.heap.remove(handle, &mut self.positions);
        }
        if let Some(at) = at {
            self.heap.push((at, timer, id), handle, &mut self.positions);
        }
    }

    /// The earliest deadline, and the slot of its machine.
    pub(super) fn next(&self) -> Option<(Instant, Timer, u32)> {
        self.heap
            .peek()
            .map(|((at, timer, _), handle)| (at, timer, handle / 4))
    }

    /// Whether there are just those that the machines should have; as many as `count`.
    pub(super) fn check(
        &self,
        count: usize,
        wants: impl Fn(u32, Timer) -> Option<(Instant, MachineId)>,
    ) -> bool {
        let wanted = |handle: u32, (at, timer, id): Key| {
            self::handle(handle / 4, timer) == handle && wants(handle / 4, timer) == Some((at, id))
        };
        self.heap.len() == count && self.heap.check(&self.positions, wanted)
    }
}

/// Slots are below 2^29, so this fits.
fn handle(slot: u32, timer: Timer) -> u32 {
    slot * 4 + timer as u32
}
