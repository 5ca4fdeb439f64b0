//! What a workload runs on.

use remuda::Outcome;

/// A manager of machines: ours, the port, or the harness that decides nothing.
pub trait Carrier {
    /// A request that has a machine: what a client keeps of it, to say when it ends.
    type Grant: Copy;

    /// So many machines of so many procs, all up and idle.
    fn new(machines: u32, procs: u32) -> Self;

    /// A request comes; what can be placed is appended to `grants`.
    fn submit(&mut self, request: u64, priority: i64, procs: u32, grants: &mut Vec<Self::Grant>);

    /// The work of a grant has ended; what can be placed is appended to `grants`.
    fn done(&mut self, grant: Self::Grant, outcome: Outcome, grants: &mut Vec<Self::Grant>);

    /// Of all that run, those on each machine.
    fn by_machine(&self, running: &[Self::Grant]) -> Vec<Vec<Self::Grant>>;

    /// So many nanoseconds pass.
    fn wait(&mut self, nanos: u64);

    /// How many machines are on probation.
    fn on_probation(&self) -> u64;
}
