//! The public status of a machine, and its status line (S17).

use std::fmt;

use remuda::{Health, KindId, MachineId, Resources};
use remuda_worker::wire::{Figures, Usage};

use crate::text::{Keep, harmless};

/// The status of a machine at one moment. `Display` writes the status line of rule S17,
/// `mem USED/TOTAL disk USED/TOTAL load 1.0/0.5/0.2 counters a:1 b:2`, with ` (probation)`, ` (draining)`, ` (stopping)` or
/// ` (lost)` at the end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MachineStatus {
    /// The machine's id.
    pub id: MachineId,
    /// Its name in messages.
    pub name: String,
    /// Its kind.
    pub kind: KindId,
    /// Its health, or `None` if it is lost.
    pub health: Option<Health>,
    /// What the grants on it take; nothing if it is lost.
    pub used: Resources,
    /// What it offers, of its kind's capacity (R4); nothing if it is lost.
    pub offer: Resources,
    /// The figures of its polls, each part from the last poll that answered it.
    pub figures: Figures,
    /// Why it was lost, if it is.
    pub reason: Option<String>,
}

impl fmt::Display for MachineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DisplayFigures(&self.figures).fmt(f)?;
        match self.health {
            None => f.write_str(" (lost)"),
            Some(Health::Probation { .. }) => f.write_str(" (probation)"),
            Some(Health::Draining { .. }) => f.write_str(" (draining)"),
            Some(Health::Stopping) => f.write_str(" (stopping)"),
            Some(_) => Ok(()),
        }
    }
}

/// Displays figures as the status line does.
pub(crate) struct DisplayFigures<'a>(pub(crate) &'a Figures);

impl fmt::Display for DisplayFigures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.0.memory.unwrap_or_default();
        let disk = self.0.disk.unwrap_or_default();
        let [one, five, fifteen] = self.0.load.unwrap_or_default();
        write!(f, "mem {} disk {}", UsedOfTotal(memory), UsedOfTotal(disk))?;
        write!(f, " load {one:.1}/{five:.1}/{fifteen:.1} counters")?;
        for (name, value) in self.0.counters.iter().flatten() {
            write!(f, " {}:{value}", harmless(name, Keep::Start(100)))?;
        }
        Ok(())
    }
}

/// `USED/TOTAL`.
struct UsedOfTotal(Usage);

impl fmt::Display for UsedOfTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Size(self.0.used), Size(self.0.total))
    }
}

/// A number of bytes, like `1.5GiB`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{}B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // 1023.95 would be rounded to 1024.0, so go to the next unit.
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1}{}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(health: Option<Health>, figures: Figures) -> String {
        let status = MachineStatus {
            id: MachineId(3),
            name: "m3".into(),
            kind: KindId(0),
            health,
            used: Resources::ZERO,
            offer: Resources::procs(2),
            figures,
            reason: None,
        };
        status.to_string()
    }

    #[test]
    fn s17_status_line() {
        let figures = Figures {
            memory: Some(Usage {
                used: 3 << 29,
                total: 2 << 30,
            }),
            disk: Some(Usage {
                used: 900,
                total: 5 << 40,
            }),
            load: Some([1.0, 0.5, 0.21]),
            counters: Some(vec![("a".into(), 1), ("b".into(), 2)]),
        };
        let line = "mem 1.5GiB/2.0GiB disk 900B/5.0TiB load 1.0/0.5/0.2 counters a:1 b:2";
        assert_eq!(status(Some(Health::Ok), figures.clone()), line);
        assert_eq!(status(None, figures.clone()), format!("{line} (lost)"));
        let until = remuda::Instant::ZERO;
        let with = |health| status(Some(health), figures.clone());
        let probation = with(Health::Probation { until });
        assert_eq!(probation, format!("{line} (probation)"));
        let draining = with(Health::Draining { until });
        assert_eq!(draining, format!("{line} (draining)"));
        assert_eq!(with(Health::Stopping), format!("{line} (stopping)"));
    }

    #[test]
    fn s17_sizes_change_unit_where_they_would_print_1024() {
        assert_eq!(Size(1023).to_string(), "1023B");
        assert_eq!(Size(1024).to_string(), "1.0KiB");
        assert_eq!(Size((1 << 20) - 1).to_string(), "1.0MiB");
        assert_eq!(Size(u64::MAX).to_string(), "16.0EiB");
    }
}
