//! Numbers and texts as bytes, and what consists of a few numbers.

use alloc::vec::Vec;
use core::time::Duration;

use crate::protocol::resources::Resources;

/// Appends a number, seven bits a byte.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends numbers, one after the other.
pub(super) fn put_all<const N: usize>(out: &mut Vec<u8>, numbers: [u64; N]) {
    for number in numbers {
        put(out, number);
    }
}

/// Appends a text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends 0 for nothing; 1 and the value for something.
pub(super) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put_value: fn(&mut Vec<u8>, T)) {
    put(out, value.is_some().into());
    if let Some(value) = value {
        put_value(out, value);
    }
}

/// Appends whole seconds, then the nanoseconds of the last one.
pub(super) fn put_span(out: &mut Vec<u8>, span: Duration) {
    put(out, span.as_secs());
    put(out, span.subsec_nanos().into());
}

/// Appends four amounts.
pub(super) fn put_amounts(out: &mut Vec<u8>, amounts: Resources) {
    put_all(out, amounts.amounts().map(u64::from));
}

/// Maps small numbers of either sign to small unsigned ones.
pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Bytes that are read from the front. A method returns `None` when they are not what it reads.
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

    /// A number in its shortest form; no other form is accepted.
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

    /// A number that fits its type.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.varint()?.try_into().ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.varint()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// What [`put_option`] wrote; the outer `None` is an error.
    pub(super) fn option<T>(
        &mut self,
        value: impl FnOnce(&mut Bytes<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.flag()? {
            true => value(self).map(Some),
            false => Some(None),
        }
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        core::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn span(&mut self) -> Option<Duration> {
        let secs = self.varint()?;
        let nanos = self.number().filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Duration::new(secs, nanos))
    }

    pub(super) fn amounts(&mut self) -> Option<Resources> {
        let mut amounts = [0; Resources::COUNT];
        for amount in &mut amounts {
            *amount = self.number()?;
        }
        Some(Resources::new(amounts))
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

    #[test]
    fn a_span_has_one_form() {
        let read = |nanos: u64| {
            let mut bytes = Vec::new();
            put_all(&mut bytes, [7, nanos]);
            Bytes(&bytes).span()
        };
        assert_eq!(read(999_999_999), Some(Duration::new(7, 999_999_999)));
        assert_eq!(read(1_000_000_000), None);
    }

    #[test]
    fn something_and_nothing_are_told_apart() {
        for value in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
            let mut out = Vec::new();
            put_option(&mut out, value, put_span);
            let mut bytes = Bytes(&out);
            assert_eq!(bytes.option(Bytes::span), Some(value));
            assert!(bytes.is_empty());
        }
        assert_eq!(Bytes(&[2, 0, 0]).option(Bytes::span), None);
    }
}
