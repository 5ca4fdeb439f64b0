//! The requests, queued and running: where each is, and the queue in order (S3, S6).

use crate::branch::{cold_path, likely};
use crate::cell::Place;
use crate::classes::{Class, Classes};
use crate::fifo::{Chunk, Chunks};
use crate::id::RequestId;
use crate::list::MAX_RECORDS;
use crate::places::{Found, Places, Vacant};

/// All requests there are; nothing is remembered of others (F4).
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) places: Places,
    pub(crate) classes: Classes,
    pub(crate) chunks: Chunks,
    /// How many run; all others wait.
    running: usize,
}

impl Requests {
    /// For machines of so many procs.
    pub(crate) fn new(machine_procs: u32) -> Requests {
        Requests {
            places: Places::new(machine_procs),
            classes: Classes::new(),
            chunks: Chunks::new(),
            running: 0,
        }
    }

    /// Where a request is, or where it would be entered, until the next change.
    ///
    /// # Errors
    /// It is not known.
    #[inline]
    pub(crate) fn seek(&self, id: RequestId) -> Result<Found, Vacant> {
        self.places.seek(id)
    }

    /// The place of a request that was just found.
    #[inline(always)]
    pub(crate) fn place(&self, found: Found) -> Place {
        self.places.place(found)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.places.len() >= MAX_RECORDS as usize
    }

    /// How many wait.
    #[inline]
    pub(crate) fn queued(&self) -> usize {
        self.places.len() - self.running
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Queues a request, last of its class (T1), and enters it in the place that was found for it.
    #[inline(always)]
    pub(crate) fn enqueue(&mut self, at: Vacant, id: RequestId, priority: i64, procs: u32) {
        let class = self.classes.join(priority, procs);
        let list = &mut self.classes.get_mut(class).requests;
        let spot = self.chunks.push(class, list, id);
        self.places.insert(at, id, Place::Queued { spot });
    }

    /// Whether a new request that is not far follows the one before it and is not too many.
    #[inline(always)]
    pub(crate) fn is_next(&self, id: RequestId) -> bool {
        likely(!self.is_full()) && self.places.is_next(id)
    }

    /// Queues a request for which this holds, in the class that was joined last, which is to be counted.
    #[inline(always)]
    pub(crate) fn append(&mut self, id: RequestId) {
        let list = self.classes.join_recent();
        match self.chunks.append(list, id) {
            Some(spot) => self.places.append(id, spot),
            None => self.append_to_new_chunk(id),
        }
    }

    #[inline(never)]
    fn append_to_new_chunk(&mut self, id: RequestId) {
        let class = self.classes.recent();
        let list = &mut self.classes.get_mut(class).requests;
        let spot = self.chunks.push(class, list, id);
        self.places.append(id, spot);
    }

    /// Enters a request that runs, in the place that was found for it.
    #[inline]
    pub(crate) fn enter(&mut self, at: Vacant, id: RequestId, place: Place) {
        self.running += 1;
        self.places.insert(at, id, place);
    }

    /// Takes the first of the queue out, which the caller says to run, if it asks for no more procs than these. The request and
    /// its procs.
    #[inline]
    pub(crate) fn take_first_within(&mut self, free: u32) -> Option<(RequestId, u32)> {
        let class = self.classes.first()?;
        (self.classes.get(class).procs <= free).then(|| self.take_first(class))
    }

    /// The first class and the head of its list, if that asks for so many procs and its first request can be taken out with
    /// nothing else to be done but to drop the head if nothing is left there.
    #[inline(always)]
    pub(crate) fn first_of(&mut self, procs: u32) -> Option<(&mut Class, &mut Chunk)> {
        let class = self.classes.first_to_count(procs)?;
        let head = self.chunks.head(class.requests)?;
        if head.has_one() && class.has_one() {
            cold_path();
            return None;
        }
        Some((class, head))
    }

    /// Drops what is empty at the head of the queue.
    pub(crate) fn drop_head(&mut self) {
        if let Some(first) = self.classes.first() {
            let list = &mut self.classes.get_mut(first).requests;
            self.chunks.drop_head(list);
            self.compact_if_sparse();
        }
    }

    /// Takes the first request of a class out of the queue, which the caller says to run. The request and its procs.
    #[inline]
    pub(crate) fn take_first(&mut self, class: u32) -> (RequestId, u32) {
        let record = self.classes.get_mut(class);
        let procs = record.procs;
        let id = self.chunks.pop(&mut record.requests);
        self.leave(class);
        (id, procs)
    }

    /// A request that was taken out of the queue runs.
    #[inline]
    pub(crate) fn start(&mut self, id: RequestId, place: Place) {
        self.running += 1;
        self.places.set(id, place);
    }

    /// Forgets a request that was just found and runs, which the caller takes off its machine.
    #[inline]
    pub(crate) fn forget_running(&mut self, found: Found) {
        self.running -= 1;
        self.places.remove(found);
    }

    /// Forgets a request that was just found, and which the caller has taken off its machine if it ran. Its procs.
    pub(crate) fn forget(&mut self, found: Found) -> u32 {
        let place = self.place(found);
        self.places.remove(found);
        match place {
            Place::Running { procs, .. } => {
                self.running -= 1;
                procs
            }
            Place::Queued { spot } => {
                let class = self.class(spot);
                let record = self.classes.get_mut(class);
                let procs = record.procs;
                self.chunks.leave(&mut record.requests, spot);
                self.leave(class);
                procs
            }
        }
    }

    /// The class of a spot that is taken.
    pub(crate) fn class(&self, spot: u32) -> u32 {
        let Some(class) = self.chunks.owner(spot) else {
            unreachable!("somebody stands there");
        };
        class
    }

    /// One request of a class waits no more, and has left its list.
    #[inline]
    fn leave(&mut self, class: u32) {
        self.classes.leave(class);
        self.compact_if_sparse();
    }

    /// Gives back what a flood took.
    #[inline]
    fn compact_if_sparse(&mut self) {
        if self.chunks.is_sparse() || self.classes.is_sparse() {
            self.compact();
        }
    }

    #[cold]
    fn compact(&mut self) {
        if self.classes.is_sparse() {
            for class in self.classes.compact().moved() {
                let list = self.classes.get(class).requests;
                self.chunks.adopt(list, class);
            }
        }
        if self.chunks.is_sparse() {
            for (id, spot) in self.chunks.compact(self.classes.lists_mut()) {
                self.places.set(id, Place::Queued { spot });
            }
        }
    }

    /// Where a request is that is there.
    pub(crate) fn known(&self, id: RequestId) -> Found {
        self.places.known(id)
    }

    /// The procs of a request that runs.
    pub(crate) fn running_procs(&self, id: RequestId) -> u32 {
        match self.place(self.known(id)) {
            Place::Running { procs, .. } => procs,
            Place::Queued { .. } => unreachable!("it runs"),
        }
    }

    /// The first request of the queue (S3).
    pub(crate) fn first_queued(&self) -> Option<RequestId> {
        let first = self.classes.get(self.classes.first()?);
        Some(self.chunks.first(first.requests))
    }

    /// The queue in order: each request with its priority and its procs.
    pub(crate) fn queue(&self) -> impl Iterator<Item = (RequestId, i64, u32)> {
        self.classes.iter().flat_map(|class| {
            self.chunks
                .iter(class.requests)
                .map(|(id, _)| (id, class.priority, class.procs))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Requests;
    use crate::id::RequestId;

    #[test]
    fn what_a_flood_took_is_given_back() {
        for priorities in [1, 7, 5000] {
            let mut requests = Requests::new(4);
            for n in 0..5000 {
                let Err(vacant) = requests.seek(RequestId(n)) else {
                    panic!("{n} is new");
                };
                requests.enqueue(vacant, RequestId(n), (n % priorities) as i64, 1);
            }
            for n in 0..4990 {
                let found = requests.known(RequestId(n));
                assert_eq!(requests.forget(found), 1);
                assert!(!requests.chunks.is_sparse() && !requests.classes.is_sparse());
            }
            assert_eq!(requests.queued(), 10);
            let left = requests.queue().map(|(id, _, _)| id);
            let mut left: alloc::vec::Vec<_> = left.collect();
            left.sort_unstable();
            assert!(left.iter().copied().eq((4990..5000).map(RequestId)));
            for id in left {
                let found = requests.known(id);
                requests.forget(found);
            }
            assert_eq!((requests.queued(), requests.first_queued()), (0, None));
        }
    }
}
