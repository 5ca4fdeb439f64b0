//! Failed starts of a kind: back-off (F7), the count of failures (S8), trials and hints (G3).

use core::time::Duration;

use remuda::{Action, Instant, KindId, MachineId, Notice, StartHint};

use super::{Mark, Model, Pause, Place, Trial};

/// How long a kind at capacity does not grow (G3).
const CAPACITY_STOP: Duration = Duration::from_secs(60);

impl Model {
    /// S8, F7, G3: a failed start of a machine that was asked for when `steps` steps had been made.
    pub(super) fn count_failure(&mut self, kind: KindId, steps: u64, hint: Option<StartHint>) {
        let hint = hint.filter(|_| !self.is_bigslice());
        if hint == Some(StartHint::AtCapacity) {
            self.mark(Mark::G3AtCapacity);
            return self.stop_at_capacity(kind);
        }
        self.lift_capacity_stop(kind);
        let state = &mut self.kinds[usize::from(kind.0)];
        state.failures = state.failures.saturating_add(1);
        let failures = state.failures;
        // F7: asked for after the last step, it makes the next.
        let next_step = steps == state.steps_ever;
        if failures > 8 {
            let notice = Notice::StartsFailing { kind, failures };
            self.act(Place::News, Action::Notice(notice));
        }
        match next_step {
            true => self.back_off(kind),
            false => self.mark(Mark::F7FailedWithOthers),
        }
        if let Some(StartHint::RetryAfter(after)) = hint {
            self.retry_after(kind, after);
        }
    }

    /// F7: `min(base * 2^(k-1), cap)` for the k-th step.
    fn back_off(&mut self, kind: KindId) {
        let (base, cap) = (
            self.config.start_backoff_base,
            self.config.start_backoff_cap,
        );
        let now = self.now;
        let state = &mut self.kinds[usize::from(kind.0)];
        state.steps_ever += 1;
        state.step = state.step.saturating_add(1);
        state.ramp = true;
        let mut length = base;
        for _ in 1..state.step.min(128) {
            length = length.saturating_mul(2);
        }
        let ends = now.checked_add(length.min(cap));
        let forever = ends.is_none();
        if state.backoff == Pause::No {
            state.backoff_until = ends;
            state.backoff = match ends {
                Some(at) if at <= now => Pause::No,
                Some(at) => Pause::Until(at),
                None => Pause::Forever,
            };
        } else {
            // One that lasts longer stays.
            self.lengthen(kind, ends);
        }
        if length > cap {
            self.mark(Mark::F7Capped);
        }
        if forever {
            self.mark(Mark::F7PastTheEndOfTime);
        }
    }

    /// G3: the back-off lasts at least so long.
    fn retry_after(&mut self, kind: KindId, after: Duration) {
        if after.is_zero() {
            return;
        }
        self.mark(Mark::G3RetryAfter);
        self.lengthen(kind, self.now.checked_add(after));
    }

    fn lengthen(&mut self, kind: KindId, at: Option<Instant>) {
        let state = &mut self.kinds[usize::from(kind.0)];
        state.backoff = match (state.backoff, at) {
            (Pause::Forever, _) | (_, None) => Pause::Forever,
            (Pause::No, Some(at)) => Pause::Until(at),
            (Pause::Until(before), Some(at)) => Pause::Until(at.max(before)),
        };
        state.backoff_until = match state.backoff {
            Pause::Until(at) => Some(at),
            _ => None,
        };
    }

    /// G3: no growth until one of the kind is gone or a minute has passed; no failure.
    fn stop_at_capacity(&mut self, kind: KindId) {
        let until = self.now.checked_add(CAPACITY_STOP);
        self.kinds[usize::from(kind.0)].capacity_stop = until.map_or(Pause::Forever, Pause::Until);
    }

    /// G3: a machine of the kind is gone.
    pub(super) fn lift_capacity_stop(&mut self, kind: KindId) {
        self.kinds[usize::from(kind.0)].capacity_stop = Pause::No;
    }

    /// S8, F7, G3: a start went well.
    pub(super) fn end_back_off(&mut self, kind: KindId) {
        let state = &mut self.kinds[usize::from(kind.0)];
        let ended = state.backoff != Pause::No;
        (state.failures, state.step, state.backoff) = (0, 0, Pause::No);
        if ended {
            self.mark(Mark::F7EndedByUp);
        }
    }

    /// G3: the machine stayed up for the time to settle, or work on it was done with *ok*.
    pub(super) fn trial_went_well(&mut self, machine: MachineId) {
        let Some(record) = self.machine(machine).filter(|m| m.trial != Trial::No) else {
            return;
        };
        record.trial = Trial::No;
        let kind = record.kind;
        self.end_back_off(kind);
    }

    /// G3: while no machine has come up since the last step, 1, 2, 4, … may be pending that were
    /// asked for after it.
    pub(super) fn ramp_allows(&self, kind: KindId, asked: u64) -> bool {
        let state = &self.kinds[usize::from(kind.0)];
        if state.step == 0 || !state.ramp {
            return true;
        }
        let most = 1 << (state.step - 1).min(32);
        let pending = self.pending_of(kind);
        let since = pending.iter().filter(|m| m.steps == state.steps_ever);
        since.count() as u64 + asked < most
    }
}
