//! A journal of a day of many machines, made up on virtual time: bursts of requests, machines that fail to start, are lost,
//! go on probation.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use remuda::journal::{Label, Note, Writer};
use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};
use remuda_sim::Rng;

const PROCS: u32 = 8;
const SECOND: u64 = 1_000_000_000;

struct Fleet {
    rng: Rng,
    /// What comes, by time and in the order it was thought of.
    coming: BinaryHeap<Reverse<(u64, u64, Coming)>>,
    thought_of: u64,
    procs: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Submit,
    Up(u64),
    StartFailed(u64),
    Stopped(u64),
    Done(u64),
}

/// A journal of so many machines at the most and so many requests.
pub(crate) fn journal(machines: u64, requests: u64) -> Vec<u8> {
    let config = Config::new(PROCS, machines * u64::from(PROCS)).unwrap();
    let config = config.poll_interval(Duration::ZERO);
    let mut manager = Manager::new(config).unwrap();
    let mut bytes = Vec::new();
    let labels = [
        Label::new("command", "nightly build"),
        Label::new("site", "north hall"),
    ];
    let origin = 1_790_000_000 * SECOND;
    let mut writer = Writer::new(&manager, Some(origin), &labels, &mut bytes);
    let mut fleet = Fleet {
        rng: Rng::new(7),
        coming: BinaryHeap::new(),
        thought_of: 0,
        procs: Vec::new(),
    };
    // Requests take some forty proc-seconds each: most of what there is, and more in every other wave.
    let gap = 45 * SECOND / (machines * u64::from(PROCS));
    let long = gap * requests;
    fleet.think(0, Coming::Submit);
    let mut actions = Vec::new();
    while let Some(Reverse((at, _, coming))) = fleet.coming.pop() {
        let now = Instant(at);
        while let Some(due) = manager.next_timeout().filter(|due| *due < now) {
            actions.clear();
            manager.handle_into(Event::Timer, due, &mut actions);
            writer.record(due, &Event::Timer, &actions, &manager, &mut bytes);
            fleet.hear(due.0, &actions, long);
        }
        let event = fleet.event(at, coming, gap, requests);
        actions.clear();
        manager.handle_into(event, now, &mut actions);
        writer.record(now, &event, &actions, &manager, &mut bytes);
        fleet.hear(at, &actions, long);
        for action in &actions {
            let Action::Grant { request, machine } = *action else {
                continue;
            };
            let note = Note {
                time: now,
                machine,
                topic: "job",
                text: &format!("{request} step-{}", request.0),
            };
            writer.note(&note, &mut bytes);
        }
        let said = match event {
            Event::Up { machine, .. } => {
                let name = format!("rack{:02}-node{:02}", machine.0 / 40, machine.0 % 40);
                Some((machine, "name", name))
            }
            Event::StartFailed { machine, .. } => {
                let error = "ssh: connect to host: Connection timed out".to_owned();
                Some((machine, "start failed", error))
            }
            _ => None,
        };
        if let Some((machine, topic, text)) = said {
            let note = Note {
                time: now,
                machine,
                topic,
                text: &text,
            };
            writer.note(&note, &mut bytes);
        }
    }
    bytes
}

impl Fleet {
    fn think(&mut self, at: u64, coming: Coming) {
        self.thought_of += 1;
        self.coming.push(Reverse((at, self.thought_of, coming)));
    }

    /// Some time about this long, now and then much longer.
    fn about(&mut self, nanos: u64) -> u64 {
        let part = nanos / 4 + self.rng.below(nanos);
        if self.rng.below(20) == 0 {
            part * 5
        } else {
            part
        }
    }

    fn event(&mut self, at: u64, coming: Coming, gap: u64, requests: u64) -> Event {
        match coming {
            Coming::Submit => {
                let request = self.procs.len() as u64;
                let procs = [1, 1, 1, 2, 2, 4, 8][self.rng.below(7) as usize];
                self.procs.push(procs);
                // In six waves.
                if request + 1 < requests {
                    let wave = (request * 6 / requests * 2 + request * 12 / requests % 2) % 2;
                    let gap = if wave == 0 { gap / 2 } else { gap * 3 / 2 };
                    let next = self.rng.below(gap * 2);
                    self.think(at + next, Coming::Submit);
                }
                Event::Submit {
                    request: RequestId(request),
                    spec: Submit::procs(procs)
                        .priority([0, 0, 1, 1, 1, 2][self.rng.below(6) as usize]),
                }
            }
            Coming::Up(id) => Event::Up {
                machine: MachineId(id),
                offer: None,
            },
            Coming::StartFailed(id) => Event::StartFailed {
                machine: MachineId(id),
                hint: None,
            },
            Coming::Stopped(id) => Event::Stopped {
                machine: MachineId(id),
            },
            Coming::Done(id) => Event::Done {
                request: RequestId(id),
                machine: None,
                outcome: match self.rng.below(400) {
                    0 => Outcome::Unreachable,
                    1..=6 => Outcome::Remote,
                    _ => Outcome::Ok,
                },
            },
        }
    }

    fn hear(&mut self, now: u64, actions: &[Action], long: u64) {
        for action in actions {
            match *action {
                Action::Start { first, count, .. } => {
                    for id in first.0..first.0 + u64::from(count) {
                        let after = now + self.about(10 * SECOND);
                        if self.rng.below(40) == 0 {
                            self.think(after, Coming::StartFailed(id));
                            continue;
                        }
                        self.think(after, Coming::Up(id));
                        let end = self.rng.below(8 * long);
                        if end > after && end < long {
                            self.think(end, Coming::Stopped(id));
                        }
                    }
                }
                Action::Grant { request, .. } => {
                    let procs = u64::from(self.procs[request.0 as usize]);
                    let held = self.about(100 * SECOND / (procs + 1));
                    self.think(now + held, Coming::Done(request.0));
                }
                _ => {}
            }
        }
    }
}
