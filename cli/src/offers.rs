//! The kinds of machine of a run as its jobs see them: what they are called, and how much one machine has. A job is refused
//! that none of them could ever hold (F2, R3).
use remuda::{Demand, KindId, Kinds, Resources};

use crate::jobs::{Job, Problem, Size};
use crate::memory::MemoryMib;

/// An amount that is not known yet, as the machine has not been asked: no job is refused for it.
pub const UNKNOWN: u32 = u32::MAX;

/// A kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is called.
    pub name: String,
    /// What it is called besides, alone or with others.
    pub labels: Vec<String>,
    /// What one machine has; an amount may be [`UNKNOWN`].
    pub capacity: Resources,
}

/// All kinds of machine of a run, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers(Vec<Offer>);

impl Offers {
    /// These kinds.
    pub fn new(kinds: Vec<Offer>) -> Offers {
        Offers(kinds)
    }

    /// One kind without a name, whose machines have so many procs and nothing else.
    pub fn procs(procs: u32) -> Offers {
        let (name, labels) = (String::new(), Vec::new());
        let capacity = Resources::procs(procs);
        Offers(vec![Offer {
            name,
            labels,
            capacity,
        }])
    }

    /// The kinds on which a job may run: those with the name or label that it asks for, or all.
    pub fn kinds(&self, job: &Job) -> Kinds {
        let Some(asked) = job.kind() else {
            return Kinds::ALL;
        };
        let numbered = (0..).map(KindId).zip(&self.0);
        let called = numbered.filter(|(_, offer)| offer.is_called(asked));
        called.fold(Kinds::NONE, |kinds, (kind, _)| kinds.with(kind))
    }

    /// Whether some machine could hold the job.
    ///
    /// # Errors
    /// No kind is called what it asks for, or none of those has so much.
    pub fn check(&self, job: &Job) -> Result<(), Problem> {
        let (accepted, demand) = (self.kinds(job), job.demand());
        if accepted == Kinds::NONE {
            return Err(Problem::Kind {
                asked: job.kind().unwrap_or_default().to_owned(),
                known: self.names(),
            });
        }
        let Demand::Amounts(asked) = demand else {
            return Ok(());
        };
        let numbered = (0..).map(KindId).zip(&self.0);
        let offers = numbered.filter(|(kind, _)| accepted.contains(*kind));
        let offers = offers.map(|(_, offer)| offer.capacity);
        if offers.clone().any(|offer| asked.fits(offer)) {
            return Ok(());
        }
        let most = offers.fold(Resources::ZERO, Resources::max);
        let (asks, limits) = (asked.amounts(), most.amounts());
        Err(match asked.lacks(most) {
            Some(0) => Problem::Procs {
                asked: asks[0],
                limit: limits[0],
            },
            Some(1) => Problem::Memory {
                asked: MemoryMib(asks[1]),
                limit: MemoryMib(limits[1]),
            },
            Some(_) => Problem::Gpus {
                asked: asks[2],
                limit: limits[2],
            },
            None => Problem::Together,
        })
    }

    /// Names and labels, each once.
    fn names(&self) -> Vec<String> {
        let all = self.0.iter();
        let all = all.flat_map(|offer| std::iter::once(&offer.name).chain(&offer.labels));
        let mut names = Vec::new();
        for name in all.filter(|name| !name.is_empty()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

impl Offer {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.labels.iter().any(|label| label == name)
    }
}

impl Job {
    /// What it asks of a machine.
    pub fn demand(&self) -> Demand {
        match self.size {
            Size::Machine => Demand::Machine,
            Size::Procs(procs) => Demand::Amounts(
                Resources::procs(procs)
                    .memory_mib(self.memory_mib)
                    .gpus(self.gpus),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Format, parse};

    fn kind(name: &str, labels: &[&str], capacity: Resources) -> Offer {
        Offer {
            name: name.into(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            capacity,
        }
    }

    fn offers() -> Offers {
        let small = Resources::procs(4).memory_mib(8_192);
        let wide = Resources::procs(32).memory_mib(UNKNOWN);
        let gpu = Resources::procs(8).memory_mib(65_536).gpus(2);
        Offers::new(vec![
            kind("small", &["cheap"], small),
            kind("wide", &["cheap"], wide),
            kind("gpu", &[], gpu),
        ])
    }

    fn check(fields: &str) -> Result<u64, String> {
        let line = format!(r#"{{"cmd": "a", {fields}}}"#);
        let jobs = parse(line.as_bytes(), Format::Jsonl, &offers());
        let jobs = jobs.map_err(|error| error.to_string())?;
        Ok(offers().kinds(&jobs[0]).bits())
    }

    #[test]
    fn r03_a_job_names_kinds_by_name_or_label() {
        assert_eq!(check(r#""procs": 1"#), Ok(u64::MAX));
        assert_eq!(check(r#""kind": "small""#), Ok(0b001));
        assert_eq!(check(r#""kind": "cheap""#), Ok(0b011));
        assert_eq!(
            check(r#""kind": "huge""#),
            Err(
                "line 1: kind \"huge\": none is called so (there are: small, cheap, wide, gpu)"
                    .into()
            )
        );
    }

    #[test]
    fn r03_a_job_that_nothing_could_hold_is_refused_with_the_limit() {
        for (fields, reason) in [
            (
                r#""procs": 33"#,
                "procs 33 is more than a machine has (limit 32)",
            ),
            (
                r#""kind": "small", "memory": "9GiB""#,
                "memory 9GiB is more than a machine has (limit 8GiB)",
            ),
            (
                r#""gpus": 3"#,
                "gpus 3 is more than a machine has (limit 2)",
            ),
            (
                r#""gpus": 1, "procs": 9"#,
                "no kind of machine has so much of all that it asks for at once",
            ),
        ] {
            assert_eq!(check(fields), Err(format!("line 1: {reason}")), "{fields}");
        }
        // How much memory this one has is not known yet.
        assert!(check(r#""memory": "1TiB", "procs": 32"#).is_ok());
        assert!(check(r#""memory": "64GiB", "gpus": 2, "procs": 8"#).is_ok());
    }
}
