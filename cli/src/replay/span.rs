//! Spans of time as they are typed and shown: `1m30s`, `1.5s`, `250ms`, to the nanosecond.
use std::fmt;
use std::time::Duration;

const UNITS: [(&str, u128); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A span such as `1m30s`.
///
/// # Errors
/// What would be right.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let nanos = nanos(text).ok_or("expected a time such as 3s, 1m30s, 1.5s or 250ms")?;
    let secs = u64::try_from(nanos / 1_000_000_000).map_err(|_| "that is too far away")?;
    Ok(Duration::new(secs, (nanos % 1_000_000_000) as u32))
}

fn nanos(text: &str) -> Option<u128> {
    let mut rest = text.trim();
    let mut total = 0_u128;
    while !rest.is_empty() || total == 0 {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number);
        let unit = after.find(|c: char| !c.is_ascii_lowercase());
        let (unit, after) = after.split_at(unit.unwrap_or(after.len()));
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, *unit)?)?;
        rest = after;
        if rest.is_empty() {
            return Some(total);
        }
    }
    None
}

/// `number` with a decimal point, in so many nanoseconds; what is finer than these is refused.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let mut total = whole.parse::<u128>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in part.bytes() {
        let digit = u128::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        if !place.is_multiple_of(10) && digit != 0 {
            return None;
        }
        place /= 10;
        total = total.checked_add(digit * place)?;
    }
    (!part.is_empty()).then_some(total)
}

/// Seconds, to the nanosecond.
pub(crate) fn exact(span: Duration) -> String {
    let digits = format!("{}.{:09}", span.as_secs(), span.subsec_nanos());
    format!("{}s", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A span with three digits after the point, in the unit that suits it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown(pub(crate) u128);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => ("us", 1_000),
            1_000_000..1_000_000_000 => ("ms", 1_000_000),
            _ => ("s", 1_000_000_000),
        };
        let thousandths = self.0 * 1000 / size;
        write!(f, "{}.{:03} {unit}", thousandths / 1000, thousandths % 1000)
    }
}

/// Nanoseconds, in the two largest units that tell something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief(pub(crate) u128);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        let seconds = millis / 1000;
        match seconds {
            0 if self.0 == 0 => f.write_str("0"),
            0 => write!(f, "{} ms", millis.max(1)),
            1..60 => write!(f, "{seconds}.{} s", millis % 1000 / 100),
            60..3600 => write!(f, "{}m{:02}s", seconds / 60, seconds % 60),
            3600..86_400 => write!(f, "{}h{:02}m", seconds / 3600, seconds / 60 % 60),
            _ => write!(f, "{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
        }
    }
}

/// Nanoseconds as seconds, with three digits after the point.
pub(crate) struct Seconds(pub(crate) u128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        write!(f, "{}.{:03}", millis / 1000, millis % 1000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read_to_the_nanosecond() {
        let read = |text: &str| parse(text).map(|span| span.as_nanos());
        assert_eq!(read("3s"), Ok(3_000_000_000));
        assert_eq!(read("1m30s"), Ok(90_000_000_000));
        assert_eq!(read("0s"), Ok(0));
        assert_eq!(read("1.000000001s"), Ok(1_000_000_001));
        assert_eq!(read("1h2m3.5s250ms"), Ok(3_723_750_000_000));
        assert_eq!(read("18446744073.709551615s"), Ok(u128::from(u64::MAX)));
        for wrong in [
            "",
            "3",
            "s",
            "3 s",
            "1..5s",
            "1.s",
            "3x",
            "-1s",
            "0.5ns",
            "3s4",
            "9999999999999999999999h",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_span_is_read_as_it_was_written(secs in any::<u64>(), nanos in 0u32..1_000_000_000) {
            let span = Duration::new(secs, nanos);
            prop_assert_eq!(parse(&exact(span)), Ok(span));
        }

        #[test]
        fn no_text_is_too_much(text in "[0-9.hmsun ü-]{0,40}", any in any::<String>()) {
            let _ = (parse(&text), parse(&any));
        }
    }

    #[test]
    fn spans_are_brief() {
        let brief = [
            0, 1, 999, 1_500, 59_999, 60_000, 3_599_000, 3_600_000, 90_061_000,
        ]
        .map(|millis| Brief(millis * 1_000_000).to_string());
        let expected = [
            "0", "1 ms", "999 ms", "1.5 s", "59.9 s", "1m00s", "59m59s", "1h00m", "1d01h",
        ];
        assert_eq!(brief, expected);
    }

    #[test]
    fn spans_are_shown_in_the_unit_that_suits_them() {
        let shown =
            [0, 999, 1_500, 12_345_678, 90_000_000_000].map(|nanos| Shown(nanos).to_string());
        assert_eq!(
            shown,
            ["0 ns", "999 ns", "1.500 us", "12.345 ms", "90.000 s"]
        );
    }
}
