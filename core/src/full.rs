//! A full cluster: while no machine has procs free, most events leave nothing to decide. A new request waits as others like it do,
//! and the place of one that ends goes to the first of the queue, if that asks for as many procs. For these two there is a
//! short way, which comes to what the long one would.
//!
//! A way first asks whether it is as simple as that, and changes nothing, and then does it. In a very large cluster nearly
//! all the time goes by in waiting for records from memory, and a processor begins the next event meanwhile, as far as its
//! buffers reach: so what counts is how few instructions, and above all how few stores, an event is. That is why the steps
//! are functions of their own: in each of them the registers suffice, and nothing is spilt.

use alloc::vec::Vec;

use crate::action::Action;
use crate::cell::{Cell, Place};
use crate::event::{Demand, Outcome};
use crate::id::RequestId;
use crate::manager::Manager;

impl Manager {
    /// Lets a new request wait, if that is all there is to do. Whether it was.
    #[inline(always)]
    pub(crate) fn waits(&mut self, request: RequestId, priority: i64, demand: Demand) -> bool {
        let waits = self.just_waits(request, priority, demand);
        if waits {
            self.wait(request, demand);
        }
        waits
    }

    #[inline(never)]
    fn just_waits(&self, request: RequestId, priority: i64, demand: Demand) -> bool {
        let procs = self.procs(demand);
        // Others like it wait. So it waits too, behind them: for it S5 looks at a machine that is no freer than theirs. It is not
        // for too many procs, and nothing is shut down.
        self.requests.classes.can_join_again(priority, procs)
            && self.is_quiet()
            && !self.would_lack(procs)
            && self.requests.can_append(request)
    }

    #[inline(never)]
    fn wait(&mut self, request: RequestId, demand: Demand) {
        self.need += u64::from(self.procs(demand));
        self.requests.append(request);
    }

    /// Hands the place of a request that ends over to the first of the queue, if that is all there is to do. Whether it was.
    #[inline(always)]
    pub(crate) fn hands_over(
        &mut self,
        request: RequestId,
        outcome: Outcome,
        actions: &mut Vec<Action>,
    ) -> bool {
        // S9. To a machine that is ok all other outcomes are the same (S11, S13).
        if outcome == Outcome::Unreachable || actions.len() == actions.capacity() {
            return false;
        }
        let cell = self.just_hands_over(request);
        if let Some(cell) = cell {
            self.hand_over(cell, actions);
        }
        cell.is_some()
    }

    /// The cell of the request, if so.
    #[inline(never)]
    fn just_hands_over(&self, request: RequestId) -> Option<usize> {
        if self.machines.ready.len() > 0 || !self.is_quiet() {
            return None;
        }
        let (cell, place) = self.requests.places.near(request)?;
        let Place::Running { machine, procs, .. } = place else {
            return None;
        };
        // S5: only the first can have it, and it takes all that comes free.
        let simple = self.machines.is_plain(machine) && self.requests.can_hand_over(procs);
        simple.then_some(cell)
    }

    #[inline(never)]
    fn hand_over(&mut self, cell: usize, actions: &mut Vec<Action>) {
        let (request, place, is_left) = self.requests.hand_over(cell);
        if is_left {
            self.seat(request, place, actions);
        } else {
            self.seat_last(request, place, actions);
        }
    }

    #[inline(never)]
    fn seat_last(&mut self, request: RequestId, place: Cell, actions: &mut Vec<Action>) {
        self.requests.drop_head();
        self.seat(request, place, actions);
    }

    /// A request takes the place of another.
    #[inline(never)]
    fn seat(&mut self, request: RequestId, place: Cell, actions: &mut Vec<Action>) {
        assert!(actions.len() < actions.capacity(), "there is room for one");
        let Place::Running {
            machine,
            seat,
            procs,
        } = self.requests.places.unpack(place)
        else {
            unreachable!("it runs");
        };
        // The other's.
        self.need -= u64::from(procs);
        let machine = self.machines.seat(machine, seat, request);
        actions.push(Action::Grant { request, machine });
    }
}

#[cfg(test)]
mod tests {
    use crate::{Action, Config, Demand, Event, Instant, MachineId, Manager, Outcome, RequestId};
    use alloc::vec::Vec;
    use core::time::Duration;

    /// A manager of machines of two procs that are up and each run the request of their number, and what it did last.
    struct World {
        manager: Manager,
        actions: Vec<Action>,
    }

    impl World {
        fn new(machines: u64) -> World {
            let config = Config {
                poll_interval: Duration::ZERO,
                summary_interval: Duration::ZERO,
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
        let mut world = World::new(2);
        for id in 2..100 {
            assert_eq!(world.submit(id, 0, 2), []);
        }
        for id in 0..98 {
            assert_eq!(world.done(id), [grant(id + 2, id % 2)]);
        }
        assert_eq!(world.done(98), []);
        assert_eq!(world.done(99), []);
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
