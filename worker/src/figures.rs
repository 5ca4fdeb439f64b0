//! How the machine does (S17): memory, disk, load averages, counters, each independent of the others.

use crate::sync::lock;
use crate::wire::{Figures, Usage};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use sysinfo::{MemoryRefreshKind, System};

/// How long an answer waits for the disk: a file server that hangs must not make the machine look silent (F8).
const DISK_PATIENCE: Duration = Duration::from_secs(1);

/// A number that the functions of a worker count with; the driver sees it with each poll.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicI64>);

impl Counter {
    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of a worker.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<String, Counter>>);

impl Counters {
    pub(crate) fn get(&self, name: &str) -> Counter {
        let mut counters = lock(&self.0);
        if let Some(counter) = counters.get(name) {
            return counter.clone();
        }
        let counter = Counter(Arc::default());
        counters.insert(name.to_owned(), counter.clone());
        counter
    }

    fn values(&self) -> Vec<(String, i64)> {
        lock(&self.0)
            .iter()
            .map(|(name, counter)| (name.clone(), counter.get()))
            .collect()
    }
}

/// Takes the figures.
pub(crate) struct Sampler {
    system: Option<System>,
    disk: Disk,
    counters: Arc<Counters>,
}

impl Sampler {
    pub(crate) fn new(counters: Arc<Counters>) -> Sampler {
        Sampler {
            system: System::new().ok(),
            disk: Disk::new(),
            counters,
        }
    }

    pub(crate) fn sample(&mut self) -> Figures {
        Figures {
            memory: self.system.as_mut().and_then(memory_usage),
            disk: self.disk.usage(),
            load: System::load_average()
                .ok()
                .map(|load| [load.one, load.five, load.fifteen]),
            counters: Some(self.counters.values()),
        }
    }
}

fn memory_usage(system: &mut System) -> Option<Usage> {
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let total = system.total_memory();
    (total > 0).then(|| Usage {
        used: system.used_memory(),
        total,
    })
}

/// Asks for the disk on a thread of its own, since the answer may never come.
struct Disk {
    ask: Sender<()>,
    answers: Receiver<Option<Usage>>,
    /// Asked and not answered: do not ask again.
    asked: bool,
    patience: Duration,
}

impl Disk {
    fn new() -> Disk {
        let (ask, asked) = channel();
        let (answer, answers) = channel();
        // Without the thread every send fails, and the disk is unknown.
        let _ = thread::Builder::new()
            .name("remuda-disk".into())
            .spawn(
                move || {
                    while asked.recv().is_ok() && answer.send(disk_usage()).is_ok() {}
                },
            );
        Disk {
            ask,
            answers,
            asked: false,
            patience: DISK_PATIENCE,
        }
    }

    fn usage(&mut self) -> Option<Usage> {
        if !self.asked {
            self.ask.send(()).ok()?;
            self.asked = true;
        }
        let usage = self.answers.recv_timeout(self.patience).ok()?;
        self.asked = false;
        usage
    }
}

/// The file system of the current directory, where the jobs of this worker run.
fn disk_usage() -> Option<Usage> {
    let stat = rustix::fs::statvfs(".").ok()?;
    let total = stat.f_blocks.checked_mul(stat.f_frsize)?;
    let free = stat.f_bfree.checked_mul(stat.f_frsize)?;
    (total > 0).then(|| Usage {
        used: total.saturating_sub(free),
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_known_here() {
        let counters = Arc::new(Counters::default());
        counters.get("b").add(2);
        counters.get("a").add(-1);
        counters.get("b").add(3);
        let figures = Sampler::new(counters).sample();
        let memory = figures.memory.expect("this system has memory");
        assert!(memory.used > 0 && memory.used <= memory.total, "{memory:?}");
        let disk = figures.disk.expect("this directory is on a disk");
        assert!(disk.used <= disk.total, "{disk:?}");
        assert!(
            figures
                .load
                .expect("load averages")
                .iter()
                .all(|load| *load >= 0.0)
        );
        assert_eq!(
            figures.counters,
            Some(vec![("a".into(), -1), ("b".into(), 5)])
        );
    }

    #[test]
    fn a_disk_that_does_not_answer_is_unknown_and_not_asked_again() {
        let (ask, asked) = channel();
        let (answer, answers) = channel();
        let mut disk = Disk {
            ask,
            answers,
            asked: false,
            patience: Duration::from_millis(10),
        };
        assert_eq!(disk.usage(), None);
        assert_eq!(disk.usage(), None);
        assert_eq!(asked.try_iter().count(), 1);
        // It comes back: the late answer counts, and the next poll asks afresh.
        let usage = Usage { used: 1, total: 2 };
        answer
            .send(Some(usage))
            .expect("the test holds the other end");
        assert_eq!(disk.usage(), Some(usage));
        assert_eq!(disk.usage(), None);
        assert_eq!(asked.try_iter().count(), 1);
    }
}
