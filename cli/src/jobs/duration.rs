//! Times as people write them.
use core::time::Duration;

/// `1.5`, `10s`, `2m`, `1h30m`, `1d`, `250ms`: seconds, or numbers with units.
///
/// # Errors
/// What would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 30, 1.5s, 10m or 1h30m".to_owned();
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, behind) = rest.split_at(digits.unwrap_or(rest.len()));
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, behind) = behind.split_at(letters.unwrap_or(behind.len()));
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        seconds += number * unit;
        rest = behind;
    }
    match Duration::try_from_secs_f64(seconds) {
        // A hundred years are for ever, and fit into every clock.
        Ok(time) if seconds <= 3.2e9 => Ok(time),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_or_are_seconds() {
        for (text, millis) in [
            ("0", 0),
            ("1.5", 1500),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "-1",
            "s",
            "5 s",
            "1y",
            "1e3",
            "nan",
            "inf",
            "..",
            "9999999999",
        ] {
            duration(text).expect_err(text);
        }
    }
}
