//! The invariants of a manager, numbered, each checked the slow and simple way.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use crate::cell::Place;
use crate::classes::{Class, Classes};
use crate::id::RequestId;
use crate::machines::{Machine, Poll, State};
use crate::manager::{Manager, Summary};
use crate::requests::Requests;

type Invariant = (&'static str, fn(&Manager) -> bool);

/// What holds whenever no call is in progress. A number, once given, keeps its meaning.
const INVARIANTS: [Invariant; 18] = [
    (
        "need is what queued and running requests ask for (S2)",
        need_is_the_sum,
    ),
    (
        "the machines are counted by their states (S2)",
        machines_are_counted,
    ),
    (
        "request ids and requests match one to one (F5)",
        request_ids_match,
    ),
    (
        "the classes are in order, balanced and their sums right (S3)",
        |m| m.requests.classes.check(),
    ),
    (
        "each queued request is in its class (S3, T1)",
        queued_are_in_classes,
    ),
    (
        "used procs are those of the running grants, and there are as many (S18)",
        used_is_the_sum,
    ),
    (
        "machine ids and machines match one to one, in order (S7)",
        machine_ids_match,
    ),
    (
        "the ready heaps hold the ok machines with free procs (S4)",
        |m| m.machines.check_ready(),
    ),
    (
        "the probation heap holds those whose probation ends (S10)",
        |m| m.machines.check_probation(),
    ),
    (
        "the poll heap holds those that are to be polled (S17)",
        |m| m.machines.check_polls(),
    ),
    (
        "tasks, once-work and waiters are on machines in service (S14, S16)",
        holdings_are_sound,
    ),
    (
        "nothing that waits can be placed (S5)",
        nothing_can_be_placed,
    ),
    ("no machine is wanted that was not asked for (S7)", |m| {
        m.wanted() == 0
    }),
    ("nothing is due (F10)", |m| {
        m.next_timeout().is_none_or(|at| at > m.now)
    }),
    ("the armed timer is the earliest deadline (S21)", |m| {
        m.armed == m.next_timeout()
    }),
    ("the start back-off is sound (F7)", backoff_is_sound),
    ("nothing waits after a shutdown (S22)", |m| {
        !m.shutdown || m.requests.queued() == 0
    }),
    (
        "when the next summary is due is known as soon as there is anything (S20)",
        |m| m.summary != Summary::Unborn || m.need == 0 && m.machines.slab.is_empty(),
    ),
];

impl Manager {
    /// Whether all invariants hold, as they do after every call. Slow: it looks at everything.
    ///
    /// # Errors
    /// The first that is broken, which is a defect of this crate.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        for (number, (name, holds)) in (1..).zip(INVARIANTS) {
            if !holds(self) {
                return Err(Violation { number, name });
            }
        }
        Ok(())
    }
}

/// A broken invariant: a defect of this crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    number: u32,
    name: &'static str,
}

impl Violation {
    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What should hold.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {} is broken: {}", self.number, self.name)
    }
}

impl core::error::Error for Violation {}

/// What a request asks for, or zero when that is not known.
fn procs(m: &Manager, place: Place) -> u32 {
    match place {
        Place::Running { procs, .. } => procs,
        Place::Queued { spot } => {
            let class = m.requests.chunks.owner(spot);
            class.and_then(|class| m.requests.classes.procs(class))
        }
        .unwrap_or(0),
    }
}

fn need_is_the_sum(m: &Manager) -> bool {
    let places = m.requests.places.iter();
    let sum = places.map(|(_, place)| u64::from(procs(m, place))).sum();
    m.need == sum
}

fn machines_are_counted(m: &Manager) -> bool {
    let count = |is: fn(&Machine) -> bool| {
        m.machines
            .slab
            .iter()
            .filter(|(_, machine)| is(machine))
            .count() as u64
    };
    let counts = m.machines.counts;
    counts.pending == count(|machine| matches!(machine.state, State::Pending { .. }))
        && counts.ok == count(|machine| machine.state == State::Ok)
        && counts.probation == count(|machine| matches!(machine.state, State::Probation { .. }))
}

fn request_ids_match(m: &Manager) -> bool {
    let all = &m.requests.places;
    let known = all.iter().all(|(id, place)| {
        let found = all.seek(id).ok().map(|found| all.place(found));
        found == Some(place) && (1..=m.config.machine_procs).contains(&procs(m, place))
    });
    known && all.len() == all.iter().count()
}

fn queued_are_in_classes(m: &Manager) -> bool {
    let Requests {
        places,
        classes,
        chunks,
        ..
    } = &m.requests;
    let in_class = |class: &Class| {
        let mut count = 0;
        chunks.iter(class.requests).all(|(id, spot)| {
            count += 1;
            let found = places.seek(id).ok().map(|found| places.place(found));
            found == Some(Place::Queued { spot })
        }) && count == Classes::len_of(class)
    };
    let lists = classes.slots().map(|(slot, class)| (slot, class.requests));
    let lengths = classes
        .slots()
        .map(|(_, class)| Classes::len_of(class) as usize);
    chunks.check(lists)
        && classes.slots().all(|(_, class)| in_class(class))
        && lengths.sum::<usize>() == m.requests.queued()
}

fn used_is_the_sum(m: &Manager) -> bool {
    let mut running = 0;
    let sound = m.machines.slab.iter().all(|(slot, machine)| {
        // Slots are below 2^32.
        let slot = slot as u32;
        let mut ids: Vec<RequestId> = m.machines.running(slot).collect();
        let count = ids.len();
        running += count;
        let used = ids.iter().try_fold(0, |used, &request| {
            match m.requests.place(m.requests.seek(request).ok()?) {
                Place::Running { machine, procs, .. } if machine == slot => {
                    Some(used + u64::from(procs))
                }
                _ => None,
            }
        });
        let sits = |(request, seat): (RequestId, u32)| {
            let place = m.requests.place(m.requests.known(request));
            matches!(place, Place::Running { seat: known, .. } if known == seat)
        };
        ids.sort_unstable();
        ids.dedup();
        let idle = !matches!(machine.state, State::Pending { .. }) || count == 0;
        let load = m.machines.load(slot);
        ids.len() == count
            && idle
            && used == Some(u64::from(load.used))
            && m.machines.sitting(slot).all(sits)
            && m.machines.check_seats(slot)
            && load.used <= m.config.machine_procs
    });
    sound && running == m.requests.running()
}

fn machine_ids_match(m: &Manager) -> bool {
    let machines = &m.machines;
    let known = machines.slab.iter().all(|(slot, _)| {
        // Slots are below 2^32.
        let id = machines.id(slot as u32);
        machines.find(id) == Some(slot as u32) && id < m.growth.next_machine
    });
    let all = machines.by_id.check(&machines.slab) == Some(machines.slab.len());
    let ordered = machines
        .slots()
        .map(|slot| machines.id(slot))
        .is_sorted_by(|a, b| a < b);
    known && all && ordered && machines.ids.len() == machines.slab.len()
}

fn holdings_are_sound(m: &Manager) -> bool {
    let mut seen = [0; 3];
    let sound = m.machines.slab.iter().all(|(slot, machine)| {
        let before = seen;
        let sound = m.holdings.check(slot as u32, &machine.holds, &mut seen);
        let in_service = !matches!(machine.state, State::Pending { .. });
        let silent = machine.silent < m.config.silent_polls || m.config.silent_polls == 0;
        sound && silent && (in_service || seen == before && machine.poll == Poll::Never)
    });
    sound && m.holdings.check_totals(seen)
}

/// S5 to the letter: the i-th request does not fit the i-th machine, for any i.
fn nothing_can_be_placed(m: &Manager) -> bool {
    let slots = m.machines.slots();
    let ok = slots.filter(|&slot| m.machines.get(slot).state == State::Ok);
    let mut free: Vec<u32> = ok.map(|slot| m.machines.free(slot)).collect();
    free.sort_by_key(|&free| Reverse(free));
    m.requests
        .queue()
        .zip(free)
        .all(|((_, _, procs), free)| procs > free)
}

fn backoff_is_sound(m: &Manager) -> bool {
    let growth = m.growth;
    let asked = m
        .machines
        .slab
        .iter()
        .all(|(_, machine)| match machine.state {
            State::Pending { steps } => steps <= growth.steps,
            _ => true,
        });
    asked
        && (!growth.held || growth.step > 0)
        && u64::from(growth.step) <= growth.steps
        && u64::from(growth.step) <= growth.failures
}

#[cfg(test)]
mod tests;
