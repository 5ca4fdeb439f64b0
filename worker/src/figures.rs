//! The figures of a machine (S17): memory, disk, load averages and counters, each independent.

use crate::sync::lock;
use crate::wire::{Figures, Usage};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use sysinfo::{MemoryRefreshKind, System};

/// How long a poll waits for the disk figures. A file server that hangs must not make the machine look silent (F8).
const DISK_TIMEOUT: Duration = Duration::from_secs(1);

/// A counter that a worker's functions change. The driver reads it with each poll (S17).
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

/// Reads the figures.
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

/// Reads the disk figures on its own thread, because the call may never return.
struct Disk {
    ask: Sender<()>,
    answers: Receiver<Option<Usage>>,
    /// A request was sent and is not answered: send no other.
    asked: bool,
    timeout: Duration,
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
            timeout: DISK_TIMEOUT,
        }
    }

    fn usage(&mut self) -> Option<Usage> {
        if !self.asked {
            self.ask.send(()).ok()?;
            self.asked = true;
        }
        let usage = self.answers.recv_timeout(self.timeout).ok()?;
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
            timeout: Duration::from_millis(10),
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
