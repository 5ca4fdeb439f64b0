//! What an adapter owes its manager and its world: a name for each promise, with its rule in ARCHITECTURE.md.

use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $number:literal $name:literal;)*) => {
        /// A promise that an adapter can break. It is printed as its name and the number of its rule in `ARCHITECTURE.md`.
        ///
        /// ```
        /// use remuda_testkit::Rule;
        ///
        /// assert_eq!(Rule::StartAnsweredTwice.to_string(), "a start is answered twice (S8)");
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// All there are.
            pub const ALL: &'static [Rule] = &[$(Rule::$rule),*];

            /// Its name: what is wrong, in a few words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name,)* }
            }

            /// The rule of `ARCHITECTURE.md` that it follows from.
            #[must_use]
            pub const fn number(self) -> &'static str {
                match self { $(Rule::$rule => $number,)* }
            }
        }
    };
}

rules! {
    /// A client asks, and no *submit* is told.
    RequestNotSubmitted = "P1" "a request is not submitted";
    /// The *submit* asks for something else than the client does.
    RequestChanged = "P1" "a request is submitted with other wishes";
    /// An id is used again while the work of its old request still runs, or that is still queued.
    RequestIdReused = "Q3" "a request's id is used again too soon";
    /// A client goes away while its request is queued, and no *cancel* is told.
    CancelNotTold = "S6" "a cancelled request is not cancelled";
    /// A client goes away while its work runs, and that is not cancelled on the machine.
    WorkNotCancelled = "F12" "cancelled work is not cancelled on its machine";
    /// A machine is up or its start has failed, and nothing is told.
    StartNotAnswered = "S8" "a start is not answered";
    /// A start that was answered is answered once more.
    StartAnsweredTwice = "S8" "a start is answered twice";
    /// *Up* for a start that has failed, *start failed* for a machine that is up, or without what is known of the reason (G3).
    StartAnsweredWrongly = "S8" "a start is answered wrongly";
    /// Work has ended, or nobody wants the grant any more, and no *done* is told.
    GrantNotDone = "F12" "a grant is never done";
    /// The same grant is done once more.
    GrantDoneTwice = "Q3" "a grant is done twice";
    /// *Done* is told while the work still runs: its procs would be given out twice.
    GrantDoneTooEarly = "F12" "a grant is done before its work has ended";
    /// *Done* names another machine than that of the grant, or none.
    GrantDoneElsewhere = "Q3" "a grant is done with the wrong machine";
    /// *Done* says otherwise how the work ended.
    OutcomeChanged = "S9" "a grant is done with another outcome";
    /// A machine has ended, and no *stopped* is told.
    EndNotTold = "S12" "a lost machine is not told";
    /// *Stopped* is told of a machine that still runs.
    EndToldTooEarly = "S12" "a machine's end is told before it";
    /// A poll was answered, or nothing came for longer than it may take, and no *polled* is told.
    PollNotAnswered = "S17" "a poll is not answered";
    /// *Polled* is told where no poll is out.
    PollAnsweredTwice = "S17" "a poll is answered twice";
    /// *Polled* says that a machine answered which did not, or that it did not answer although it did, or as soon as it is
    /// asked.
    PollAnsweredWrongly = "S17" "a poll is answered wrongly";
    /// A machine must go, and no *drain* with that time is told.
    DrainNotTold = "D1" "a machine that must go is not drained";
    /// The end comes, and no *shutdown* is told.
    ShutdownNotTold = "S22" "a shutdown is not told";
    /// An event is told of something that did not happen.
    Invented = "F5" "an event is told of what did not happen";
    /// The adapter panics.
    Panicked = "F5" "the adapter panics";
    /// The manager asks for a machine, and it is not started.
    StartNotMade = "G4" "a start is not carried out";
    /// The manager has a machine stopped, and it is not told so.
    StopNotMade = "D1" "a stop is not carried out";
    /// A request is granted, and its work does not begin.
    GrantNotDelivered = "P2" "a grant is not delivered";
    /// The manager asks for a poll, and none is sent.
    PollNotSent = "S17" "a poll is not sent";
    /// A client's request is expired, and it is not told.
    ExpiryNotDelivered = "Q1" "a client is not told that its time has passed";
    /// A client's request is cancelled by a shutdown, and it is not told.
    CancelNotDelivered = "S22" "a client is not told of the shutdown";
    /// A client's machine is lost, and it is not told.
    LossNotDelivered = "F4" "a client is not told of a loss";
    /// The adapter does what the manager did not ask for.
    NotAskedFor = "F11" "something is done that was not asked for";
    /// What the manager asked for is done in another order.
    OutOfOrder = "F11" "actions are carried out in another order";
    /// An event has an earlier time than the one before it.
    TimeGoesBack = "F5" "time goes back";
    /// An event has a time that has not come yet.
    TimeAhead = "F10" "an event has a time that has not come";
    /// An event has an earlier time than when it happened.
    TimeStale = "F10" "an event has a stale time";
    /// The adapter does not wake by the manager's next deadline.
    TimerNotArmed = "S21" "the timer is not armed";
    /// The adapter wakes at the manager's deadline, and tells it nothing.
    TimerNotTold = "S21" "a timer that is due is not told";
    /// The adapter wakes again and again with nothing to do.
    TimerBusy = "S21" "the timer fires without end";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.number())
    }
}
