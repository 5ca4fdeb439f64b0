//! Sizes of memory as people write them, `"2GiB"`, in MiB.
use core::fmt;
use core::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// An amount of memory in MiB, written as a number with its unit: KiB, MiB, GiB, TiB or K, M, G, T, which are the same; kB, MB,
/// GB, TB. Parts of a MiB count as a whole one.
///
/// ```
/// use remuda_cli::memory::MemoryMib;
/// assert_eq!("1.5GiB".parse(), Ok(MemoryMib(1536)));
/// assert_eq!("2GB".parse(), Ok(MemoryMib(1908)));
/// assert!("2".parse::<MemoryMib>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMib(pub u32);

/// A text that is no size of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMemory;

impl fmt::Display for BadMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an amount of memory with its unit, such as \"512MiB\" or \"2GiB\"")
    }
}

impl core::error::Error for BadMemory {}

/// Bytes of a unit.
const UNITS: [(&str, f64); 12] = [
    ("K", 1024.0),
    ("M", 1_048_576.0),
    ("G", 1_073_741_824.0),
    ("T", 1_099_511_627_776.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
];

impl FromStr for MemoryMib {
    type Err = BadMemory;

    fn from_str(text: &str) -> Result<MemoryMib, BadMemory> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(end.ok_or(BadMemory)?);
        let number: f64 = number.parse().map_err(|_| BadMemory)?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
        let (_, bytes) = unit.ok_or(BadMemory)?;
        let mib = (number * bytes / 1_048_576.0).ceil();
        // A float of this range is a whole number exactly.
        match mib <= f64::from(u32::MAX - 1) {
            true => Ok(MemoryMib(mib as u32)),
            false => Err(BadMemory),
        }
    }
}

/// `1536MiB`, `2GiB`.
impl fmt::Display for MemoryMib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            mib if mib > 0 && mib.is_multiple_of(1024) => write!(f, "{}GiB", mib / 1024),
            mib => write!(f, "{mib}MiB"),
        }
    }
}

impl<'de> Deserialize<'de> for MemoryMib {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MemoryMib, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = MemoryMib;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of memory with its unit, such as \"2GiB\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<MemoryMib, E> {
                text.parse()
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_and_is_rounded_up() {
        for (text, mib) in [
            ("1MiB", 1),
            ("1KiB", 1),
            ("1025 KiB", 2),
            ("2G", 2048),
            ("2GiB", 2048),
            ("0.5GiB", 512),
            ("1TB", 953_675),
            ("0MiB", 0),
        ] {
            assert_eq!(text.parse(), Ok(MemoryMib(mib)), "{text}");
        }
        for text in [
            "",
            "2",
            "GiB",
            "-1GiB",
            "1e3GiB",
            "2XiB",
            "1.2.3GiB",
            "9999999TiB",
            "nanGiB",
        ] {
            assert_eq!(text.parse::<MemoryMib>(), Err(BadMemory), "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        for mib in [0, 1, 1023, 1024, 1536, 2048, u32::MAX - 1] {
            assert_eq!(MemoryMib(mib).to_string().parse(), Ok(MemoryMib(mib)));
        }
    }
}
