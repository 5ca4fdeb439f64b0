//! A full cluster: while no machine has procs free, most events leave nothing to decide. A new request waits as others like it do,
//! and the place of one that ends goes to the first of the queue, if that asks for as many procs. For these two there is a
//! short way, which comes to what the long one would.
//!
//! A way first asks whether it is as simple as that, and changes nothing but the time, and then does it. In a very large cluster
//! nearly all the time goes by in waiting for records from memory, and a processor begins the next event meanwhile, as far as
//! its buffers reach, which is some 250 to 500 instructions: so what counts is how few an event is. That is why the steps are
//! functions of their own that end in each other, why what is seldom is a function to end in, too, and why the order within
//! them is what it is: in each of them the registers suffice, and hardly anything is saved.

use alloc::vec::Vec;

use crate::action::Action;
use crate::branch::likely;
use crate::event::Demand;
use crate::id::{MachineId, RequestId};
use crate::manager::Manager;
use crate::places::Near;
use crate::time::Instant;

/// What became of a request that ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The first of the queue has its place.
    HandedOver,
    /// The same, and [`Manager::tidy`] is to follow.
    Untidy,
    /// Nothing yet: there is more to do.
    No,
}

impl Manager {
    /// Lets a new request wait, if that is all there is to do. Whether it was.
    #[inline(never)]
    pub(crate) fn waits(
        &mut self,
        request: RequestId,
        priority: i64,
        demand: Demand,
        now: Instant,
    ) -> bool {
        // Others like it wait. So it waits too, behind them: for it S5 looks at a machine that is no freer than theirs. It is not
        // for too many procs, nothing is shut down, and it is known when the next summary is due (S20).
        let procs = self.procs(demand);
        if !self.requests.classes.recent_is_to_count(priority, procs) {
            return false;
        }
        if self.requests.places.may_be_far(request) {
            return self.waits_unless_far(request, procs, now);
        }
        self.waits_if_near(request, procs, now)
    }

    #[inline(never)]
    fn waits_unless_far(&mut self, request: RequestId, procs: u32, now: Instant) -> bool {
        let is_far = self.requests.places.is_far(request);
        !is_far && self.waits_if_near(request, procs, now)
    }

    #[inline(always)]
    fn waits_if_near(&mut self, request: RequestId, procs: u32, now: Instant) -> bool {
        if !self.requests.is_next(request) || !likely(!self.would_lack(procs)) || !self.tick(now) {
            return false;
        }
        self.need += u64::from(procs);
        self.requests.append(request);
        true
    }

    /// Hands the place of a request that ends over to the first of the queue, if that is all there is to do.
    #[inline(never)]
    pub(crate) fn hands_over(
        &mut self,
        request: RequestId,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Ended {
        if !self.tick(now) || !likely(self.machines.ready.len() == 0) {
            return Ended::No;
        }
        let Some(near) = self.requests.places.running_near(request) else {
            return Ended::No;
        };
        // S9. To a machine that is ok all outcomes but one are the same (S11, S13).
        let machine = self.requests.places.layout().machine(near.cell());
        match self.machines.plain(machine) {
            Some(machine) => self.hand_over(near, machine, actions),
            None => Ended::No,
        }
    }

    /// The same, for a place on a machine that is full but for that.
    #[inline(never)]
    fn hand_over(&mut self, near: Near, machine: MachineId, actions: &mut Vec<Action>) -> Ended {
        let procs = self.requests.places.layout().procs(near.cell());
        // S5: only the first can have it, and it takes all that comes free.
        let Some((class, head)) = self.requests.first_of(procs) else {
            return Ended::No;
        };
        if !likely(actions.len() < actions.capacity()) {
            return Ended::No;
        }
        let Some((request, left)) = head.take() else {
            return Ended::No;
        };
        // The other's.
        self.need -= u64::from(class.shrink());
        actions.push(Action::Grant { request, machine });
        if !self.requests.places.hand_over(near, request) {
            return self.hand_over_far(near, request);
        }
        let at = self.requests.places.layout().machine_and_seat(near.cell());
        if !self.machines.running.note(at, request) {
            return self.seat(near, request);
        }
        match left {
            0 => Ended::Untidy,
            _ => Ended::HandedOver,
        }
    }

    /// The rest of it, when the place of one of the two is not in the window.
    #[cold]
    #[inline(never)]
    fn hand_over_far(&mut self, near: Near, request: RequestId) -> Ended {
        self.requests.places.hand_over_far(near, request);
        self.seat(near, request)
    }

    /// A request takes the seat of another, after what was noted before is written down.
    #[inline(never)]
    fn seat(&mut self, near: Near, request: RequestId) -> Ended {
        let at = self.requests.places.layout().machine_and_seat(near.cell());
        self.machines.running.sit(at, request);
        Ended::Untidy
    }

    /// What is to be done once in some events.
    #[inline(never)]
    pub(crate) fn tidy(&mut self) {
        self.machines.running.write_down();
        self.requests.drop_head();
    }

    /// The clock goes on to this time. Whether nothing is due then.
    #[inline(always)]
    fn tick(&mut self, now: Instant) -> bool {
        self.now = self.now.max(now);
        // S21.
        match self.armed {
            Some(at) => likely(at > self.now),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ended;
    use crate::{
        Action, Config, Demand, Event, Instant, MachineId, Manager, Outcome, Reject, RequestId,
    };
    use alloc::vec::Vec;
    use core::time::Duration;

    /// A manager of machines of two procs that are up and each run the request of their number, and what it did last.
    struct World {
        manager: Manager,
        actions: Vec<Action>,
    }

    impl World {
        fn new(machines: u64) -> World {
            World::with_summaries(machines, Duration::ZERO)
        }

        fn with_summaries(machines: u64, summary_interval: Duration) -> World {
            let config = Config {
                poll_interval: Duration::ZERO,
                summary_interval,
                ..Config::new(2, 2 * machines).unwrap()
            };
            let mut world = World {
                manager: Manager::new(config).unwrap(),
                actions: Vec::with_capacity(16),
            };
            for machine in (0..machines).map(MachineId) {
                world.submit(machine.0, 0, 2);
                world.handle(Event::Up { machine });
            }
            world
        }

        fn handle(&mut self, event: Event) -> &[Action] {
            self.actions.clear();
            self.manager
                .handle_into(event, Instant::ZERO, &mut self.actions);
            self.manager.check_invariants().unwrap();
            &self.actions
        }

        fn submit(&mut self, request: u64, priority: i64, procs: u32) -> &[Action] {
            self.handle(Event::Submit {
                request: RequestId(request),
                priority,
                demand: Demand::procs(procs).unwrap(),
            })
        }

        /// Whether the short way is open to the end of a request.
        fn would_hand_over(&self, request: u64) -> bool {
            let (mut manager, mut actions) = (self.manager.clone(), Vec::with_capacity(1));
            manager.hands_over(RequestId(request), Instant::ZERO, &mut actions) != Ended::No
        }

        /// Whether it is to a new request.
        fn would_wait(&self, request: u64, priority: i64, procs: u32) -> bool {
            let (mut manager, demand) = (self.manager.clone(), Demand::procs(procs).unwrap());
            manager.waits(RequestId(request), priority, demand, Instant::ZERO)
        }

        fn done(&mut self, request: u64) -> &[Action] {
            self.handle(Event::Done {
                request: RequestId(request),
                outcome: Outcome::Ok,
            })
        }
    }

    fn grant(request: u64, machine: u64) -> Action {
        Action::Grant {
            request: RequestId(request),
            machine: MachineId(machine),
        }
    }

    #[test]
    fn a_place_is_handed_over() {
        let (mut world, mut short) = (World::new(2), 0);
        for id in 2..100 {
            short += u32::from(world.would_wait(id, 0, 2));
            assert!(!world.would_wait(id, 1, 2) && !world.would_wait(id, 0, 1));
            assert!(!world.would_wait(id + 1, 0, 2) && !world.would_wait(0, 0, 2));
            assert_eq!(world.submit(id, 0, 2), []);
        }
        // Two of them make the class and have it counted; for three the window of ids grows.
        assert_eq!(short, 98 - 5);
        for id in 0..98 {
            // The last one leaves no class.
            assert_eq!(world.would_hand_over(id), id < 97);
            assert!(!world.would_hand_over(id + 2), "it waits");
            assert_eq!(world.done(id), [grant(id + 2, id % 2)]);
        }
        assert_eq!(world.done(98), []);
        assert_eq!(world.done(99), []);
    }

    #[test]
    fn what_is_due_and_an_action_without_room_take_the_long_way() {
        let mut world = World::with_summaries(2, Duration::from_secs(10));
        for id in 2..10 {
            world.submit(id, 0, 2);
        }
        let (early, due) = (Instant(10_000_000_000 - 1), Instant::from_secs(10));
        assert_eq!(world.manager.next_timeout(), Some(due));
        let demand = Demand::procs(2).unwrap();
        for (now, short) in [
            (Instant::ZERO, true),
            (early, true),
            (due, false),
            (Instant::MAX, false),
        ] {
            let (mut manager, mut actions) = (world.manager.clone(), Vec::with_capacity(1));
            assert_eq!(manager.waits(RequestId(10), 0, demand, now), short);
            let ended = manager.hands_over(RequestId(0), now, &mut actions);
            assert_eq!((ended != Ended::No, actions.len() == 1), (short, short));
            assert_eq!(manager.now, now);
        }
        let (mut manager, mut none) = (world.manager.clone(), Vec::new());
        assert!(manager.hands_over(RequestId(0), early, &mut none) == Ended::No);
        assert_eq!(none.capacity(), 0);
        manager.handle_into(
            Event::Done {
                request: RequestId(0),
                outcome: Outcome::Ok,
            },
            early,
            &mut none,
        );
        assert_eq!(none, [grant(2, 0)]);
    }

    #[test]
    fn a_place_is_handed_over_however_many_were_granted_before() {
        for machines in 1..40 {
            let mut world = World::new(machines);
            let waits = 3 * machines + 20;
            for id in machines..machines + waits {
                world.submit(id, 0, 2);
            }
            for id in 0..waits {
                assert_eq!(world.done(id), [grant(id + machines, id % machines)]);
            }
        }
    }

    #[test]
    fn a_place_is_handed_over_to_one_whose_id_is_far_and_by_such_a_one() {
        let mut world = World::new(2);
        let id = |n: u64| if n % 3 == 1 { n << 40 } else { n };
        for n in 2..100 {
            assert_eq!(world.submit(id(n), 0, 2), []);
        }
        assert_eq!(world.done(0), [grant(2, 0)]);
        assert_eq!(world.done(1), [grant(3, 1)]);
        for n in 2..98 {
            assert_eq!(world.done(id(n)), [grant(id(n + 2), n % 2)]);
        }
        assert_eq!(world.manager.counts().queued, 0);
    }

    #[test]
    fn one_that_is_known_does_not_wait_again_though_it_would_be_the_next() {
        let mut world = World::new(2);
        // It is not near the others yet.
        assert_eq!(world.submit(40, 0, 2), []);
        for id in 2..40 {
            assert_eq!(world.submit(id, 0, 2), []);
        }
        let request = RequestId(40);
        let known = Action::Reject(Reject::DuplicateRequest { request });
        assert_eq!(world.submit(40, 0, 2), [known]);
    }

    #[test]
    fn a_flood_is_handed_over_while_the_memory_of_its_ids_is_given_back() {
        let mut world = World::new(2);
        for id in 2..3000 {
            world.submit(id, 0, 2);
        }
        let most = world.manager.requests.places.cells();
        for id in 0..2950 {
            assert!(world.would_hand_over(id));
            assert_eq!(world.done(id), [grant(id + 2, id % 2)]);
        }
        // Some still wait, and all of them went the short way.
        let requests = &world.manager.requests;
        assert_eq!(requests.queued(), 48);
        assert!(most >= 3000 && requests.places.cells() == 512);
        assert!(requests.chunks.capacity() <= 64);
    }

    #[test]
    fn when_a_place_is_handed_over_while_others_have_procs_free_who_waits_behind_moves_up() {
        let mut world = World::new(4);
        for (ends, id) in [(0, 4), (1, 5)] {
            world.done(ends);
            assert_eq!(world.submit(id, 0, 1), [grant(id, ends)]);
        }
        // Two machines have a proc free. The third of the queue is compared with a third such machine, which there is not.
        for (id, priority, procs) in [(6, 0, 2), (7, 0, 2), (8, 1, 1), (9, 0, 2)] {
            assert_eq!(world.submit(id, priority, procs), []);
        }
        assert_eq!(world.done(2), [grant(6, 2)]);
        assert_eq!(world.done(3), [grant(7, 3), grant(8, 0)]);
    }
}
