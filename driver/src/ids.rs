//! Maps by ids that are minted here, ascending from 0: nobody can choose them, so a hash that is fixed and short will do.
//! No decision follows the order of such a map.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// From an id to what is known of it.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// A multiplication for each integer, and the best bits of the product to where the map looks first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
}
