//! One attempt to run a job, from its lease to its end, and what is made of that.

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use remuda::{MachineId, Outcome};
use remuda_cli::jobs::Size;
use remuda_worker::Gpus;

use super::{Running, TakenOver};
use crate::attempt::{Attempting, Finished, GRACE, Timeout, exec};
use crate::book::{Id, Loss};
use crate::ended::Ended;
use crate::joblog::Attempt;
use crate::listen::Lease;
use crate::recover::Begun;
use crate::spool::Output;

/// What an attempt leaves.
#[derive(Debug)]
pub(in crate::run) struct Left {
    pub(super) attempt: Attempt,
    pub(super) output: Option<Output>,
    pub(super) machine: Option<MachineId>,
}

/// An attempt that ended.
pub(super) struct Attempted {
    job: Id,
    machine: MachineId,
    attempt: Attempt,
    result: Result<(Ended, Option<Output>), Loss>,
}

impl Running<'_> {
    pub(super) fn never_ran(&self, job: Id, machine: Option<MachineId>) -> Left {
        let attempt = Attempt {
            machine: machine.map(|machine| machine.to_string()),
            number: self.book.attempt(job),
            ..Attempt::none()
        };
        Left {
            attempt,
            output: None,
            machine,
        }
    }

    /// What one attempt does, from its lease to its end.
    /// One that was taken over has the slot and the time-out that it had.
    pub(super) fn start(
        &self,
        id: Id,
        lease: Lease,
        taken_over: Option<TakenOver>,
    ) -> LocalBoxFuture<'static, Attempted> {
        let (job, number, machine) = (self.book.job(id), self.book.attempt(id), lease.id());
        let now = Timestamp::now();
        let (slot, at) = match taken_over {
            Some(TakenOver { slot, at }) => (slot, at.min(now)),
            None => (self.slots.take(machine), now),
        };
        if let Some(notes) = &self.notes {
            let begun = Begun {
                attempt: number,
                slot: slot.number(),
                at,
            };
            notes.begins(id, lease.request(), machine, begun);
        }
        let extra = job.extra.as_deref();
        let timeout = extra.and_then(|extra| extra.timeout).or(self.plan.timeout);
        let past = now.duration_since(at).unsigned_abs();
        let cwd = self.plan.cwd.as_ref();
        let asked = remuda_worker::Job {
            exec: exec(job, number, machine, slot.number(), &self.env, cwd),
            gpus: match job.size {
                _ if !self.plan.gpus => Gpus::AsTheWorker,
                Size::Machine => Gpus::All,
                Size::Procs(_) => Gpus::Own(job.gpus),
            },
            memory_mib: job.memory_mib,
            enforce_memory: self.plan.enforce_memory,
        };
        let attempting = Attempting {
            job: asked,
            runtime: self.runtime.clone(),
            spool: self.plan.spools.attempt(),
            live: self.plan.line_buffer.then(|| {
                let tag = self.plan.tag.then(|| job.tag().into_owned());
                self.printer.live(tag)
            }),
            timeout: timeout.map(|timeout| Timeout {
                whole: timeout,
                left: timeout.saturating_sub(past),
            }),
            grace: self.plan.grace.unwrap_or(GRACE),
            stop: self.stopped.clone(),
            dir: self.plan.spool_dir.display().to_string(),
            _slot: slot,
        };
        async move {
            let result = attempting.run(&lease).await;
            lease.finish(match &result {
                Ok(Finished { ended, .. }) if ended.is_ok() => Outcome::Ok,
                Ok(_) => Outcome::Remote,
                // Whatever it printed is thrown away with the spool: it is run again.
                Err(_) => Outcome::Unreachable,
            });
            let over_memory = result.as_ref().ok().and_then(|done| done.over_memory);
            Attempted {
                job: id,
                machine,
                attempt: Attempt {
                    machine: Some(machine.to_string()),
                    start: at,
                    end: Timestamp::now(),
                    number,
                    over_memory,
                },
                result: result.map(|Finished { ended, output, .. }| (ended, output)),
            }
        }
        .boxed_local()
    }

    pub(super) fn attempted(&mut self, attempted: Attempted) {
        let Attempted {
            job,
            machine,
            attempt,
            result,
        } = attempted;
        if self.plan.rules.names
            && let Some(name) = &self.book.job(job).given_name
        {
            self.homes.insert(name.clone(), machine);
        }
        match result {
            Ok((ended, output)) => {
                if self.second_opinion(job, machine, &ended) {
                    self.turns.entry(job).or_default().avoid = Some(machine);
                    self.book.once_more(job);
                } else {
                    let machine = Some(machine);
                    let left = Left {
                        attempt,
                        output,
                        machine,
                    };
                    self.book.ended(job, ended, left);
                }
            }
            Err(mut loss) => {
                // What was lost because this driver slept counts for nothing.
                if let Loss::Lost { spared, .. } = &mut loss {
                    *spared |= self.awake.slept_lately();
                }
                if let Loss::Unfit(why) = &loss
                    && self.suspects.cannot_run(machine)
                {
                    self.printer.note(format!(
                        "warning: machine {machine} cannot run jobs, which are run elsewhere: {why}"
                    ));
                }
                self.turns.entry(job).or_default().avoid = Some(machine);
                let name = machine.to_string();
                let left = Left {
                    attempt,
                    output: None,
                    machine: Some(machine),
                };
                self.book.lost(job, Some(&name), &loss, left);
            }
        }
    }
}
