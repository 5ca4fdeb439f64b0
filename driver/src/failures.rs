//! What is said of starts that fail: each cause once, then how many more there were, once in a while.

use std::collections::HashMap;
use std::time::Duration;

use remuda::{Instant, MachineId};

use crate::text::{Keep, harmless};

/// How often a cause is told again while it goes on.
const AGAIN: Duration = Duration::from_secs(30);

/// Causes beyond this number are taken for one.
const MOST_CAUSES: usize = 16;

/// The most of an error that is told, in characters.
const SHOWN: usize = 1500;

/// The causes so far.
#[derive(Debug, Default)]
pub(crate) struct Failures(HashMap<String, Cause>);

#[derive(Debug)]
struct Cause {
    /// Failures that were not told.
    untold: u64,
    told: Instant,
}

impl Failures {
    /// What to say now that a machine did not start, if anything.
    pub(crate) fn tell(&mut self, machine: MachineId, error: &str, now: Instant) -> Option<String> {
        let mut cause = cause(error);
        if self.0.len() >= MOST_CAUSES && !self.0.contains_key(&cause) {
            cause.clear();
        }
        let error = harmless(error, Keep::Start(SHOWN));
        let Some(known) = self.0.get_mut(&cause) else {
            let told = Cause {
                untold: 0,
                told: now,
            };
            self.0.insert(cause, told);
            return Some(format!("machine {machine} did not start: {error}"));
        };
        known.untold += 1;
        if now < known.told + AGAIN {
            return None;
        }
        known.told = now;
        let count = std::mem::take(&mut known.untold);
        let machines = if count == 1 { "machine" } else { "machines" };
        Some(format!(
            "{count} more {machines} did not start, the last {machine}: {error}"
        ))
    }
}

impl Failures {
    /// Whether to say something that is said of each of many starts.
    pub(crate) fn may_say(&mut self, text: &str, now: Instant) -> bool {
        let known = self.0.entry(cause(text)).or_insert(Cause {
            untold: 1,
            told: now,
        });
        let first = std::mem::take(&mut known.untold) > 0;
        if first || now >= known.told + AGAIN {
            known.told = now;
            return true;
        }
        false
    }
}

/// An error without its numbers, such as those of machines and processes.
fn cause(error: &str) -> String {
    let mut cause = String::new();
    for c in error.chars().take(SHOWN) {
        match c.is_ascii_digit() {
            true if cause.ends_with('#') => {}
            true => cause.push('#'),
            false => cause.push(c),
        }
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_and_then_counted_once_in_a_while() {
        let mut failures = Failures::default();
        let mut told = Vec::new();
        // Ten a second for a minute and a half, of two causes.
        for n in 0..900 {
            let now = Instant::ZERO + Duration::from_millis(100) * n;
            let machine = MachineId(u64::from(n));
            let error = match n % 2 {
                0 => format!("`ssh {machine}`: it ended (pid {n})"),
                _ => "the quota is used up".to_owned(),
            };
            told.extend(failures.tell(machine, &error, now));
        }
        assert_eq!(told.len(), 6, "{told:#?}");
        assert_eq!(
            told[0],
            "machine m0 did not start: `ssh m0`: it ended (pid 0)"
        );
        assert_eq!(
            told[2],
            "150 more machines did not start, the last m300: `ssh m300`: it ended (pid 300)"
        );
        // However many there are, they are a few lines.
        let mut failures = Failures::default();
        let mut different = |n: u64| {
            let error: String = (0..=n % 700).map(|_| 'x').collect();
            failures.tell(MachineId(n), &error, Instant::ZERO)
        };
        assert_eq!(
            (0..10_000).filter_map(&mut different).count(),
            MOST_CAUSES + 1
        );
    }
}
