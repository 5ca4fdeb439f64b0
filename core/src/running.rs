//! What runs on a machine, in the order of the grants (F4, F11).
//!
//! There are at most as many as procs, so looking through them is quicker than following links from record to record. Ids
//! that count up have the same higher half, so up to sixteen lower halves stand in one line of the cache, where they are
//! compared and moved without jumps.

use alloc::vec::Vec;

use crate::id::RequestId;

/// How many there are room for without memory elsewhere.
const SHORT: usize = 16;

/// The requests. In the record of a machine the lower halves begin with a line.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Running {
    /// All of them, if they are too many or too different.
    all: Vec<RequestId>,
    /// The higher half of all ids in `lows`.
    high: u32,
    /// How many there are; zero while `all` has them.
    len: u32,
    pub(crate) lows: [u32; SHORT],
}

impl Running {
    pub(crate) const fn new() -> Running {
        Running {
            high: 0,
            len: 0,
            lows: [0; SHORT],
            all: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize + self.all.len()
    }

    /// Appends a request.
    #[inline]
    pub(crate) fn push(&mut self, request: RequestId) {
        let (high, low) = halves(request);
        if self.len == 0 {
            self.high = high;
        }
        match self.lows.get_mut(self.len as usize) {
            Some(place) if self.high == high && self.all.is_empty() => {
                *place = low;
                self.len += 1;
            }
            _ => self.push_to_all(request),
        }
    }

    #[inline(never)]
    fn push_to_all(&mut self, request: RequestId) {
        let Running {
            high, lows, len, ..
        } = *self;
        let lows = lows.iter().take(len as usize);
        self.all.extend(lows.map(|&low| whole(high, low)));
        self.len = 0;
        self.all.push(request);
    }

    /// Takes out a request that is there; those behind it move up.
    #[inline]
    pub(crate) fn remove(&mut self, request: RequestId) {
        let (high, low) = halves(request);
        if self.len == 0 {
            return self.remove_from_all(request);
        }
        debug_assert!(high == self.high, "it runs here");
        let mut alike = 0u32;
        for (at, &other) in self.lows.iter().enumerate() {
            alike |= u32::from(other == low) << at;
        }
        // What stands behind the last is of no account.
        let at = alike.trailing_zeros();
        assert!(at < self.len, "it runs here");
        self.len -= 1;
        if self.len == 0 {
            return;
        }
        let old = self.lows;
        for n in 0..SHORT - 1 {
            self.lows[n] = if (n as u32) < at { old[n] } else { old[n + 1] };
        }
    }

    #[inline(never)]
    fn remove_from_all(&mut self, request: RequestId) {
        let at = self.all.iter().position(|&other| other == request);
        self.all.remove(at.expect("it runs here"));
        // Where half of the room would do, they come back.
        let first = self.all.first().map_or(0, |&first| halves(first).0);
        if self.all.len() <= SHORT / 2 && self.all.iter().all(|&id| halves(id).0 == first) {
            self.high = first;
            for (place, id) in self.lows.iter_mut().zip(&self.all) {
                *place = halves(*id).1;
            }
            self.len = self.all.len() as u32;
            self.all.clear();
        }
    }

    /// All of them, in the order of the grants.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RequestId> {
        let lows = self.lows.iter().take(self.len as usize);
        let short = lows.map(|&low| whole(self.high, low));
        short.chain(self.all.iter().copied())
    }
}

fn halves(request: RequestId) -> (u32, u32) {
    ((request.0 >> 32) as u32, request.0 as u32)
}

fn whole(high: u32, low: u32) -> RequestId {
    RequestId(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::{Running, SHORT};
    use crate::id::RequestId;
    use alloc::vec::Vec;

    #[test]
    fn it_is_a_list_whatever_the_ids() {
        let spreads: [fn(u64) -> u64; 5] = [
            |n| n,
            |n| (1 << 32) - 40 + n,
            |n| n << 32 | 7,
            |n| n << 31,
            |n| u64::MAX - n % 50 * 0x1_0000_0001,
        ];
        for most in [1, 3, SHORT, SHORT + 1, 60] {
            for spread in spreads {
                let (mut running, mut model) = (Running::new(), Vec::new());
                let mut x = 1u64;
                for n in 0..5_000 {
                    x = x
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    // More come than go, and then the other way round.
                    let comes = x >> 40 & 3 > u64::from(n % 500 > 300) * 2;
                    let id = RequestId(spread(n));
                    if comes && model.len() < most && !model.contains(&id) {
                        running.push(id);
                        model.push(id);
                    } else if !model.is_empty() {
                        let id = model.remove((x >> 33) as usize % model.len());
                        running.remove(id);
                    }
                    assert!(running.iter().eq(model.iter().copied()));
                    assert_eq!(running.len(), model.len());
                }
            }
        }
    }

    #[test]
    fn sixteen_that_count_up_need_no_memory_elsewhere() {
        let mut running = Running::new();
        for n in 0..10_000 {
            running.push(RequestId(1 << 40 | n));
            if n >= SHORT as u64 - 1 {
                running.remove(RequestId(1 << 40 | (n + 1 - SHORT as u64)));
            }
        }
        assert_eq!((running.len(), running.all.capacity()), (SHORT - 1, 0));
    }

    #[test]
    fn those_of_two_kinds_come_back_when_one_is_left() {
        let mut running = Running::new();
        (0..9).for_each(|n| running.push(RequestId(n << 32)));
        (1..9).for_each(|n| running.remove(RequestId(n << 32)));
        assert!(running.all.is_empty());
        assert!(running.iter().eq([RequestId(0)]));
    }
}
