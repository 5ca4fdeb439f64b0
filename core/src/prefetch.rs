//! Reading ahead, for clusters whose records are larger than the caches (group prefetching, as in S. Chen et al., "Improving
//! hash join performance through prefetching", ICDE 2004).

use core::hint::black_box;

use crate::cell::Place;
use crate::id::RequestId;
use crate::manager::Manager;

/// So many at once: a processor has no more reads under way.
const GROUP: usize = 32;

impl Manager {
    /// Reads what the next events about these requests will look at. It changes nothing, and ids that are not known do no
    /// harm.
    ///
    /// The end of a request reads where it runs, and often then the record of that machine. Where there are more records than the
    /// caches hold, as from some ten thousand machines on, the event spends most of its time on these waits, one after the other.
    /// Who has several events at hand, from one read of a socket or from a recorded run, names their requests first: then
    /// the waits are for all of them together. `BENCHMARKS.md` in the repository says what that gains; with some thousand
    /// machines or fewer it gains nothing and costs a little.
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
        in_groups(requests, |group| {
            // Reads that wait for each other are a loop apart.
            let mut places = [None; GROUP];
            for (place, &request) in places.iter_mut().zip(group) {
                let found = self.requests.seek(request).ok();
                *place = found.map(|found| self.requests.place(found));
            }
            let places = places[..group.len()].iter().flatten();
            let read = places.map(|&place| self.read(place));
            // Somebody has to want it, or it is not read.
            black_box(read.fold(0, |all, one| all ^ one));
        });
    }

    /// Something of what there is of a request beside its place.
    #[inline]
    fn read(&self, place: Place) -> u64 {
        match place {
            Place::Queued { spot } => self.requests.chunks.owner(spot).map_or(0, u64::from),
            Place::Running { machine, .. } => self.machines.touch(machine),
        }
    }
}

/// Calls `each` with up to [`GROUP`] of them at a time.
#[inline]
fn in_groups(requests: impl IntoIterator<Item = RequestId>, mut each: impl FnMut(&[RequestId])) {
    let mut requests = requests.into_iter().fuse();
    let mut group = [RequestId(0); GROUP];
    loop {
        let mut len = 0;
        for (place, request) in group.iter_mut().zip(&mut requests) {
            *place = request;
            len += 1;
        }
        if len == 0 {
            return;
        }
        each(&group[..len]);
    }
}

#[cfg(test)]
mod tests {
    use super::{GROUP, in_groups};
    use crate::{Config, Demand, Event, Instant, MachineId, Manager, RequestId};
    use alloc::vec::Vec;

    #[test]
    fn each_is_in_one_group() {
        for len in [0, 1, GROUP - 1, GROUP, GROUP + 1, 1000] {
            let (mut seen, mut groups) = (Vec::new(), 0);
            in_groups((0..len as u64).map(RequestId), |group| {
                seen.extend(group.iter().map(|id| id.0));
                groups += 1;
            });
            assert!(seen.into_iter().eq(0..len as u64));
            assert_eq!(groups, len.div_ceil(GROUP));
        }
    }

    #[test]
    fn the_first_end_is_the_end() {
        let mut n = 0;
        let ids = core::iter::from_fn(|| {
            n += 1;
            (n % 3 != 0 && n < 30).then_some(RequestId(n))
        });
        let mut seen = Vec::new();
        in_groups(ids, |group| seen.extend(group.iter().map(|id| id.0)));
        assert_eq!(seen, [1, 2]);
    }

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
