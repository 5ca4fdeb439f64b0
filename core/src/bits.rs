//! A set of small numbers that finds the next lower one in a few steps: which free-procs values
//! have machines.

use alloc::vec;
use alloc::vec::Vec;

/// A set of numbers from 0 to 65,536: a bit each, and a bit for each word that is not zero.
#[derive(Clone, Debug)]
pub(crate) struct Bits {
    words: Vec<u64>,
    summary: Vec<u64>,
}

impl Bits {
    pub(crate) fn up_to(last: u32) -> Bits {
        let words = last as usize / 64 + 1;
        Bits {
            words: vec![0; words],
            summary: vec![0; words.div_ceil(64)],
        }
    }

    pub(crate) fn insert(&mut self, n: u32) {
        let word = n as usize / 64;
        self.words[word] |= 1 << (n % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    pub(crate) fn remove(&mut self, n: u32) {
        let word = n as usize / 64;
        self.words[word] &= !(1 << (n % 64));
        if self.words[word] == 0 {
            self.summary[word / 64] &= !(1 << (word % 64));
        }
    }

    pub(crate) fn contains(&self, n: u32) -> bool {
        self.words[n as usize / 64] >> (n % 64) & 1 == 1
    }

    /// The greatest member below `n`.
    pub(crate) fn below(&self, n: u32) -> Option<u32> {
        let word = n as usize / 64;
        if let Some(bits) = self.words.get(word)
            && let Some(bit) = highest_below(*bits, n % 64)
        {
            return Some(word as u32 * 64 + bit);
        }
        let group = word / 64;
        let in_group = self
            .summary
            .get(group)
            .and_then(|&bits| highest_below(bits, word as u32 % 64));
        let word = match in_group {
            Some(bit) => group as u32 * 64 + bit,
            None => {
                let end = group.min(self.summary.len());
                let group = self.summary[..end].iter().rposition(|&bits| bits != 0)?;
                group as u32 * 64 + self.summary[group].ilog2()
            }
        };
        Some(word * 64 + self.words[word as usize].ilog2())
    }
}

/// The highest bit set below bit `n` (0 to 63).
fn highest_below(bits: u64, n: u32) -> Option<u32> {
    (bits & ((1 << n) - 1)).checked_ilog2()
}

#[cfg(test)]
mod tests {
    use super::Bits;
    use alloc::collections::BTreeSet;

    #[test]
    fn below_finds_what_a_sorted_set_finds() {
        let mut x = 7u64;
        for last in [1, 63, 64, 65, 4095, 4096, 65_536] {
            let (mut bits, mut set) = (Bits::up_to(last), BTreeSet::new());
            for _ in 0..3_000 {
                x = x
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                let n = (x >> 33) as u32 % (last + 1);
                if x >> 20 & 3 == 0 {
                    bits.insert(n);
                    set.insert(n);
                } else {
                    bits.remove(n);
                    set.remove(&n);
                }
                let below = (x >> 13) as u32 % (last + 2);
                assert_eq!(bits.below(below), set.range(..below).next_back().copied());
                assert_eq!(bits.contains(n), set.contains(&n));
            }
        }
    }
}
