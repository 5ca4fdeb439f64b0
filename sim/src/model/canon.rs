//! States that are alike: what a model does from here on, whatever its requests and machines are called and whatever
//! the time is.

use remuda::{Instant, OnceOutcome, RequestId};

use super::{Hold, Model, Poll, State};

impl Model {
    /// Appends all that decides what the model does from here on, up to names and time, to `out`: machines stand by
    /// their place in the order of ids, requests by their `kind`, times by how far off they are.
    ///
    /// Requests of one kind must have equal priority and procs. Left out are the counts that only notices tell (failed
    /// starts in a row, machines lost); steps of the back-off count up to `steps`, by when it must have reached its
    /// cap.
    pub(crate) fn canonical(&self, kind: impl Fn(RequestId) -> u8, steps: u32, out: &mut Vec<u8>) {
        out.extend([u8::from(self.begun), u8::from(self.shut_down)]);
        out.extend(self.step.min(steps).to_le_bytes());
        match self.hold {
            Hold::No => out.push(0),
            Hold::Until(at) => self.time(at, out),
            Hold::Forever => out.push(2),
        }
        self.optional_time(self.summary, out);
        out.push(self.queue.len() as u8);
        out.extend(self.queue.iter().map(|request| kind(request.id)));
        for machine in &self.machines {
            match machine.state {
                State::Pending { steps } => out.extend([3, u8::from(steps == self.steps_ever)]),
                State::Ok => out.push(4),
                State::Probation { until } => {
                    out.push(5);
                    self.optional_time(until, out);
                }
            }
            match machine.poll {
                Poll::Never => out.push(0),
                Poll::Out => out.push(2),
                Poll::Due(at) => self.time(at, out),
            }
            out.extend(machine.silence.to_le_bytes());
            let on_it = self.running.iter().filter(|r| r.machine == machine.id);
            out.extend(on_it.map(|request| kind(request.id)));
            out.push(u8::MAX);
            let tasks = machine.tasks.iter().flat_map(|task| task.0.to_le_bytes());
            out.extend(tasks);
            out.push(u8::MAX);
            for (key, result) in &machine.once {
                out.extend(key.kind.to_le_bytes());
                out.extend(key.key.to_le_bytes());
                out.push(match result {
                    None => 0,
                    Some(OnceOutcome::Ok) => 1,
                    Some(OnceOutcome::Remote) => 2,
                    Some(OnceOutcome::Unreachable) => 3,
                    Some(OnceOutcome::MachineLost) => 4,
                });
                let waits = |w: &&super::Waiter| (w.machine, w.key) == (machine.id, *key);
                let waiting = self.waiters.iter().filter(waits);
                out.extend(waiting.map(|_| 1));
                out.push(u8::MAX);
            }
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
