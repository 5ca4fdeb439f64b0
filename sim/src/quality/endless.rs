//! One experiment: a whole machine is asked for in a stream of small requests that has no end.

use super::replay::{Machines, Order, Replay, ReplayError, Setup};
use super::swf::Job;
use crate::rng::Rng;

/// The stream: requests for one proc each that run for 1 to twice `run` milliseconds, at a load of
/// `load` percent of all procs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endless {
    /// Machines that are always there.
    pub machines: u32,
    /// The procs of each.
    pub procs: u32,
    /// The patience (P4).
    pub patience: u32,
    /// How much is asked for, in percent of what there is.
    pub load: u64,
    /// The mean run of a small request, in milliseconds.
    pub run: u64,
}

impl Endless {
    /// Two machines of 8 procs, patience 4, load 1.05, small requests that run for 5 minutes on
    /// average.
    pub const NAMED: Endless = Endless {
        machines: 2,
        procs: 8,
        patience: 4,
        load: 105,
        run: 300_000,
    };
}

/// Small requests before the large one, and after it: 100 times the patience.
const BEFORE: u64 = 2_000;
const AFTER: u64 = 10_000;

fn job(submit: u64, run: u64, procs: u32) -> Job {
    let wait = None;
    Job {
        submit,
        wait,
        run,
        procs,
    }
}

/// How long a whole machine is waited for that is asked for in the stream, in milliseconds; `None`
/// if it is granted only after the last small request, which is to say never.
///
/// # Errors
/// A setup that is not valid.
pub fn endless(stream: &Endless, seed: u64) -> Result<Option<u64>, ReplayError> {
    let mut rng = Rng::new(seed);
    let all_procs = u64::from(stream.machines) * u64::from(stream.procs);
    // The mean gap is run / (load * procs).
    let mean_gap = 100 * stream.run / (stream.load * all_procs);
    let mut jobs = Vec::new();
    let mut submit = 0;
    for number in 0..BEFORE + AFTER {
        if number == BEFORE {
            let (run, procs) = (stream.run, stream.procs);
            jobs.push(job(submit, run, procs));
        }
        submit += rng.range(0, 2 * mean_gap);
        let run = rng.range(1, 2 * stream.run);
        let procs = 1;
        jobs.push(job(submit, run, procs));
    }
    let setup = Setup {
        procs: stream.procs,
        machines: Machines::Fixed {
            machines: stream.machines,
        },
        order: Order::BestFit,
        patience: stream.patience,
    };
    let waits = Replay::run(&jobs, &setup)?.waits();
    let (index, last) = (BEFORE as usize, submit);
    let wait = waits[index];
    Ok((jobs[index].submit + wait < last).then_some(wait))
}
