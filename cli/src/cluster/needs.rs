//! What the jobs of a run ask of machines, as far as that is known before the machines are asked what they have.
use remuda::{Demand, Resources};
use remuda_cli::jobs::Job;

/// What jobs ask of machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Some ask for memory, or may.
    pub(super) memory: bool,
    /// Some ask for GPUs, or may.
    pub(super) gpus: bool,
    /// The most of each amount that a known job asks for.
    most: Resources,
    /// Jobs are not known yet, and may ask for anything.
    unseen: bool,
}

impl Needs {
    /// Of jobs that are not known yet, which may ask for anything.
    pub(crate) fn any() -> Needs {
        Needs {
            memory: true,
            gpus: true,
            unseen: true,
            ..Needs::default()
        }
    }

    /// One more job is known.
    pub(crate) fn add(&mut self, job: &Job) {
        self.memory |= job.memory_mib > 0;
        self.gpus |= job.gpus > 0;
        let asked = match job.demand() {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine => Resources::procs(1),
        };
        self.most = self.most.max(asked);
    }

    /// The most of each amount that a job asks for, if all are known; a proc at least.
    pub(super) fn most(&self) -> Option<Resources> {
        (!self.unseen).then(|| self.most.max(Resources::procs(1)))
    }

    /// Whether a job is known that asks for GPUs.
    pub(crate) fn gpus(&self) -> bool {
        self.gpus && !self.unseen
    }
}

#[cfg(test)]
mod tests {
    use remuda_cli::jobs::{Format, parse};
    use remuda_cli::offers::{Offer, Offers};

    use super::*;

    #[test]
    fn the_most_of_each_amount_is_what_machines_should_have() {
        let offers = Offers::new(vec![Offer {
            name: String::new(),
            labels: Vec::new(),
            capacity: Resources::new([u32::MAX; Resources::COUNT]),
        }]);
        let of = |file: &str| {
            let mut needs = Needs::default();
            for job in parse(file.as_bytes(), Format::Jsonl, &offers).unwrap() {
                needs.add(&job);
            }
            needs
        };
        assert_eq!(of("").most(), Some(Resources::procs(1)));
        let needs = of(r#"{"cmd": "a", "procs": 3}
{"cmd": "a", "memory": "2MiB"}
{"cmd": "a", "machine": true}"#);
        let most = Some(Resources::procs(3).memory_mib(2));
        assert_eq!(
            (needs.memory, needs.gpus, needs.most()),
            (true, false, most)
        );
        assert!(!needs.gpus() && of(r#"{"cmd": "a", "gpus": 1}"#).gpus());
        // They may ask for GPUs, and none does yet.
        assert!(Needs::any().gpus && !Needs::any().gpus());
        assert_eq!(Needs::any().most(), None);
    }
}
