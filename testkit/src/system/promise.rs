//! The promises of a system, by name.

use std::fmt;

macro_rules! promises {
    ($($(#[$doc:meta])* $promise:ident = $name:literal;)*) => {
        /// A promise that a [`System`](remuda_driver::System) can break.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[non_exhaustive]
        pub enum Promise {
            $($(#[$doc])* $promise,)*
        }

        impl Promise {
            /// All there are.
            pub const ALL: &'static [Promise] = &[$(Promise::$promise),*];

            /// What is promised, and by which method.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Promise::$promise => $name,)* }
            }
        }
    };
}

promises! {
    /// No method panics.
    NoPanic = "nothing panics";
    /// `start` resolves to a machine (S8).
    StartMakesAMachine = "start resolves with a machine";
    /// All that a start has started ends when its future is dropped (S8).
    DroppedStartEnds = "what a start has started ends when it is dropped";
    /// `start_many` returns a future for each start (G4).
    StartManyStartsEach = "start_many returns a future for each start";
    /// Each of its futures may be dropped on its own.
    StartManyEachOnItsOwn = "of start_many each resolves and may be dropped on its own";
    /// What a machine offers has a proc at the least (R4, F9).
    OfferHasAProc = "offer has a proc at the least";
    /// `kill` does not wait.
    KillReturnsAtOnce = "kill returns at once";
    /// `stopped` resolves when a machine was killed (S12).
    StoppedAfterKill = "stopped resolves after kill";
    /// A machine that obeys `stop` is seen to have ended; one that does not can still be killed.
    StoppedAfterStop = "stopped resolves after stop, or after the kill that follows";
    /// `stopped` resolves when none of the machine's processes runs any more (S12).
    NothingRunsAfterStopped = "when stopped resolves nothing of the machine runs";
    /// `stopped` waits while the machine runs.
    StoppedWaits = "stopped waits while the machine runs";
    /// Of a machine that runs, `poll` answers a part at the least (S17).
    PollAnswers = "poll answers a part at the least";
    /// A poll that is dropped disturbs nothing.
    PollMayBeDropped = "a poll that is dropped disturbs nothing";
    /// One machine's end is not another's.
    MachinesEndOnTheirOwn = "a machine's end leaves the others";
    /// A call resolves with its result.
    CallEnds = "call resolves with a result";
    /// A call resolves after its cancel (F12).
    CallEndsAfterCancel = "call resolves after its cancel";
    /// When a call has resolved, it has ended on the machine, also after a cancel (F12).
    CallHasEnded = "when call resolves it has ended on the machine";
    /// All of a call's output arrives.
    OutputIsWhole = "output arrives whole";
    /// No output comes after the result.
    OutputBeforeResult = "output comes before the result";
    /// Nothing is left of a cluster that was shut down.
    ClusterLeavesNothing = "nothing is left after a cluster's shutdown";
    /// Requests are served, whatever others drop.
    ClusterServes = "a cluster serves its requests";
    /// `finished` resolves when nothing runs any more.
    FinishedResolves = "finished resolves when nothing runs any more";
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
