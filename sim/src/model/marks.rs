//! Where the model went: the corners of the rules that a swarm should have been in.

macro_rules! marks {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A corner of a rule that the [`Model`](crate::Model) went through.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mark {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Mark {
            /// All there are.
            pub const ALL: &[Mark] = &[$(Mark::$name),+];

            /// What it means, in words, with the rule.
            pub fn words(self) -> &'static str {
                match self {
                    $(Mark::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

marks! {
    /// T1, P1: a request of its rank is queued already
    T1ArrivalDecides,
    /// T2: several machines are equally free
    T2LowestOfEquals,
    /// T2: a reserved machine is equally free and has the lower id
    T2LowerThanReserved,
    /// T3: two probations end at one instant
    T3ProbationsEndTogether,
    /// S5: a request is placed past blocked ones
    S5PassesBlocked,
    /// S7: more machines at once than a batch
    S7SplitInTens,
    /// S7: no growth, the maximum is reached
    S7AtMaximum,
    /// S10: probation restarted by a remote error
    S10RestartedByRemote,
    /// S10: probation restarted by an unreachable
    S10RestartedByUnreachable,
    /// S14: assigned again
    S14AssignedAgain,
    /// S15: discard of what is not there
    S15DiscardOfNothing,
    /// S16: asked while it runs
    S16AskedWhileRunning,
    /// S16: one result for several askers
    S16SeveralAnswered,
    /// S16: a remembered error is told
    S16ErrorRemembered,
    /// S17: two polls fall due at one instant
    PollsDueTogether,
    /// S21: a timer event that changes nothing
    S21TimerChangedNothing,
    /// G2: the first event is a timer or rejected, and has a step all the same
    FirstEventHasAStep,
    /// F5: the clock steps back
    F5ClockStepsBack,
    /// F7: growth is held back
    F7HeldBack,
    /// F7: a failed start that belongs to an earlier step
    F7FailedWithOthers,
    /// F7: a step as long as the cap
    F7Capped,
    /// F7: a step past the end of time
    F7PastTheEndOfTime,
    /// F7: a running back-off ended by a start that went well
    F7EndedByUp,
    /// F8: a machine that drains or stops falls silent
    F8SilentWhileLeaving,
    /// F10: a timer fires late
    F10FiredLate,
    /// F10: timers of several instants fire in one call
    F10SeveralInOneCall,
    /// F10: unlike timers fall due at one instant
    UnlikeTimersTogether,
    /// D1: up is said of a machine that was told to stop
    UpWhileStopping,
    /// R4: a machine offers less than its kind's capacity
    R4OfferBelowCapacity,
    /// P2: a request is placed past blocked ones
    P2PassesBlocked,
    /// P3: a request gets the machine it prefers
    P3Preferred,
    /// P3: a request gets the machine it avoids, as there is no other
    P3AvoidedInVain,
    /// P4: a machine is held
    P4Held,
    /// P4: a more urgent request takes a hold over
    P4TakenOver,
    /// P4: requests that accept other kinds are one group, as their demands fit the same
    P4OneGroup,
    /// P4: of several groups, one whose bits are not the lowest is given a hold first
    P4FirstByP1,
    /// P4: a less urgent request of another group yields its hold
    P4Yielded,
    /// P4: another machine is chosen for a hold
    P4ChosenAgain,
    /// P4: a hold ends as there is no other machine
    P4NothingToHold,
    /// P4: a hold reaches its limit
    P4TimedOut,
    /// G1: a request fits no expected offer
    G1NoHome,
    /// G1: what no kind can take
    G1NoMore,
    /// G1: a second home takes what the first cannot take
    G1SecondHome,
    /// G1: pending machines suffice
    G1TakenFromPending,
    /// G1, H1: a machine on its first probation counts as one to come
    G1FirstProbation,
    /// G2: a machine is started for a minimum
    G2Min,
    /// G2: a machine is started as a spare
    G2Spare,
    /// G3: a machine is lost while it is on trial
    G3LostOnTrial,
    /// G3: a trial ends as the machine stayed up
    G3Settled,
    /// G3: a start fails with a time to wait
    G3RetryAfter,
    /// G3: a start fails at capacity
    G3AtCapacity,
    /// G3: the ramp after a failure holds growth back
    G3Ramp,
    /// G5: a request lacks nothing but max procs
    G5OnlyMaxProcs,
    /// G5: an idle machine is stopped for it
    G5IdleStopped,
    /// G5: no idle machine is stopped, as all of them would not be enough
    G5IdleNotEnough,
    /// G5: a machine is drained for it
    G5Drained,
    /// G5: all that could be drained would not be enough
    G5NothingToDrain,
    /// G5: procs are kept for it until what is leaving is gone
    G5ProcsKept,
    /// E2: an idle machine is stopped
    E2Stopped,
    /// E2: an idle machine stays, for min or spare
    E2Blocked,
    /// E2: an idle machine stays, as the limits of too few others have passed
    E2SpareNotRested,
    /// E3: a pending machine is above new limits
    E3PendingStopped,
    /// E3: an idle machine is above new limits
    E3IdleStopped,
    /// E3: a machine in use is above new limits
    E3Drained,
    /// E4: a pending machine is withdrawn
    E4Withdrawn,
    /// D1: a machine is told to stop at the end of its drain
    D1UntilPassed,
    /// D1: a second drain that changes nothing
    D1LaterDrain,
    /// D2: a machine is kept that is on probation
    D2KeptOnProbation,
    /// J1: a machine joins above the limits
    J1AboveTheLimits,
    /// Q1: a request is due at its submit
    Q1DueAtSubmit,
    /// Q1: several give up at one instant
    Q1SeveralExpire,
    /// H2: a passage as long as the cap
    H2Capped,
    /// H3: a machine is drained for its passages
    H3Drained,
    /// H3: a fault that others share drains nothing
    H3Spared,
}

/// How often each [`Mark`] was made.
#[derive(Clone, Debug)]
pub struct Marks([u64; Mark::ALL.len()]);

impl Default for Marks {
    fn default() -> Marks {
        Marks([0; Mark::ALL.len()])
    }
}

impl Marks {
    pub(super) fn hit(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }

    /// How often this one was made.
    pub fn count(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }
}
