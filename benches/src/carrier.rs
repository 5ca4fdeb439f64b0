//! Whoever can carry a workload.

use remuda::Outcome;

/// A request that has a machine.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The request, as the workload calls it.
    pub request: u64,
    /// The machine, from 0 up.
    pub machine: u32,
    /// The procs.
    pub procs: u32,
}

/// A manager of machines: ours, or the port.
pub trait Carrier {
    /// So many machines of so many procs, all up and idle.
    fn new(machines: u32, procs: u32) -> Self;

    /// A request comes; what can be placed is appended to `grants`.
    fn submit(&mut self, request: u64, priority: i64, procs: u32, grants: &mut Vec<Grant>);

    /// The work of a grant has ended; what can be placed is appended to `grants`.
    fn done(&mut self, grant: Grant, outcome: Outcome, grants: &mut Vec<Grant>);

    /// These grants will end next.
    fn prefetch(&self, _grants: &[Grant]) {}

    /// So many nanoseconds pass.
    fn wait(&mut self, nanos: u64);

    /// How many machines are on probation.
    fn on_probation(&self) -> u64;
}
