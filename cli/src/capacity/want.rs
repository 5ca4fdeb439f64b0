//! What a plan shall keep: `--want 'p95<5m,cost<100'`.
use std::fmt;
use std::str::FromStr;

use remuda_cli::jobs::duration;

use super::measure::Figures;

/// A bound on a figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Want {
    text: String,
    pub(super) figure: Figure,
    /// It keeps the bound if it is below, else if it is above.
    below: bool,
    /// Seconds, hours of machines, or percent.
    pub(super) bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Mean,
    P50,
    P95,
    P99,
    Max,
    MachineHours,
    Cost,
    Utilisation,
}

impl Figure {
    /// The wait that it is, in nanoseconds; none if it is none.
    pub(super) fn wait(self, figures: &Figures) -> Option<u64> {
        match self {
            Figure::Mean => Some(figures.mean_wait),
            Figure::P50 => Some(figures.p50_wait),
            Figure::P95 => Some(figures.p95_wait),
            Figure::P99 => Some(figures.p99_wait),
            Figure::Max => Some(figures.max_wait),
            Figure::MachineHours | Figure::Cost | Figure::Utilisation => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, figure)| *figure == self);
        found.map_or("", |(name, _)| name)
    }
}

const NAMES: [(&str, Figure); 8] = [
    ("mean", Figure::Mean),
    ("p50", Figure::P50),
    ("p95", Figure::P95),
    ("p99", Figure::P99),
    ("max", Figure::Max),
    ("hours", Figure::MachineHours),
    ("cost", Figure::Cost),
    ("utilisation", Figure::Utilisation),
];

impl FromStr for Want {
    type Err = String;

    fn from_str(text: &str) -> Result<Want, String> {
        let at = text.find(['<', '>']).ok_or_else(|| wrong(text))?;
        let (name, bound) = (text[..at].trim(), text[at + 1..].trim());
        let figure = NAMES.iter().find(|(it, _)| *it == name);
        let (_, figure) = *figure.ok_or_else(|| wrong(text))?;
        let number = |text: &str| {
            let number = text.parse::<f64>().ok();
            number.filter(|it| it.is_finite() && *it >= 0.0)
        };
        let bound = match figure {
            Figure::MachineHours | Figure::Cost => number(bound).ok_or_else(|| wrong(text))?,
            Figure::Utilisation => {
                let percent = bound.strip_suffix('%').unwrap_or(bound);
                number(percent).ok_or_else(|| wrong(text))?
            }
            _ => {
                let bound = duration(bound);
                bound
                    .map_err(|error| format!("{text}: {error}"))?
                    .as_secs_f64()
            }
        };
        Ok(Want {
            text: text.trim().to_owned(),
            figure,
            below: text.as_bytes()[at] == b'<',
            bound,
        })
    }
}

fn wrong(text: &str) -> String {
    format!(
        "{text:?}: expected a bound such as p95<5m, mean<30s, cost<100 or utilisation>50%; there are mean, p50, p95, p99 and max (waits), hours, cost and utilisation"
    )
}

impl Want {
    /// Whether these figures keep it. A request that is never placed waits for ever.
    pub(crate) fn is_kept(&self, figures: &Figures) -> bool {
        let value = match (self.figure, self.figure.wait(figures)) {
            (_, Some(_)) if figures.unplaced > 0 => f64::INFINITY,
            (_, Some(nanos)) => nanos as f64 / 1e9,
            (Figure::MachineHours, _) => figures.machine_hours(),
            (Figure::Cost, _) => figures.cost(),
            _ => 100.0 * figures.utilisation(),
        };
        match self.below {
            true => value < self.bound,
            false => value > self.bound,
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_or_not() {
        let minute = 60_000_000_000;
        let figures = Figures {
            mean_wait: minute,
            p95_wait: 5 * minute,
            machine_time: 120 * u128::from(minute),
            cost_time: 360 * u128::from(minute),
            work: 1,
            offered: 4,
            ..Figures::default()
        };
        for (text, kept) in [
            ("mean<61s", true),
            ("mean < 1m", false),
            ("p95<5m1s", true),
            ("p95<5m", false),
            ("max>0", false),
            ("hours<2.1", true),
            ("hours<2", false),
            ("cost<6.5", true),
            ("cost>6.5", false),
            ("utilisation>24%", true),
            ("utilisation>25", false),
        ] {
            let want: Want = text.parse().unwrap();
            assert_eq!(want.is_kept(&figures), kept, "{text}");
        }
        let unplaced = Figures {
            unplaced: 1,
            ..figures
        };
        let want: Want = "mean<1d".parse().unwrap();
        assert!(want.is_kept(&figures) && !want.is_kept(&unplaced));
    }

    #[test]
    fn what_is_no_bound_is_told_with_what_would_be() {
        for text in [
            "", "p95", "p95=5m", "p94<5m", "p95<soon", "cost<-1", "cost<nan", "<5m",
        ] {
            let error = text.parse::<Want>().unwrap_err();
            assert!(error.contains("expected a"), "{text}: {error}");
        }
    }
}
