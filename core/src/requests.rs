//! The requests, queued and running: the record of each, and the queue in order (S3, S6).

use slab::Slab;

use crate::classes::{Classes, InClass};
use crate::id::RequestId;
use crate::list::{Linked, Links, is_full, put};
use crate::table::{Found, Table, Vacant};

/// A request that is queued or running; nothing is remembered of others (F4).
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) procs: u32,
    pub(crate) place: Place,
    /// In its class, while it is queued.
    links: Links,
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In this class of the queue.
    Queued(u32),
    /// On this machine.
    Running(u32),
}

impl Linked<InClass> for Request {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Requests {
    pub(crate) slab: Slab<Request>,
    ids: Table,
    pub(crate) classes: Classes,
}

impl Requests {
    pub(crate) fn new() -> Requests {
        Requests {
            slab: Slab::new(),
            ids: Table::default(),
            classes: Classes::new(),
        }
    }

    pub(crate) fn get(&self, slot: u32) -> &Request {
        &self.slab[slot as usize]
    }

    pub(crate) fn find(&self, id: RequestId) -> Option<u32> {
        self.seek(id).ok().map(|found| found.slot)
    }

    /// Where a request is, or where it would be entered, until the next change.
    ///
    /// # Errors
    /// It is not known.
    pub(crate) fn seek(&self, id: RequestId) -> Result<Found, Vacant> {
        self.ids.seek(id, |slot| self.get(slot).id == id)
    }

    /// How many ids are known.
    pub(crate) fn ids(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        is_full(&self.slab)
    }

    pub(crate) fn queued(&self) -> u32 {
        self.classes.requests()
    }

    pub(crate) fn running(&self) -> usize {
        self.slab.len() - self.queued() as usize
    }

    /// Queues a request, last of its class (T1), and enters it in the place that was found for it.
    pub(crate) fn enqueue(&mut self, place: Vacant, id: RequestId, priority: i64, procs: u32) {
        let class = self.classes.join(priority, procs);
        let slot = self.enter(place, id, procs, Place::Queued(class));
        self.classes
            .get_mut(class)
            .requests
            .push_back(&mut self.slab, slot);
    }

    /// Takes a request out of the queue; its record stays.
    fn dequeue(&mut self, slot: u32, class: u32) {
        self.classes
            .get_mut(class)
            .requests
            .remove(&mut self.slab, slot);
        self.classes.leave(class);
    }

    /// Takes the first request of a class out of the queue and says that it runs on a machine.
    pub(crate) fn start_first(&mut self, class: u32, machine: u32) -> u32 {
        let first = self.classes.get(class).requests.head();
        let slot = first.expect("a class has a request as long as it is in the tree");
        self.dequeue(slot, class);
        self.slab[slot as usize].place = Place::Running(machine);
        slot
    }

    /// Enters a request in the place that was found for it.
    pub(crate) fn enter(&mut self, at: Vacant, id: RequestId, procs: u32, place: Place) -> u32 {
        let request = Request {
            id,
            procs,
            place,
            links: Links::NONE,
        };
        let slot = put(&mut self.slab, request);
        self.ids.insert(at, slot);
        slot
    }

    /// Forgets a request that was just found, and which the caller has taken off its machine if it ran. Returns its procs.
    pub(crate) fn forget(&mut self, found: Found) -> u32 {
        if let Place::Queued(class) = self.get(found.slot).place {
            self.dequeue(found.slot, class);
        }
        self.ids.remove(found);
        self.slab.remove(found.slot as usize).procs
    }

    /// The same by its slot; the request forgotten.
    pub(crate) fn forget_slot(&mut self, slot: u32) -> Request {
        let request = self.get(slot).clone();
        let Ok(found) = self.seek(request.id) else {
            unreachable!("the id of every request is known");
        };
        self.forget(found);
        request
    }

    /// The first request of the queue (S3).
    pub(crate) fn first_queued(&self) -> Option<u32> {
        self.classes.get(self.classes.first()?).requests.head()
    }

    /// The queue in order, with priorities.
    pub(crate) fn queue(&self) -> impl Iterator<Item = (&Request, i64)> {
        self.classes.iter().flat_map(|class| {
            class
                .requests
                .iter(&self.slab)
                .map(|slot| (self.get(slot), class.priority))
        })
    }
}
