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
    /// T1: a request of equal priority and procs waits already
    T1ArrivalDecides,
    /// T2: several machines are equally free
    T2LowestOfEquals,
    /// T2: a reserved machine is equally free and has the lower id
    T2LowerThanReserved,
    /// T3: two probations end at one instant
    T3ProbationsEndTogether,
    /// S5: a request is placed past blocked ones
    S5PassesBlocked,
    /// S7: more than ten machines at once
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
    /// F7: a running back-off ended by a machine that came up
    F7EndedByUp,
    /// F10: a timer fires late
    F10FiredLate,
    /// F10: timers of several instants fire in one call
    F10SeveralInOneCall,
    /// F10: unlike timers fall due at one instant
    UnlikeTimersTogether,
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
