//! Reading ahead, for clusters whose records are larger than the caches (group prefetching, as in S. Chen et al., "Improving
//! hash join performance through prefetching", ICDE 2004).

use core::hint::black_box;
use core::iter::once;

use crate::cell::Place;
use crate::id::RequestId;
use crate::manager::Manager;

/// So many at once: a processor has no more reads under way.
const GROUP: usize = 32;

impl Manager {
    /// Reads what the next events about these requests will look at. It changes nothing, and ids that are not known do no
    /// harm.
    ///
    /// The end of a request reads where it runs and then the record of that machine. Where there are more records than the caches
    /// hold, as from some ten thousand machines on, the event spends most of its time on these two waits, one after the other.
    /// Who has several events at hand, from one read of a socket or from a recorded run, names their requests first: then
    /// the waits are for all of them together. `BENCHMARKS.md` in the repository says what that gains; below some thousand
    /// machines it is nothing.
    ///
    /// ```
    /// use remuda::{Config, Event, Instant, Manager, Outcome, RequestId};
    ///
    /// let mut manager = Manager::new(Config::new(16, 1_000_000)?)?;
    /// // What was read from the socket.
    /// let ended = [(3, Outcome::Ok), (1, Outcome::Unreachable), (4, Outcome::Ok)];
    ///
    /// manager.prefetch(ended.iter().map(|&(id, _)| RequestId(id)));
    /// for (id, outcome) in ended {
    ///     manager.handle(Event::Done { request: RequestId(id), outcome }, Instant::from_secs(1));
    /// }
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    pub fn prefetch(&self, requests: impl IntoIterator<Item = RequestId>) {
        let mut requests = requests.into_iter();
        while let Some(first) = requests.next() {
            // Reads that wait for each other are a loop apart.
            let mut places = [None; GROUP];
            let group = once(first).chain(requests.by_ref());
            for (place, request) in places.iter_mut().zip(group) {
                let found = self.requests.seek(request).ok();
                *place = found.map(|found| self.requests.place(found));
            }
            let read = places.into_iter().flatten().map(|place| self.read(place));
            // Somebody has to want it, or it is not read.
            black_box(read.fold(0, |all, one| all ^ one));
        }
    }

    /// Something of what there is of a request beside its place.
    #[inline]
    fn read(&self, place: Place) -> u64 {
        match place {
            Place::Queued { spot } => self.requests.chunks.owner(spot).map_or(0, u64::from),
            Place::Running { machine, seat, .. } => self.machines.touch(machine, seat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GROUP;
    use crate::{Config, Demand, Event, Instant, MachineId, Manager, RequestId};

    #[test]
    fn any_ids_may_be_read_ahead() {
        // More than sixteen run on a machine, ids are near and far, many wait, most are not known.
        let mut manager = Manager::new(Config::new(20, 20).unwrap()).unwrap();
        let id = |n: u64| if n.is_multiple_of(5) { n << 40 } else { n };
        for request in (0..200).map(id).map(RequestId) {
            let demand = Demand::procs(1).unwrap();
            let submit = Event::Submit {
                request,
                priority: 0,
                demand,
            };
            manager.handle(submit, Instant::ZERO);
        }
        let machine = MachineId(0);
        manager.handle(Event::Up { machine }, Instant::ZERO);
        assert_eq!(
            (manager.counts().running, manager.counts().queued),
            (20, 180)
        );
        for some in [0, 1, GROUP, GROUP + 1, 1000] {
            manager.prefetch((0..some as u64).map(id).map(RequestId));
        }
        manager.prefetch([RequestId(u64::MAX); 3]);
        manager.check_invariants().unwrap();
    }
}
