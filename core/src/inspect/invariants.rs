//! The invariants of a manager, numbered, each checked the slow and simple way.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::machines::{Machine, Phase, Poll};
use crate::manager::{Manager, Summary};
use crate::protocol::action::{Action, Notice};
use crate::protocol::config::Policy;
use crate::protocol::id::{Kinds, MachineId};

type Invariant = (&'static str, fn(&Manager) -> bool);

/// What holds whenever no call is in progress. A number, once given, keeps its meaning.
const INVARIANTS: [Invariant; 14] = [
    ("request ids and requests match one to one (F5)", |m| {
        m.requests.check()
    }),
    (
        "the queue is in order and counted right (P1, S3, R6)",
        |m| m.queue.check(&m.requests),
    ),
    (
        "machines, what runs there, their orders and sums agree (R6, P3, S4, E1)",
        |m| m.machines.check(&m.requests),
    ),
    ("each request is queued or runs (F4)", requests_are_counted),
    (
        "ids of machines are below those to come (G4, J1)",
        ids_are_below,
    ),
    (
        "a machine's state does not contradict itself (D1, G3, H2)",
        |m| {
            m.machines
                .slots()
                .all(|slot| state_is_sound(m, m.machines.get(slot)))
        },
    ),
    (
        "groups and holds are those of queued requests and healthy machines (P4)",
        holds_are_sound,
    ),
    (
        "no queued request fits a machine that it may have (P2, S5)",
        nothing_can_be_placed,
    ),
    (
        "no machine is wanted that was not asked for (G1, G2, S7)",
        nothing_is_wanted,
    ),
    (
        "no machine is idle for longer than it may be (E2)",
        nothing_is_to_be_stopped,
    ),
    ("nothing is due (F10)", |m| {
        m.next_timeout().is_none_or(|at| at > m.now)
    }),
    ("the armed timer is the earliest deadline (S21)", |m| {
        m.armed == m.next_timeout()
    }),
    ("the start back-offs are sound (F7, G3)", backoffs_are_sound),
    ("nothing is queued after a shutdown (S22)", |m| {
        !m.shutdown || m.queue.counts().0 == 0
    }),
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

fn requests_are_counted(m: &Manager) -> bool {
    let running: u64 = m.machines.kinds.iter().map(|kind| kind.running).sum();
    m.queue.counts().0 + running == m.requests.len() as u64
}

fn ids_are_below(m: &Manager) -> bool {
    m.machines.slots().all(|slot| {
        let id = m.machines.get(slot).id;
        let next = if id.is_joined() {
            m.next_joined
        } else {
            m.next_machine
        };
        id < next
    }) && !m.next_machine.is_joined()
        && m.next_joined >= MachineId::joined(0)
}

fn state_is_sound(m: &Manager, machine: &Machine) -> bool {
    let plain =
        machine.probation.is_none() && machine.draining.is_none() && machine.trial.is_none();
    let stopped = machine.stop_since.is_some();
    (match machine.phase {
        Phase::Pending { .. } => {
            plain && !stopped && machine.poll == Poll::Never && !machine.id.is_joined()
        }
        Phase::Up => stopped <= m.shutdown,
        Phase::Stopping { .. } => plain && stopped,
    }) && machine.held <= machine.is_healthy()
        && (machine.settles.is_some() <= machine.trial.is_some())
        && machine
            .offer
            .fits(m.machines.kind(machine.kind).kind.capacity)
        && (machine.draining.is_none() || machine.grants > 0 || m.shutdown)
}

fn holds_are_sound(m: &Manager) -> bool {
    let mut queued = BTreeMap::<Kinds, u64>::new();
    for slot in m.queue.iter(&m.requests) {
        let Some(group) = m.group_of_queued(slot) else {
            return false;
        };
        *queued.entry(group).or_default() += 1;
    }
    let mut held: Vec<MachineId> = Vec::new();
    for group in &m.holds.groups {
        let Some(hold) = group.hold else { continue };
        held.push(hold.machine);
        let Some(request) = m.requests.records().get(hold.request as usize) else {
            return false;
        };
        let Some(queued) = request.queued() else {
            return false;
        };
        let (key, _) = m.queued_key(hold.request);
        if m.group_of_queued(hold.request) != Some(group.kinds)
            || (hold.priority, hold.arrival) != (key.priority, queued.arrival)
        {
            return false;
        }
    }
    held.sort_unstable();
    let slots = m.machines.slots().map(|slot| m.machines.get(slot));
    m.holds.check(&queued)
        && held.windows(2).all(|two| two[0] != two[1])
        && slots
            .filter(|machine| machine.held)
            .map(|machine| machine.id)
            .eq(held)
}

/// Placement with a fresh look at all machines does nothing, unless a machine has left good health since:
/// then the next step looks (P2).
fn nothing_can_be_placed(m: &Manager) -> bool {
    match m.config.policy {
        Policy::Bigslice => m.next_placement().is_none(),
        Policy::Fit => m.placement_is_behind() || m.placed_anew().is_empty(),
    }
}

/// Growth right after growth asks for nothing. (With several kinds, an urgent demand may turn to the
/// pending machines that a later one has asked for, which then asks for others.)
fn nothing_is_wanted(m: &Manager) -> bool {
    let stable = m.machines.kinds.len() == 1 || m.queue.counts().0 == 0;
    let wanted = |action: &Action| match action {
        Action::Start { .. } => stable,
        Action::Notice(notice) => matches!(notice, Notice::NoHome { .. }),
        _ => false,
    };
    !m.grown_anew().iter().any(wanted)
}

/// (Machines that growth has just asked for may allow others to be stopped in the next step.)
fn nothing_is_to_be_stopped(m: &Manager) -> bool {
    let pending = m.machines.kinds.iter().any(|kind| !kind.pending.is_empty());
    pending || m.shutdown || m.idle_stopped_anew().is_empty()
}

fn backoffs_are_sound(m: &Manager) -> bool {
    let sound = |growth: &crate::manager::Growth| {
        growth.step as u64 <= growth.steps
            && (growth.step > 0 || !growth.cautious)
            && growth.deadline().is_none_or(|at| at > m.now)
    };
    m.shutdown || m.growth.iter().all(sound)
}

impl Manager {
    /// What placement would say if it looked at all machines anew.
    fn placed_anew(&self) -> Vec<Action> {
        let (mut copy, mut actions) = (self.clone(), Vec::new());
        let slots: Vec<u32> = copy.machines.slots().collect();
        slots.into_iter().for_each(|slot| copy.machines.touch(slot));
        copy.place_fit(&mut actions);
        actions
    }

    fn grown_anew(&self) -> Vec<Action> {
        let (mut copy, mut actions) = (self.clone(), Vec::new());
        match self.config.policy {
            Policy::Bigslice => copy.grow_bigslice(&mut actions),
            // The first event begins it (G2).
            Policy::Fit if self.summary == Summary::NotBegun => {}
            Policy::Fit => copy.grow_fit(&mut actions),
        }
        actions
    }

    fn idle_stopped_anew(&self) -> Vec<Action> {
        let (mut copy, mut actions) = (self.clone(), Vec::new());
        copy.stop_idle(&mut actions);
        actions
    }
}

#[cfg(test)]
mod tests;
