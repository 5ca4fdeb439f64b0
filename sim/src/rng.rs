//! The random numbers of a simulation: seeded, small, the same on every platform and for ever.

/// SplitMix64: a seed gives the same numbers in every build and on every platform.
///
/// ```
/// use remuda_sim::Rng;
///
/// assert_eq!(Rng::new(7).next(), Rng::new(7).next());
/// ```
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The numbers that belong to `seed`.
    pub fn new(seed: u64) -> Rng {
        // Neighbouring seeds are scattered first: schedules are numbered one by one.
        Rng(seed.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ 0x2545_f491_4f6c_dd1d)
    }

    /// The next number, of all there are.
    #[allow(clippy::should_implement_trait)] // It has no end and is no iterator.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True `of_256` times out of 256.
    pub fn chance(&mut self, of_256: u8) -> bool {
        of_256 > 0 && (self.next() >> 56) < u64::from(of_256)
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// One of `items`, if there are any.
    pub fn pick_of<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        (!items.is_empty()).then(|| self.pick(items))
    }

    /// An index, each as often as its weight says; 0 when all weights are zero.
    pub fn weighted(&mut self, weights: &[u8]) -> usize {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.iter().enumerate() {
            if left < u64::from(*weight) {
                return index;
            }
            left -= u64::from(*weight);
        }
        0
    }
}
