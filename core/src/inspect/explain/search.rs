//! A bounded search for events that place a request: each sequence is tried on a copy.

use alloc::vec::Vec;

use crate::machines::Ends;
use crate::manager::{Growth, Manager};
use crate::protocol::action::Action;
use crate::protocol::event::{Event, Outcome};
use crate::protocol::id::{MachineId, RequestId};
use crate::protocol::time::Instant;

/// Events that a sequence has at most.
const LONGEST: usize = 64;
/// Machines that are tried one by one.
const TRIED: usize = 32;

/// An event, and its time.
type Move = (Instant, Event);

impl Manager {
    pub(super) fn way_to(&self, request: RequestId) -> Option<Vec<Move>> {
        let mut ways = Vec::new();
        let grants = |slot: &u32| self.machines.get(*slot).grants;
        let used = |slot: &u32| {
            let record = self.machines.get(*slot);
            record.offer.minus(record.free).proc_count()
        };
        let mut machines: Vec<u32> = self
            .machines
            .slots()
            .filter(|slot| grants(slot) > 0)
            .collect();
        machines.sort_by_key(used);
        for &slot in machines.iter().take(TRIED) {
            let id = self.machines.get(slot).id;
            ways.extend(self.walk(request, |at| at.done_on(id)));
        }
        ways.extend(self.walk(request, Manager::up_next));
        ways.extend(self.walk(request, Manager::timer_next));
        ways.extend(self.walk(request, Manager::gone_next));
        ways.extend(self.walk(request, |at| at.timer_next().or_else(|| at.up_next())));
        ways.extend(self.walk(request, |at| {
            let mut queued = at.queue();
            let first = queued.next().filter(|first| first.request != request)?;
            let request = first.request;
            Some((at.now, Event::Cancel { request }))
        }));
        ways.extend(self.walk(request, |at| {
            let arrived = at.gone_next().or_else(|| at.up_next());
            arrived
                .or_else(|| at.first_done())
                .or_else(|| at.timer_next())
        }));
        let way = ways.into_iter().min_by_key(Vec::len)?;
        Some(self.without_needless(request, way))
    }

    /// Does what `next` says until the request is granted.
    fn walk(
        &self,
        request: RequestId,
        next: impl Fn(&Manager) -> Option<Move>,
    ) -> Option<Vec<Move>> {
        let (mut at, mut way) = (self.clone(), Vec::new());
        while way.len() < LONGEST {
            let (time, event) = next(&at)?;
            way.push((time, event));
            if grants(&at.handle(event, time), request) {
                return Some(way);
            }
        }
        None
    }

    /// The way without each event that it does not need.
    fn without_needless(&self, request: RequestId, mut way: Vec<Move>) -> Vec<Move> {
        for at in (0..way.len()).rev() {
            if at >= way.len() {
                continue;
            }
            let mut shorter = way.clone();
            shorter.remove(at);
            if let Some(needed) = self.leads_to(request, &shorter) {
                shorter.truncate(needed);
                way = shorter;
            }
        }
        way
    }

    /// How many of the events it takes; `None` when one is wrong, or all do not place it.
    fn leads_to(&self, request: RequestId, way: &[Move]) -> Option<usize> {
        let mut at = self.clone();
        for (done, &(time, event)) in way.iter().enumerate() {
            let actions = at.handle(event, time);
            if actions.iter().any(|it| matches!(it, Action::Reject(_))) {
                return None;
            }
            if grants(&actions, request) {
                return Some(done + 1);
            }
        }
        None
    }

    /// The end of the largest grant on a machine.
    fn done_on(&self, machine: MachineId) -> Option<Move> {
        let grants = self.machine(machine)?.grants();
        let (request, _) = grants.max_by_key(|(_, taken)| taken.proc_count())?;
        let (machine, outcome) = (Some(machine), Outcome::Ok);
        Some((
            self.now,
            Event::Done {
                request,
                machine,
                outcome,
            },
        ))
    }

    /// The end of the largest grant on the first machine that has one.
    fn first_done(&self) -> Option<Move> {
        self.machines()
            .find_map(|machine| self.done_on(machine.id()))
    }

    fn up_next(&self) -> Option<Move> {
        let mut slots = self.machines.slots();
        let pending = slots.find(|&slot| self.machines.get(slot).is_pending())?;
        let machine = self.machines.get(pending).id;
        Some((
            self.now,
            Event::Up {
                machine,
                offer: None,
            },
        ))
    }

    /// The end of a machine that was told to stop.
    fn gone_next(&self) -> Option<Move> {
        let mut slots = self.machines.slots();
        let stopping = slots.find(|&slot| self.machines.get(slot).is_stopping())?;
        let machine = self.machines.get(stopping).id;
        Some((self.now, Event::Stopped { machine }))
    }

    /// The timer at the next deadline that may change what is placed: all but polls and summaries.
    fn timer_next(&self) -> Option<Move> {
        let of_machines = self.machines.slots().flat_map(|slot| {
            let record = self.machines.get(slot);
            let limit = self.machines.kind_of(slot).kind.idle;
            let idle = limit.filter(|_| self.machines.is_idle(slot));
            let idle = idle.and_then(|limit| record.idle_since.checked_add(limit));
            [
                record.probation.and_then(Ends::at),
                record.draining.and_then(Ends::at),
                record.settles,
                idle,
            ]
        });
        let of_kinds = self.growth.iter().map(Growth::deadline);
        let holds = self.holds.groups.iter().map(|group| group.hold?.until);
        let give_up = self.queue.next_give_up().map(|(at, _)| at);
        let all = of_machines
            .chain(of_kinds)
            .chain(holds)
            .flatten()
            .chain(give_up);
        // An idle limit that has passed is blocked, and so no deadline (E2).
        let until = all.filter(|at| *at > self.now).min()?;
        Some((until, Event::Timer))
    }
}

fn grants(actions: &[Action], wanted: RequestId) -> bool {
    let is = |it: &Action| matches!(it, Action::Grant { request, .. } if *request == wanted);
    actions.iter().any(is)
}
