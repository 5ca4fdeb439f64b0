//! How requests are numbered.

use remuda::RequestId;

use crate::rng::Rng;

/// How requests are numbered: the ids of the first, the second, and so on, no two the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ids {
    /// From this on, in such steps; zero follows the greatest.
    Count {
        /// The first.
        from: u64,
        /// From one to the next.
        by: u64,
    },
    /// By so many clients in turns, each of which counts in a range of its own.
    Ranges(u64),
    /// Anywhere.
    Scattered,
}

impl Ids {
    /// The id of the nth request, from 0 up.
    pub fn of(self, n: u64) -> RequestId {
        RequestId(match self {
            Ids::Count { from, by } => from.wrapping_add(n.wrapping_mul(by)),
            Ids::Ranges(clients) => ((n % clients) << 40) + n / clients,
            // The second half of splitmix64, which no two numbers come out of alike.
            Ids::Scattered => {
                let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                n ^ (n >> 31)
            }
        })
    }

    pub(super) fn draw(rng: &mut Rng) -> Ids {
        match rng.below(8) {
            0 => Ids::Count { from: 0, by: 2 },
            1 => Ids::Count {
                from: (1 << 32) - rng.below(60),
                by: rng.pick(&[1, 17, u64::MAX]),
            },
            2 => Ids::Ranges(rng.range(2, 5)),
            3 => Ids::Scattered,
            _ => Ids::Count { from: 0, by: 1 },
        }
    }
}
