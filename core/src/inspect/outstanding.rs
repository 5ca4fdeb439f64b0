//! What was asked for and is not answered yet (A1).

use alloc::vec::Vec;

use crate::machines::{Phase, Poll};
use crate::manager::Manager;
use crate::protocol::action::Action;
use crate::protocol::time::Instant;

/// An action that is not answered yet (A1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outstanding {
    /// The action, as it would be said again.
    pub action: Action,
    /// When it was said first.
    pub since: Instant,
}

impl Manager {
    /// What was asked for and is not answered yet, such that an adapter with nothing but the manager
    /// can go on (A1): by machine its start, its stop, the grants of what runs there, once-work that
    /// runs, a poll that is out; then the timer. Machines of one kind with ids in a row that were
    /// asked for at one time are one start.
    ///
    /// ```
    /// use remuda::{Action, Config, Event, Instant, KindId, MachineId, Manager, RequestId, Submit};
    ///
    /// let mut manager = Manager::new(Config::new(4, 16)?)?;
    /// let submit = Event::Submit { request: RequestId(1), spec: Submit::machine() };
    /// let _ = manager.handle(submit, Instant::from_secs(5));
    /// let owed = manager.outstanding();
    /// let (kind, first) = (KindId(0), MachineId(0));
    /// assert_eq!(owed[0].action, Action::Start { kind, first, count: 1 });
    /// assert_eq!(owed[0].since, Instant::from_secs(5));
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    #[must_use]
    pub fn outstanding(&self) -> Vec<Outstanding> {
        let mut all: Vec<Outstanding> = Vec::new();
        for slot in self.machines.slots() {
            let record = self.machines.get(slot);
            let machine = record.id;
            let mut say = |action, since| all.push(Outstanding { action, since });
            if let Phase::Pending { .. } = record.phase {
                let (kind, first, since) = (record.kind, machine, record.since);
                match all.last_mut() {
                    Some(Outstanding {
                        action:
                            Action::Start {
                                kind: of,
                                first,
                                count,
                            },
                        since: at,
                    }) if (*of, first.0 + u64::from(*count), *at) == (kind, machine.0, since) => {
                        *count += 1;
                    }
                    _ => all.push(Outstanding {
                        action: Action::Start {
                            kind,
                            first,
                            count: 1,
                        },
                        since,
                    }),
                }
                continue;
            }
            if let Some(since) = record.stop_since {
                say(Action::Stop { machine }, since);
            }
            for request in record.running.iter(self.requests.records()) {
                let request = &self.requests[request];
                if let Some(running) = request.running() {
                    let request = request.id;
                    say(Action::Grant { request, machine }, running.since);
                }
            }
            for (key, once) in self.machines.holdings.onces_on(slot) {
                if once.result.is_none() {
                    say(Action::RunOnce { machine, key }, once.since);
                }
            }
            if let Poll::Out(since) = record.poll {
                say(Action::Poll { machine }, since);
            }
        }
        if let Some(at) = self.next_timeout() {
            all.push(Outstanding {
                action: Action::SetTimer { at },
                since: self.now,
            });
        }
        all
    }
}
