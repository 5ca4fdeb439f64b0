//! Numbers and texts as bytes.

use alloc::vec::Vec;

/// Appends a number, seven bits a byte.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Small numbers of either sign as small unsigned ones.
pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Back from [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Bytes that are read from the front. `None` when they are not what they should be.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A number in its shortest form; there is no other.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for nth in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * nth);
            if byte < 0x80 {
                let fits = nth < 9 || byte == 1;
                let shortest = nth == 0 || byte != 0;
                return (fits && shortest).then_some(value);
            }
        }
        None
    }

    /// A number that fits.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.varint()?.try_into().ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        core::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_number_has_one_form() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            let mut bytes = Bytes(&out);
            assert_eq!((bytes.varint(), bytes.is_empty()), (Some(value), true));
            out.pop();
            assert_eq!(Bytes(&out).varint(), None, "cut");
        }
        assert_eq!(Bytes(&[0x80, 0]).varint(), None, "a longer form of zero");
        let mut beyond = vec![0xff; 9];
        beyond.push(2);
        assert_eq!(Bytes(&beyond).varint(), None, "more than 64 bits");
        assert_eq!(Bytes(&[0xff; 11]).varint(), None);
        assert_eq!(Bytes(&[0x80, 2]).number::<u8>(), None, "256 is no byte");
    }

    #[test]
    fn signs_fold_and_unfold() {
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
