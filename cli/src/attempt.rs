//! One attempt at a job, from its lease to its end: the call, its output, its time-out, and the order to end.
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, Shared};
use futures::{FutureExt, select_biased};
use remuda::MachineId;
use remuda_cli::jobs::{Command, Job};
use remuda_cli::memory::MemoryMib;
use remuda_tokio::{CallError, Runtime, Tokio};
use remuda_worker::{Exec, Exit, JOB, JobEnd, Program, Word};

use crate::book::Loss;
use crate::ended::Ended;
use crate::listen::Lease;
use crate::printer::Live;
use crate::spool::{Output, Spool};

/// How much longer than its grace a job may take to be ended before its output is taken as it is.
const LATE: Duration = Duration::from_secs(1);

/// Between SIGTERM and SIGKILL after a time-out, and at the end of the run.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
pub(crate) const LAST_GRACE: Duration = Duration::from_secs(5);

/// Resolves with the grace when all attempts are to end; never, if its sender is dropped.
pub(crate) type Stop = Shared<oneshot::Receiver<Duration>>;

/// What one attempt needs.
pub(crate) struct Attempting {
    pub(crate) runtime: Tokio,
    /// What its machine is told.
    pub(crate) job: remuda_worker::Job,
    pub(crate) spool: Spool,
    /// Also prints lines as they come.
    pub(crate) live: Option<Live>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) grace: Duration,
    pub(crate) stop: Stop,
    /// Where output is kept, for a message.
    pub(crate) dir: String,
    /// Held while it runs.
    pub(crate) _slot: Slot,
}

/// How long a job may run, and how much of that is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout {
    pub(crate) whole: Duration,
    pub(crate) left: Duration,
}

/// How an attempt ended.
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    pub(crate) output: Option<Output>,
    /// The most memory that it took, where that was more than it asked for.
    pub(crate) over_memory: Option<MemoryMib>,
}

impl Attempting {
    /// Runs the job under its lease.
    pub(crate) async fn run(mut self, lease: &Lease) -> Result<Finished, Loss> {
        let (ended, peak_mib) = self.call(lease).await?;
        if let Some(live) = &mut self.live {
            live.end();
        }
        let over = peak_mib.filter(|&peak| peak > self.job.memory_mib);
        Ok(Finished {
            ended,
            output: self.spool.finish(),
            over_memory: over.map(MemoryMib),
        })
    }

    /// How it ended, and the most memory that it was seen to take.
    async fn call(&mut self, lease: &Lease) -> Result<(Ended, Option<u32>), Loss> {
        let mut call = pin!(lease.call::<_, JobEnd>(JOB, &self.job));
        let runtime = self.runtime.clone();
        let after = |time: Option<Duration>| match time {
            Some(time) => Either::Left(runtime.sleep_until(runtime.now() + time)),
            None => Either::Right(pending()),
        };
        let mut timed_out = pin!(after(self.timeout.map(|it| it.left)).fuse());
        let mut too_late = pin!(after(None).fuse());
        let mut stopped = self.stop.clone();
        // Why it was told to end.
        let mut why = None;
        loop {
            select_biased! {
                stop = stopped => if let Ok(grace) = stop {
                    call.end(grace);
                    why.get_or_insert(Ended::Interrupted);
                    too_late.set(after(Some(grace + LATE)).fuse());
                },
                () = timed_out => {
                    call.end(self.grace);
                    why.get_or_insert(Ended::TimedOut(self.timeout.map_or(Duration::ZERO, |it| it.whole)));
                },
                () = too_late => return Ok((Ended::Interrupted, None)),
                chunk = call.output().fuse() => {
                    let Some(chunk) = chunk else {
                        break;
                    };
                    if let Some(live) = &mut self.live {
                        live.print(chunk.stream, &chunk.bytes, &runtime).await;
                    }
                    if let Err(error) = self.spool.write(chunk.stream, &chunk.bytes) {
                        // The space first: other jobs may need it.
                        self.spool.discard();
                        call.cancel();
                        let _ = call.await;
                        let dir = &self.dir;
                        let error =
                            format!("cannot keep its output in {dir} (see TMPDIR): {error}");
                        return Ok((Ended::Error(error), None));
                    }
                }
            }
        }
        let result = call.await;
        if let Some(why) = why {
            return Ok((why, result.ok().and_then(|end| end.peak_mib)));
        }
        match result {
            Ok(JobEnd { exit, peak_mib }) => Ok(match exit {
                Exit::Code(code) => (Ended::Exit(code), peak_mib),
                Exit::Signal(signal) => (Ended::Signal(signal), peak_mib),
            }),
            Err(CallError::Lost(why)) => Err(Loss::Lost {
                why: format!("{} was lost: {why}", lease.id()),
                spared: lease.is_leaving(),
            }),
            // What ended the machine has ended the job.
            Err(CallError::Machine(why)) if lease.is_leaving() => Err(Loss::Lost {
                why: format!("{} is leaving: {why}", lease.id()),
                spared: true,
            }),
            Err(CallError::Machine(why)) => Err(Loss::Unfit(why)),
            Err(error) => Ok((Ended::Error(error.to_string()), None)),
        }
    }
}

/// What a machine is told to run.
pub(crate) fn exec(
    job: &Job,
    attempt: u32,
    machine: MachineId,
    slot: usize,
    env: &[(OsString, OsString)],
    cwd: Option<&OsString>,
) -> Exec {
    let word = |text: &OsString| Word::from(text.clone());
    let extra = job.extra.as_deref();
    let mut all: Vec<(Word, Word)> = Vec::with_capacity(env.len() + 4);
    all.extend(env.iter().map(|(name, value)| (word(name), word(value))));
    let own = extra.iter().flat_map(|extra| &extra.env);
    all.extend(own.map(|(name, value)| (name.as_str().into(), word(value))));
    all.push(("REMUDA_JOB".into(), job.name().into_owned().into()));
    all.push(("REMUDA_ATTEMPT".into(), attempt.to_string().into()));
    all.push(("REMUDA_MACHINE".into(), machine.to_string().into()));
    all.push(("REMUDA_SLOT".into(), slot.to_string().into()));
    Exec {
        program: match &job.command {
            Command::Shell(text) => Program::Shell(word(text)),
            Command::Argv(words) => Program::Argv(words.iter().map(word).collect()),
        },
        env: all,
        dir: extra.and_then(|extra| extra.cwd.as_ref()).or(cwd).map(word),
        stdin: extra.and_then(|extra| extra.stdin.as_ref()).map(word),
    }
}

/// A slot of a run before this one has a number up to this, or it is not believed.
const MOST_SLOTS: usize = 1 << 16;

/// The slots of each machine that are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots(Rc<RefCell<HashMap<MachineId, Vec<bool>>>>);

/// A slot of a machine, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    machine: MachineId,
    index: usize,
}

impl Slots {
    /// The first free slot of a machine.
    pub(crate) fn take(&self, machine: MachineId) -> Slot {
        let all = self.0.borrow();
        let taken = all.get(&machine).map_or(&[][..], Vec::as_slice);
        let free = taken.iter().position(|&taken| !taken);
        let index = free.unwrap_or(taken.len());
        drop(all);
        self.take_at(machine, index)
    }

    /// The slot of a machine with this number, which a job has from a run before this one; the first free one, if it has none.
    pub(crate) fn take_again(&self, machine: MachineId, number: usize) -> Slot {
        let index = number.wrapping_sub(1);
        let all = self.0.borrow();
        let is_taken = all
            .get(&machine)
            .and_then(|taken| taken.get(index).copied());
        drop(all);
        if index >= MOST_SLOTS || is_taken == Some(true) {
            return self.take(machine);
        }
        self.take_at(machine, index)
    }

    fn take_at(&self, machine: MachineId, index: usize) -> Slot {
        let mut all = self.0.borrow_mut();
        let taken = all.entry(machine).or_default();
        if taken.len() <= index {
            taken.resize(index + 1, false);
        }
        taken[index] = true;
        Slot {
            slots: self.clone(),
            machine,
            index,
        }
    }
}

impl Slot {
    /// From 1 up.
    pub(crate) fn number(&self) -> usize {
        self.index + 1
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut all = self.slots.0.borrow_mut();
        let Some(taken) = all.get_mut(&self.machine) else {
            return;
        };
        taken[self.index] = false;
        if !taken.contains(&true) {
            all.remove(&self.machine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_slot_of_a_machine_is_taken() {
        let slots = Slots::default();
        let (a, b) = (MachineId(0), MachineId(1));
        let first = slots.take(a);
        let second = slots.take(a);
        assert_eq!(
            (first.number(), second.number(), slots.take(b).number()),
            (1, 2, 1)
        );
        drop(first);
        assert_eq!(slots.take(a).number(), 1);
        drop(second);
        assert!(slots.0.borrow().is_empty());
    }

    #[test]
    fn a_slot_of_a_run_before_is_taken_again() {
        let (slots, machine) = (Slots::default(), MachineId(0));
        let third = slots.take_again(machine, 3);
        let taken = [0; 3].map(|_| slots.take(machine));
        assert_eq!(
            (third.number(), taken.each_ref().map(Slot::number)),
            (3, [1, 2, 4])
        );
        let wrong = [3, 0, usize::MAX].map(|number| slots.take_again(machine, number));
        assert_eq!(wrong.each_ref().map(Slot::number), [5, 6, 7]);
        drop((third, taken, wrong));
        assert!(slots.0.borrow().is_empty());
    }
}
