//! Shrinking: idle machines are stopped (E1, E2), and limits change (E3).

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Manager;
use crate::machines::KindState;
use crate::protocol::action::Action;
use crate::protocol::config::Policy;
use crate::protocol::event::Limits;
use crate::protocol::id::KindId;
use crate::protocol::kind::are_sound;
use crate::protocol::reject::Reject;
use crate::protocol::time::Instant;

impl Manager {
    /// E2: stops the machines that have been idle for as long as their kind allows.
    #[inline]
    pub(crate) fn stop_idle(&mut self, actions: &mut Vec<Action>) {
        // Most steps have none: that is seen at a glance.
        let stops = |kind: &KindState| kind.kind.idle.is_some() && kind.idle() > 0;
        if self.machines.kinds.iter().any(stops) && !self.shutdown {
            self.stop_those_idle(actions);
        }
    }

    #[inline(never)]
    fn stop_those_idle(&mut self, actions: &mut Vec<Action>) {
        for index in 0..self.machines.kinds.len() {
            while let Some(slot) = self.idle_to_stop(index) {
                self.stop(slot, actions);
                self.machines.relist();
            }
        }
    }

    /// The machine of a kind that has been idle for longest, if its limit has passed and there are
    /// enough without it: `min` at all, and `spare` whose limits have passed too.
    #[inline]
    fn idle_to_stop(&self, index: usize) -> Option<u32> {
        let kind = &self.machines.kinds[index];
        let limit = kind.kind.idle.filter(|_| kind.kind.startable)?;
        let passed = |counted| {
            let longest = kind.longest_idle(counted);
            longest
                .filter(|((since, _), _)| since.checked_add(limit).is_some_and(|at| at <= self.now))
        };
        // One that does not count is not missed, but kept while others are (H1).
        let allowed = |without: u64| {
            let left = self.counted(index).checked_sub(without);
            let spare = u64::from(kind.kind.spare);
            let idle = |all: u64| all.checked_sub(without) >= Some(spare);
            left >= Some(u64::from(kind.kind.min))
                && idle(u64::from(kind.idle_counted()))
                && (spare == 0 || idle(kind.idle_for(limit, self.now).0))
        };
        let counted = passed(true).filter(|_| allowed(1));
        let uncounted = passed(false).filter(|_| allowed(0));
        let both = counted.into_iter().chain(uncounted);
        both.min_by_key(|(key, _)| *key).map(|(_, slot)| slot)
    }

    /// The next idle limit that has not passed yet. One that has passed and is blocked by `min` or
    /// `spare` is no deadline: every step tries again (E2).
    pub(super) fn next_idle_limit(&self) -> Option<Instant> {
        let of_kind = |index: usize| {
            let kind = &self.machines.kinds[index];
            let limit = kind.kind.idle.filter(|_| kind.kind.startable)?;
            let end = |since: Instant| since.checked_add(limit).filter(|at| *at > self.now);
            let longest = |counted| kind.longest_idle(counted).map(|((since, _), _)| since);
            let first = longest(true).and_then(end);
            // Where the longest idle is blocked by spares, the next to be as long may free it.
            let spare = kind.kind.spare as usize;
            let more = || match spare > 0 && kind.idle() > spare {
                true => kind.idle_for(limit, self.now).1.and_then(end),
                false => None,
            };
            let counted = first.or_else(more);
            counted
                .into_iter()
                .chain(longest(false).and_then(end))
                .min()
        };
        (0..self.machines.kinds.len()).filter_map(of_kind).min()
    }

    /// E3: new limits of a kind.
    #[inline(never)]
    pub(super) fn set_limits(
        &mut self,
        kind: KindId,
        limits: Limits,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        if self.config.policy == Policy::Bigslice {
            return Err(Reject::NotInBigslice);
        }
        let index = self.known_kind(kind)?;
        if !are_sound(limits) {
            return Err(Reject::Limits { kind });
        }
        let state = &mut self.machines.kinds[index];
        state.kind = state.kind.with_limits(limits);
        let capacity = state.kind.capacity;
        self.machines.expect(index, capacity);
        self.deadlines_dirty = true;
        self.choose_packing();
        let over = |manager: &Manager| {
            let state = &manager.machines.kinds[index];
            state.sums.active() > u64::from(state.kind.max)
        };
        self.reduce(over, Some(kind), actions);
        Ok(())
    }

    /// P3: the default packing follows the idle limits.
    pub(crate) fn choose_packing(&mut self) {
        let kinds = self.machines.kinds.iter().map(|kind| &kind.kind);
        let packing = self.config.packing_for(kinds);
        if core::mem::replace(&mut self.packing, packing) != packing {
            self.machines.free.set_packing(packing);
        }
    }

    /// E3: a new limit of procs.
    #[inline(never)]
    pub(super) fn set_max_procs(
        &mut self,
        max_procs: u64,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        if self.config.policy == Policy::Bigslice {
            return Err(Reject::NotInBigslice);
        }
        self.max_procs = max_procs;
        let over = |manager: &Manager| {
            let machines = &manager.machines;
            machines.procs() - machines.procs_leaving() > manager.max_procs
        };
        self.reduce(over, None, actions);
        Ok(())
    }

    /// E3: while there are too many machines, of a kind or of all, stops pending ones, then idle
    /// ones, then drains the latest up.
    fn reduce(
        &mut self,
        over: impl Fn(&Manager) -> bool,
        kind: Option<KindId>,
        actions: &mut Vec<Action>,
    ) {
        if self.shutdown || !over(self) {
            return;
        }
        self.machines.relist();
        let of_kind = |slot: &u32| kind.is_none_or(|kind| self.machines.get(*slot).kind == kind);
        let slots: Vec<u32> = self.machines.slots().filter(of_kind).collect();
        let get = |slot: &u32| self.machines.get(*slot);
        let mut pending: Vec<u32> = { slots.iter().copied() }
            .filter(|slot| get(slot).is_pending())
            .collect();
        pending.reverse();
        let active = slots.into_iter().filter(|slot| get(slot).is_active());
        let (mut idle, mut used): (Vec<u32>, Vec<u32>) =
            active.partition(|&slot| self.machines.is_idle(slot));
        idle.sort_by_key(|slot| (get(slot).idle_since, Reverse(get(slot).id)));
        used.sort_by_key(|slot| Reverse((get(slot).since, get(slot).id)));
        for slot in pending.into_iter().chain(idle) {
            if over(self) {
                self.stop(slot, actions);
            }
        }
        for slot in used {
            if over(self) {
                self.drain(slot, None, actions);
            }
        }
    }
}
