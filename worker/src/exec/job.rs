//! The built-in function "job": runs a process as "exec" does, within what the job takes of the machine: GPUs of its own, and
//! memory that is watched.

use super::{Exec, Exit, run_watched};
use crate::context::Context;
use crate::memory::Watch;
use crate::offer::VISIBLE;
use crate::wire::Failure;
use serde::{Deserialize, Serialize};

/// The name of the function.
pub const JOB: &str = "job";

/// The argument of [`JOB`]: what to run, and what it takes of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Job {
    /// What to run.
    pub exec: Exec,
    /// Which GPUs it sees.
    pub gpus: Gpus,
    /// How much memory it is to take at most, in MiB; 0: it does not say, and is not watched.
    pub memory_mib: u32,
    /// Whether a job that takes more memory is killed, which is a remote error then.
    pub enforce_memory: bool,
}

/// Which GPUs a job sees, by `CUDA_VISIBLE_DEVICES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Gpus {
    /// Those that the worker sees: the variable is not touched.
    AsTheWorker,
    /// So many that no other job has, while this one runs.
    Own(u32),
    /// All of the worker's, as the job has the machine to itself.
    All,
}

/// The result of [`JOB`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobEnd {
    /// How the process ended.
    pub exit: Exit,
    /// The most memory that it was seen to take, in MiB, where that was watched and could be read.
    pub peak_mib: Option<u32>,
}

/// The function itself.
pub(crate) fn run(context: &Context, mut job: Job) -> Result<JobEnd, Failure> {
    let devices = match job.gpus {
        Gpus::AsTheWorker => None,
        Gpus::Own(count) => Some(context.devices.take(count as usize)),
        Gpus::All => Some(context.devices.take(context.devices.count())),
    };
    // They are free again before the reply is sent: the driver may give them to the next job then.
    let devices = devices.transpose().map_err(Failure::Machine)?;
    if let Some(devices) = &devices {
        job.exec.env.push((VISIBLE.into(), devices.list().into()));
    }
    let (exit, watch) = run_watched(context, job.exec, |group| {
        let watched = job.memory_mib > 0;
        watched.then(|| Watch::begin(&context.memory, group, job.memory_mib, job.enforce_memory))
    })?;
    let Some(watch) = watch else {
        return Ok(JobEnd {
            exit,
            peak_mib: None,
        });
    };
    let seen = watch.end();
    match seen.killed_at_mib {
        None => Ok(JobEnd {
            exit,
            peak_mib: seen.peak_mib,
        }),
        Some(used) => Err(Failure::Remote(format!(
            "killed, as it took {used} MiB of memory and asked for {}",
            job.memory_mib
        ))),
    }
}
