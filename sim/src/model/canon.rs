//! States that are alike: what a model does from here on, whatever its requests and machines are called and whatever
//! the time is.

use remuda::{Instant, Kinds, OnceOutcome, RequestId};

use super::{Leaving, Machine, Model, Pause, Poll, State, Trial};

impl Model {
    /// Appends all that decides what the model does from here on, up to names and time, to `out`: machines stand by
    /// their place in the order of ids, requests by their `kind`, times by how far off they are.
    ///
    /// Requests of one kind must have equal specs, without `prefer` and `avoid`. Left out are the counts that only
    /// notices tell (failed starts in a row, machines lost); steps of the back-off count up to `steps`, by when it must
    /// have reached its cap.
    pub(crate) fn canonical(&self, kind: impl Fn(RequestId) -> u8, steps: u32, out: &mut Vec<u8>) {
        out.extend([u8::from(self.begun), u8::from(self.shut_down)]);
        for (state, config) in self.kinds.iter().zip(&self.config.kinds) {
            out.extend(state.step.min(steps).to_le_bytes());
            self.pause(state.backoff, out);
            self.pause(state.capacity_stop, out);
            out.push(u8::from(state.ramp));
            self.amounts(state.expected, out);
            for limit in [config.min, config.max, config.spare] {
                out.extend(limit.to_le_bytes());
            }
            out.push(u8::from(config.idle.is_some()));
            out.extend(config.idle.unwrap_or_default().as_nanos().to_le_bytes());
        }
        out.extend(self.config.max_procs.to_le_bytes());
        self.optional_time(self.summary, out);
        self.canonical_queue(&kind, out);
        for machine in &self.machines {
            self.canonical_machine(machine, &kind, out);
        }
    }

    /// The queue in P1's order (under Bigslice S3's).
    fn canonical_queue(&self, kind: &impl Fn(RequestId) -> u8, out: &mut Vec<u8>) {
        let order = match self.is_bigslice() {
            true => self
                .bigslice_order()
                .into_iter()
                .map(|(id, _)| id)
                .collect(),
            false => self.order_of_requests(),
        };
        out.push(order.len() as u8);
        for request in order
            .iter()
            .filter_map(|id| self.queue.iter().find(|r| r.id == *id))
        {
            out.push(kind(request.id));
            self.optional_time(request.spec.give_up, out);
            if self.config.patience > 0 {
                // Above what all machines together could ask for, more makes no difference.
                let mark = self.hold_marks.iter().find(|(of, _)| *of == request.group);
                let since = request
                    .granted_before
                    .max(mark.map_or(0, |(_, granted)| *granted));
                let waited = self.granted(request.group).saturating_sub(since);
                let most = self.config.max_procs.max(self.procs_there());
                let most = most.saturating_mul(u64::from(self.config.patience));
                out.extend(waited.min(most).to_le_bytes());
                let by_all = self.granted(Kinds::ALL);
                let by_all = by_all.saturating_sub(request.all_granted_before);
                out.extend(by_all.min(most).to_le_bytes());
            }
            let held = self.holds.iter().find(|held| held.request == request.id);
            match held {
                None => out.push(0),
                Some(held) => {
                    let at = self.machines.iter().position(|m| m.id == held.machine);
                    out.extend([1, at.map_or(u8::MAX, |at| at as u8)]);
                    self.optional_time(held.until, out);
                }
            }
            let said = |key: &super::grow::DemandKey| {
                key.demand == request.spec.demand && key.kinds == request.spec.kinds
            };
            out.push(u8::from(self.no_home_said.iter().any(said)));
        }
    }

    fn canonical_machine(
        &self,
        machine: &Machine,
        kind: &impl Fn(RequestId) -> u8,
        out: &mut Vec<u8>,
    ) {
        let steps_ever = self.kinds[usize::from(machine.kind.0)].steps_ever;
        let matters = machine.state == State::Pending || machine.trial != Trial::No;
        out.extend([
            machine.kind.0,
            u8::from(matters && machine.steps == steps_ever),
        ]);
        out.push(u8::from(machine.id.is_joined()));
        self.amounts(machine.offer, out);
        match machine.state {
            State::Pending => out.push(3),
            State::Ok => out.push(4),
            State::Probation { until } => {
                out.push(5);
                self.optional_time(until, out);
            }
        }
        match machine.leaving {
            Leaving::No => out.push(0),
            Leaving::Stopping => out.push(2),
            Leaving::Draining { until } => {
                out.push(1);
                self.optional_time(until, out);
            }
        }
        match machine.trial {
            Trial::No => out.push(0),
            Trial::UntilOk => out.push(2),
            Trial::Until(at) => self.time(at, out),
        }
        match machine.poll {
            Poll::Never => out.push(0),
            Poll::Out => out.push(2),
            Poll::Due(at) => self.time(at, out),
        }
        out.extend(machine.silence.to_le_bytes());
        if !self.is_bigslice() {
            self.canonical_past(machine, out);
        }
        for request in self.running.iter().filter(|r| r.machine == machine.id) {
            out.push(kind(request.id));
            if self.config.patience > 0 {
                let before = self.running.iter().filter(|r| r.since < request.since);
                out.push(before.count() as u8);
            }
        }
        out.push(u8::MAX);
        let tasks = machine.tasks.iter().flat_map(|task| task.0.to_le_bytes());
        out.extend(tasks);
        out.push(u8::MAX);
        self.canonical_once(machine, out);
    }

    /// What of a machine's past matters: how often it was on probation, and, of those that came up or are idle, who
    /// did or was before whom, and for how long the idle limit goes on.
    fn canonical_past(&self, machine: &Machine, out: &mut Vec<u8>) {
        out.push(machine.passages.min(self.passages_that_matter()) as u8);
        let is_free = |m: &&Machine| m.is_up() && self.is_empty(m.id);
        let up = |m: &&Machine| m.is_up();
        if machine.is_up() {
            let before = self.machines.iter().filter(up);
            out.push(before.filter(|m| m.up_at < machine.up_at).count() as u8);
        }
        if is_free(&machine) {
            let before = self.machines.iter().filter(is_free);
            out.push(before.filter(|m| m.idle_from < machine.idle_from).count() as u8);
            let idle = self.config.kinds[usize::from(machine.kind.0)].idle;
            let left = idle.map_or(0, |idle| {
                let since = self.now - machine.idle_from;
                idle.saturating_sub(since).as_nanos()
            });
            out.extend(left.to_le_bytes());
        }
    }

    /// From here on, one more passage makes no difference (H1, H2, H3).
    fn passages_that_matter(&self) -> u32 {
        let (first, cap) = (self.config.probation, self.config.probation_cap);
        let longer = (1..32).find(|n| first.saturating_mul(1 << n) >= cap);
        self.config.flaps.max(2).max(longer.unwrap_or(32) + 1)
    }

    fn canonical_once(&self, machine: &Machine, out: &mut Vec<u8>) {
        for (key, result) in &machine.once {
            out.extend(key.kind.to_le_bytes());
            out.extend(key.key.to_le_bytes());
            out.push(match result {
                None => 0,
                Some(OnceOutcome::Ok) => 1,
                Some(OnceOutcome::Remote) => 2,
                Some(OnceOutcome::Unreachable) => 3,
                // An `OnceDone` cannot say the rest.
                Some(_) => 4,
            });
            let waits = |w: &&super::Waiter| (w.machine, w.key) == (machine.id, *key);
            let waiting = self.waiters.iter().filter(waits);
            out.extend(waiting.map(|_| 1));
            out.push(u8::MAX);
        }
    }

    fn amounts(&self, amounts: remuda::Resources, out: &mut Vec<u8>) {
        out.extend(amounts.amounts().into_iter().flat_map(u32::to_le_bytes));
    }

    fn pause(&self, pause: Pause, out: &mut Vec<u8>) {
        match pause {
            Pause::No => out.push(0),
            Pause::Until(at) => self.time(at, out),
            Pause::Forever => out.push(2),
        }
    }

    fn optional_time(&self, at: Option<Instant>, out: &mut Vec<u8>) {
        match at {
            None => out.push(0),
            Some(at) => self.time(at, out),
        }
    }

    fn time(&self, at: Instant, out: &mut Vec<u8>) {
        out.push(1);
        out.extend(at.0.saturating_sub(self.now.0).to_le_bytes());
    }
}
