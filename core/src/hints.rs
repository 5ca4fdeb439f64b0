//! Where the classes of some keys were, by the hashes of the keys: a guess that saves a walk through the tree, and that whoever
//! asks has to check. A class may have moved or gone, and of keys with one hash only the last is noted.

use alloc::vec;
use alloc::vec::Vec;

use crate::classes::ClassKey;
use crate::list::NIL;

/// The fewest there are, if there are any.
const LEAST: usize = 16;

/// Slots of classes.
#[derive(Clone, Debug)]
pub(crate) struct Hints(Vec<u32>);

impl Hints {
    pub(crate) const NONE: Hints = Hints(Vec::new());

    /// Blank ones, for so many classes.
    pub(crate) fn blank(classes: usize) -> Hints {
        Hints(vec![NIL; (2 * classes).next_power_of_two().max(LEAST)])
    }

    /// Begins anew if these are too few for so many classes.
    pub(crate) fn suit(&mut self, classes: usize) {
        if self.0.len() < 2 * classes {
            *self = Hints::blank(classes);
        }
    }

    /// Where the class of a key may be.
    pub(crate) fn get(&self, key: ClassKey) -> u32 {
        self.0.get(self.at(key)).copied().unwrap_or(NIL)
    }

    /// Notes where it is; nothing, as long as there is no class.
    pub(crate) fn note(&mut self, key: ClassKey, class: u32) {
        let at = self.at(key);
        if let Some(hint) = self.0.get_mut(at) {
            *hint = class;
        }
    }

    /// Whose hint is noted here.
    fn at(&self, (priority, procs): ClassKey) -> usize {
        let product = (priority as u64)
            .wrapping_add(u64::from(procs.0) << 40)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The highest bits, which all others have a part in. If there are none it is any number.
        (product >> (((self.0.len() as u64).leading_zeros() + 1) & 63)) as usize
    }
}

#[cfg(test)]
impl Hints {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Hints, NIL};
    use core::cmp::Reverse;

    #[test]
    fn most_keys_have_a_place_of_their_own() {
        let kinds: [fn(u32) -> (i64, u32); 5] = [
            |n| (n.into(), 1),
            |n| (0, 1 + n),
            |n| ((n % 4).into(), 1 + n / 4),
            |n| (i64::from(n) << 40, 7),
            |n| (i64::from(n) * -1_000_000_007, 1 + n % 3),
        ];
        for kind in kinds {
            let mut hints = Hints::NONE;
            let key = |n| {
                let (priority, procs) = kind(n);
                (priority, Reverse(procs))
            };
            hints.note(key(0), 0);
            assert_eq!(hints.get(key(0)), NIL);
            hints.suit(1000);
            (0..1000).for_each(|n| hints.note(key(n), n));
            let noted = (0..1000).filter(|&n| hints.get(key(n)) == n).count();
            assert!(noted > 700, "{noted}");
            // They are kept as long as they suit.
            hints.suit(1024);
            assert_eq!(hints.get(key(999)), 999);
            hints.suit(1025);
            assert_eq!((hints.get(key(999)), hints.len()), (NIL, 4096));
        }
    }
}
