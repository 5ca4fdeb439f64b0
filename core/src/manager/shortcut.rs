//! The one shortcut: where a request ends on a machine that has no free procs, and all of the queue is
//! alike and asks for just as much, the first of the queue takes its place.
//!
//! It comes to what [`Manager::decide`] would come to. `handle_into` could do without it: remove this
//! file, its call, and the four methods whose documentation names the shortcut. BENCHMARKS.md says
//! what it earns. With the feature `check-shortcut` every use of it is held against `decide` on a
//! copy.

use alloc::vec::Vec;

use super::Manager;
use crate::protocol::action::Action;
use crate::protocol::config::Policy;
use crate::protocol::event::{Event, Outcome};
use crate::protocol::id::{MachineId, RequestId};
use crate::protocol::time::Instant;

impl Manager {
    /// Handles an event if the shortcut can; `now` is not before the latest time seen.
    #[inline]
    pub(super) fn take_shortcut(
        &mut self,
        event: &Event,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Event::Done {
            request,
            machine,
            outcome: Outcome::Ok,
        } = *event
        else {
            return false;
        };
        #[cfg(feature = "check-shortcut")]
        let before = self.clone();
        let Some(grant) = self.replace(request, machine, now) else {
            return false;
        };
        actions.push(grant);
        #[cfg(feature = "check-shortcut")]
        {
            let (mut long, mut expected) = (before, Vec::new());
            long.decide(event, now, &mut expected);
            assert!(
                expected == [grant] && long == *self,
                "the shortcut differs at {event:?}"
            );
        }
        true
    }

    /// Gives what a request took to the first of the queue; `None` if nothing was changed.
    #[inline]
    fn replace(
        &mut self,
        request: RequestId,
        machine: Option<MachineId>,
        now: Instant,
    ) -> Option<Action> {
        let slot = self.requests.find(&request)?;
        let running = self.requests[slot].running()?;
        let record = self.machines.get(running.machine);
        let id = record.id;
        let plain = record.free.proc_count() == 0
            && record.is_healthy()
            && record.passages == 0
            && record.trial.is_none()
            && !record.held
            && machine.is_none_or(|machine| machine == id);
        // Nothing may be due (S21), and growth have nothing to do.
        let quiet = self.armed.is_none_or(|at| at > now)
            && !self.shutdown
            && self.config.policy == Policy::Fit
            && self.no_turn_within(running.taken.proc_count())
            && !self.may_plan();
        if !plain || !quiet {
            return None;
        }
        let kind = record.kind;
        let next = self
            .queue
            .take_first_alike(&mut self.requests, running.taken, kind)?;
        self.holds.leave_one();
        self.machines.replace(&mut self.requests, slot, next, now);
        self.requests.remove(slot);
        self.now = now;
        let request = self.requests[next].id;
        Some(Action::Grant {
            request,
            machine: id,
        })
    }
}
