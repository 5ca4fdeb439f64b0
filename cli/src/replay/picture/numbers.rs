//! What is drawn as numbers of one byte or more: machines, then requests that have no machine, then those that have one.
//!
//! All are varints, seven bits a byte, the lowest first; signed ones are zigzag. Times are nanoseconds, relative to what is
//! before them. `numbers.js` and `data.js` read what is written here. The same is written of a whole run and of what has
//! changed in one that goes on: each machine and each request has its place in the tables of the page, where it is put for the
//! first time, or again.
use std::collections::HashMap;

use remuda::{Instant, Outcome, Resources};

use super::film::{Grant, Waiter};
use super::machine::{Ending, Machine};
use crate::replay::fleet::Reason;
use crate::replay::lives::{End, Life};

/// When it was submitted, if that is known.
pub(super) fn submitted(life: &Life) -> Option<Instant> {
    life.submitted.map(|at| at.time)
}

/// Zero is for what is not known.
fn one_more(nanos: u64) -> u64 {
    nanos.saturating_add(1)
}

/// Writes them.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    pub(super) bytes: Vec<u8>,
    /// The place of each priority in the page's list.
    priorities: &'a HashMap<i64, u64>,
    /// Nothing is before it.
    base: Instant,
    /// So many are written of each four.
    amounts: usize,
}

/// The last request that was written, to which the next is relative.
#[derive(Debug)]
struct Last {
    place: u64,
    request: u64,
    from: u64,
    lane: u64,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(
        priorities: &'a HashMap<i64, u64>,
        base: Instant,
        amounts: usize,
    ) -> Numbers<'a> {
        Numbers {
            bytes: Vec::new(),
            priorities,
            base,
            amounts,
        }
    }

    fn put(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// How much a number is more than the last, which it becomes.
    fn put_from(&mut self, last: &mut u64, number: u64) {
        let by = number.wrapping_sub(*last) as i64;
        self.put(((by << 1) ^ (by >> 63)) as u64);
        *last = number;
    }

    /// Machines, by their places in ascending order.
    pub(super) fn lanes(&mut self, lanes: &[(u64, &Machine)]) {
        self.put(lanes.len() as u64);
        let (mut next, mut id) = (0, 0);
        for (place, machine) in lanes {
            self.put(place - next);
            next = place + 1;
            self.lane(machine, &mut id);
        }
    }

    /// Requests without a machine, by when they were submitted.
    pub(super) fn waiters(&mut self, waiters: &[(u64, Waiter<'_>)]) {
        self.put(waiters.len() as u64);
        let mut last = self.nothing();
        for (place, Waiter { life, .. }) in waiters {
            let from = submitted(life).unwrap_or(self.base);
            self.request(*place, life, from, &mut last);
            self.end(life, from);
        }
    }

    /// Grants, each with its place and that of its machine, by when they began.
    pub(super) fn grants(&mut self, grants: &[(u64, u64, Grant<'_>)]) {
        self.put(grants.len() as u64);
        let mut last = self.nothing();
        for (place, lane, grant) in grants {
            let (life, from) = (grant.life, grant.from.time);
            self.request(*place, life, from, &mut last);
            self.put_from(&mut last.lane, *lane);
            self.put(submitted(life).map_or(0, |at| one_more(from.0 - at.0)));
            self.end(life, from);
            if self.amounts > 1 {
                self.amounts(life.taken);
            }
            // The first run, and whether there are more.
            for (nth, (first, len)) in grant.slots.iter().enumerate() {
                let more = u64::from(nth + 1 < grant.slots.len());
                self.put(u64::from(*first) << 1 | more);
                self.put(u64::from(*len));
            }
            if grant.slots.is_empty() {
                self.put(0);
                self.put(0);
            }
        }
    }

    fn nothing(&self) -> Last {
        Last {
            place: 0,
            request: 0,
            from: self.base.0,
            lane: 0,
        }
    }

    fn request(&mut self, place: u64, life: &Life, from: Instant, last: &mut Last) {
        self.put_from(&mut last.place, place);
        last.place += 1;
        self.put_from(&mut last.request, life.key.0.0);
        let fate = match life.end.map(|(_, end)| end) {
            None => 0,
            Some(End::Done(Outcome::Ok)) => 1,
            Some(End::Done(Outcome::Remote)) => 2,
            Some(End::Done(Outcome::Unreachable)) => 3,
            Some(End::Done(_)) => 4,
            Some(End::Lost) => 5,
            Some(End::Cancelled | End::Expired | End::Refused) => 6,
        };
        self.put(self.priorities[&life.spec.priority] << 3 | fate);
        self.put(from.0 - last.from);
        last.from = from.0;
    }

    fn end(&mut self, life: &Life, from: Instant) {
        if let Some((end, _)) = life.end {
            self.put(end.time.0 - from.0);
        }
    }

    fn amounts(&mut self, of: Resources) {
        for amount in of.amounts().into_iter().take(self.amounts) {
            self.put(amount.into());
        }
    }

    fn lane(&mut self, machine: &Machine, id: &mut u64) {
        let ending = machine.end.map_or(0, |(_, ending)| match ending {
            Ending::Stopped => 1,
            Ending::Silent => 2,
            Ending::Shutdown => 3,
            Ending::StartFailed => 4,
            Ending::Told => 5,
        });
        // What is more than JavaScript's whole numbers is told apart by a bit.
        self.put_from(id, machine.id.0 & (u64::MAX >> 1));
        self.put(u64::from(machine.kind.0) << 1 | u64::from(machine.id.is_joined()));
        self.amounts(machine.offer);
        self.put(ending);
        self.put(machine.asked.0 - self.base.0);
        self.put(machine.up.map_or(0, |up| one_more(up.0 - machine.asked.0)));
        if let Some((end, _)) = machine.end {
            self.put(end.time.0 - machine.asked.0);
        }
        self.put(machine.probations.len() as u64);
        for (from, to) in &machine.probations {
            self.put(from.0 - machine.asked.0);
            self.put(to.map_or(0, |to| one_more(to.0 - from.0)));
        }
        self.put(machine.drains.len() as u64);
        for (from, to) in &machine.drains {
            self.put(from.0 - machine.asked.0);
            self.put(to.map_or(0, |to| one_more(to.0 - from.0)));
        }
        match machine.told {
            None => self.put(0),
            Some((at, reason)) => {
                self.put(match reason {
                    Reason::Drained => 2,
                    Reason::Withdrawn => 3,
                    Reason::Unneeded | Reason::Other => 1,
                });
                self.put(at.0 - machine.asked.0);
            }
        }
    }
}
