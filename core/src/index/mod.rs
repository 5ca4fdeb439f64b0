//! The records of all requests, queued or running, and where each is found by its id.

use crate::protocol::id::RequestId;
use crate::protocol::resources::Resources;
use crate::protocol::time::Instant;
use crate::storage::list::{Linked, Links, Moves};
use crate::storage::table::{Keyed, Table};

/// A request. Its links are in the list of its class while it is queued, and in that of its machine
/// while it runs. They come first, beside what a slab looks at: who joins or leaves a list touches one
/// line of the cache of each neighbour.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Request {
    links: Links,
    state: State,
    pub(crate) id: RequestId,
}

/// What is known of a request: [`Queued`] or [`Running`], in less memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Queued {
        class: u32,
        arrival: u64,
        granted: u64,
        granted_anywhere: u64,
    },
    Running {
        machine: u32,
        taken: Resources,
        since: Instant,
    },
}

/// A request that has no machine yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Queued {
    /// The slot of its class.
    pub(crate) class: u32,
    /// Counts up over all submits: the order within a priority (P1, T1).
    pub(crate) arrival: u64,
    /// Procs that had been granted on the kinds of its group when it came (P4).
    pub(crate) granted: u64,
    /// The same on machines of any kind (G5).
    pub(crate) granted_anywhere: u64,
}

/// A request that has a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Running {
    /// The slot of its machine.
    pub(crate) machine: u32,
    /// What it takes there.
    pub(crate) taken: Resources,
    /// When it was granted.
    pub(crate) since: Instant,
}

// A million queued requests are held in 64 bytes each, with their ids.
const _: () = assert!(size_of::<Request>() <= 48);

impl Request {
    /// A queued request.
    pub(crate) const fn queue(id: RequestId, queued: Queued) -> Request {
        let Queued {
            class,
            arrival,
            granted,
            granted_anywhere,
        } = queued;
        let state = State::Queued {
            class,
            arrival,
            granted,
            granted_anywhere,
        };
        Request {
            links: Links::NONE,
            state,
            id,
        }
    }

    /// Follows the records beside it in its list, which may have moved.
    pub(crate) fn follow(&mut self, moves: &Moves) {
        self.links.follow(moves);
    }

    /// From now on it runs.
    pub(crate) const fn run(&mut self, running: Running) {
        let Running {
            machine,
            taken,
            since,
        } = running;
        self.state = State::Running {
            machine,
            taken,
            since,
        };
    }

    /// What is known of it while it is queued.
    #[inline]
    pub(crate) const fn queued(&self) -> Option<Queued> {
        match self.state {
            State::Queued {
                class,
                arrival,
                granted,
                granted_anywhere,
            } => Some(Queued {
                class,
                arrival,
                granted,
                granted_anywhere,
            }),
            State::Running { .. } => None,
        }
    }

    /// What is known of it while it runs.
    #[inline]
    pub(crate) const fn running(&self) -> Option<Running> {
        match self.state {
            State::Running {
                machine,
                taken,
                since,
            } => Some(Running {
                machine,
                taken,
                since,
            }),
            State::Queued { .. } => None,
        }
    }
}

impl Linked for Request {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl Keyed for Request {
    type Key = RequestId;

    fn key(&self) -> &RequestId {
        &self.id
    }
}

/// All requests, by slot and by id.
pub(crate) type Requests = Table<Request>;
