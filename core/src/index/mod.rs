//! The records of all requests, queued or running, and where each is found by its id.

use hashbrown::HashTable;
use slab::Slab;

use crate::protocol::id::RequestId;
use crate::protocol::resources::Resources;
use crate::protocol::time::Instant;
use crate::storage::hash::hash;
use crate::storage::list::{self, Linked, Links, Moves};

/// A request. Its links are in the list of its class while it is queued, and in that of its machine
/// while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    state: State,
    links: Links,
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
    /// Procs that had been granted on machines of the kinds that it accepts when it came (P4).
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
            id,
            state,
            links: Links::NONE,
        }
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

/// All requests, by slot and by id.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    records: Slab<Request>,
    /// The slots, by the hash of the id.
    slots: HashTable<u32>,
}

impl Requests {
    pub(crate) const fn new() -> Requests {
        Requests {
            records: Slab::new(),
            slots: HashTable::new(),
        }
    }

    #[inline]
    pub(crate) fn find(&self, id: RequestId) -> Option<u32> {
        let found = self
            .slots
            .find(hash(id.0), |&slot| self.records[slot as usize].id == id);
        found.copied()
    }

    /// Adds a request whose id is not known; the caller asks `is_full` first.
    #[inline]
    pub(crate) fn insert(&mut self, request: Request) -> u32 {
        let id = request.id;
        let slot = list::put(&mut self.records, request);
        let records = &self.records;
        self.slots
            .insert_unique(hash(id.0), slot, |&slot| hash(records[slot as usize].id.0));
        slot
    }

    /// Forgets a request that is in no list any more.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> Request {
        let request = self.records.remove(slot as usize);
        if let Ok(entry) = self
            .slots
            .find_entry(hash(request.id.0), |&other| other == slot)
        {
            entry.remove();
        }
        request
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &Request {
        &self.records[slot as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Request {
        &mut self.records[slot as usize]
    }

    /// The records, for the lists that run through them.
    pub(crate) const fn records(&self) -> &Slab<Request> {
        &self.records
    }

    pub(crate) const fn records_mut(&mut self) -> &mut Slab<Request> {
        &mut self.records
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        list::is_full(&self.records)
    }

    /// When most of the memory is for requests that are gone: moves the others together and gives
    /// the rest back. Whoever knows a slot has to follow the moves.
    pub(crate) fn compact(&mut self) -> Option<Moves> {
        if !list::is_sparse(&self.records) {
            return None;
        }
        let moves = Moves::compact(&mut self.records);
        for (_, request) in &mut self.records {
            request.links.follow(&moves);
        }
        self.slots.clear();
        let records = &self.records;
        self.slots
            .shrink_to(records.len(), |&slot| hash(records[slot as usize].id.0));
        for (slot, request) in records {
            // Slots are below 2^32.
            let slot = slot as u32;
            self.slots.insert_unique(hash(request.id.0), slot, |&slot| {
                hash(records[slot as usize].id.0)
            });
        }
        Some(moves)
    }

    /// Whether ids and records match one to one.
    pub(crate) fn check(&self) -> bool {
        let found = |(slot, request): (usize, &Request)| self.find(request.id) == Some(slot as u32);
        self.slots.len() == self.records.len() && self.records.iter().all(found)
    }
}
