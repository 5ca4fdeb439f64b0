//! What a swarm met: which event in which state, every rejection, every action, every mark of the
//! rules, with how often.

mod answers;
mod events;
mod states;
mod table;

use core::fmt;

use remuda::{Action, Event, Instant};

use crate::model::{Mark, Model};
use answers::{ACTIONS, REJECTS};
use events::{MACHINE_EVENTS, ONCE_EVENTS, REQUEST_EVENTS, SINGLE};
use states::{MACHINE_STATES, ONCE_STATES, REQUEST_STATES};
use table::Table;

const PHASES: [&str; 2] = ["", ", after shutdown"];

/// How often each cell was hit.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// Before and after a shutdown.
    requests: [Table; 2],
    machines: [Table; 2],
    once: Table,
    single: Table,
    rejects: Table,
    actions: Table,
    marks: [u64; Mark::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Coverage {
        let requests = Table::new(REQUEST_EVENTS, REQUEST_STATES);
        let machines = Table::new(MACHINE_EVENTS, MACHINE_STATES);
        Coverage {
            requests: [requests.clone(), requests],
            machines: [machines.clone(), machines],
            once: Table::new(ONCE_EVENTS, ONCE_STATES),
            single: Table::list(SINGLE),
            rejects: Table::list(REJECTS),
            actions: Table::list(ACTIONS),
            marks: [0; Mark::ALL.len()],
        }
    }
}

impl Coverage {
    /// Nothing hit yet.
    pub fn new() -> Coverage {
        Coverage::default()
    }

    /// Every cell that a swarm should hit, with how often it did.
    pub fn cells(&self) -> Vec<(String, u64)> {
        let mut cells = Vec::new();
        for table in [&self.requests, &self.machines] {
            for (phase, table) in PHASES.iter().zip(table) {
                let possible = |state| phase.is_empty() || states::may_be_after_shutdown(state);
                let met = table.cells().filter(|(_, state, _)| possible(*state));
                let named = |(event, state, hits)| (format!("{event}: {state}{phase}"), hits);
                cells.extend(met.map(named));
            }
        }
        let once = self.once.cells();
        cells.extend(once.map(|(event, state, hits)| (format!("{event}: work {state}"), hits)));
        let lists = [
            ("", &self.single),
            ("reject ", &self.rejects),
            ("-> ", &self.actions),
        ];
        for (kind, table) in lists {
            let named = |(row, _, hits)| (format!("{kind}{row}"), hits);
            cells.extend(table.cells().map(named));
        }
        for mark in Mark::ALL {
            cells.push((mark.words().to_owned(), self.marks[*mark as usize]));
        }
        cells
    }

    /// The cells that were hit fewer than `least` times.
    pub fn below(&self, least: u64) -> Vec<(String, u64)> {
        let mut cells = self.cells();
        cells.retain(|(_, hits)| *hits < least);
        cells
    }

    /// Adds the marks that the model made on its way.
    pub fn marked(&mut self, model: &Model) {
        for mark in Mark::ALL {
            self.marks[*mark as usize] += model.marks().count(*mark);
        }
    }

    /// Adds what others met.
    pub fn add(&mut self, other: &Coverage) {
        for (to, from) in self.tables().into_iter().zip(other.clone().tables()) {
            to.add(from);
        }
        for (to, from) in self.marks.iter_mut().zip(other.marks) {
            *to += from;
        }
    }

    fn tables(&mut self) -> [&mut Table; 8] {
        let [requests, late_requests] = &mut self.requests;
        let [machines, late_machines] = &mut self.machines;
        [
            requests,
            late_requests,
            machines,
            late_machines,
            &mut self.once,
            &mut self.single,
            &mut self.rejects,
            &mut self.actions,
        ]
    }

    /// Notes the state that an event meets at this time.
    pub(crate) fn met(&mut self, model: &Model, event: Event, now: Instant) {
        let phase = usize::from(model.is_shut_down());
        if let Some((row, state)) = events::of_request(model, event) {
            self.requests[phase].hit(row, state);
        }
        if let Some((row, state)) = events::of_machine(model, event) {
            self.machines[phase].hit(row, state);
        }
        if let Some((row, state)) = events::of_once(model, event) {
            self.once.hit(row, state);
        }
        events::single(model, event, now, |row| self.single.hit_row(row));
    }

    /// Notes the actions that answer an event.
    pub(crate) fn answered(&mut self, actions: &[Action]) {
        for action in actions {
            match *action {
                // Four billion records do not fit into a swarm.
                Action::Reject(remuda::Reject::Full { .. }) => {}
                Action::Reject(reject) => self.rejects.hit_row(answers::reject(reject)),
                action => self.actions.hit_row(answers::action(action)),
            }
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (cell, hits) in self.cells() {
            writeln!(f, "{hits:>12}  {cell}")?;
        }
        Ok(())
    }
}
