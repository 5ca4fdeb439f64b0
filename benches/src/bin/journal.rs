//! What it costs to record: nanoseconds and bytes an event, on machines that are full and a queue, with losses on the way.
//!
//! `journal EVENTS [FILE]` plays so many events with and without a journal, and leaves the journal in the file, for
//! `remuda replay` to show how fast it is checked.

use std::io::sink;
use std::time::{Duration, Instant as Clock};

use remuda::journal::{Index, Writer};
use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};
use remuda_driver::{FileRecorder, RecordOptions, Recorder};
use remuda_sim::Rng;

const MACHINES: u64 = 1000;
const PROCS: u32 = 16;
const QUEUED: u64 = 10_000;

/// Clients and machines that answer at once.
struct World {
    manager: Manager,
    rng: Rng,
    running: Vec<(RequestId, MachineId)>,
    /// Told next, before anything else.
    answers: Vec<Event>,
    next: u64,
    events: u64,
    now: Instant,
}

impl World {
    fn new() -> World {
        let config = Config::new(PROCS, MACHINES * u64::from(PROCS));
        let manager = Manager::new(config.expect("a valid config"));
        World {
            manager: manager.expect("a valid config"),
            rng: Rng::new(1),
            running: Vec::new(),
            answers: Vec::new(),
            next: 0,
            events: 0,
            now: Instant::ZERO,
        }
    }

    fn event(&mut self) -> Event {
        self.events += 1;
        self.now = self.now + Duration::from_nanos(1 + self.rng.below(20_000));
        if self.manager.next_timeout().is_some_and(|at| at <= self.now) {
            return Event::Timer;
        }
        if let Some(answer) = self.answers.pop() {
            return answer;
        }
        if self.events.is_multiple_of(100_000) {
            let machine = self.manager.machines().nth(7).expect("all are up");
            return Event::Stopped {
                machine: machine.id(),
            };
        }
        if self.running.is_empty() || self.manager.counts().queued < QUEUED {
            self.next += 1;
            return Event::Submit {
                request: RequestId(self.next),
                spec: Submit::procs(1).priority((self.next % 3) as i64),
            };
        }
        let at = self.rng.below(self.running.len() as u64) as usize;
        let (request, machine) = self.running.swap_remove(at);
        Event::Done {
            request,
            machine: Some(machine),
            outcome: Outcome::Ok,
        }
    }

    fn take_in(&mut self, actions: &[Action]) {
        for action in actions {
            match *action {
                Action::Grant { request, machine } => self.running.push((request, machine)),
                Action::RequestLost { request, .. } => self.running.retain(|it| it.0 != request),
                Action::Start { first, count, .. } => {
                    let ids = first.0..first.0 + u64::from(count);
                    let up = ids.map(|id| Event::Up {
                        machine: MachineId(id),
                        offer: None,
                    });
                    self.answers.extend(up);
                }
                Action::Poll { machine } => self.answers.push(Event::Polled {
                    machine,
                    answered: true,
                }),
                _ => {}
            }
        }
    }

    /// Plays so many events; `record` sees each. How long it took.
    fn play(
        mut self,
        events: u64,
        mut record: impl FnMut(Instant, &Event, &[Action], &Manager),
    ) -> Duration {
        let mut actions = Vec::new();
        let begun = Clock::now();
        for _ in 0..events {
            let (event, now) = (self.event(), self.now);
            actions.clear();
            self.manager.handle_into(event, now, &mut actions);
            record(now, &event, &actions, &self.manager);
            self.take_in(&actions);
        }
        begun.elapsed()
    }
}

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let events = words.next().and_then(|it| it.parse().ok());
    let events: u64 = events.unwrap_or(1_000_000);
    World::new().play(events, |_, _, _, _| {});
    let plain = World::new().play(events, |_, _, _, _| {});
    let world = World::new();
    let mut bytes = Vec::with_capacity(usize::try_from(events * 40).unwrap_or(0));
    let mut writer = Writer::new(&world.manager, None, &[], &mut bytes);
    let recorded = world.play(events, |now, event, actions, manager| {
        writer.record(now, event, actions, manager, &mut bytes);
    });
    let world = World::new();
    let (mut recorder, recording) = FileRecorder::start(sink(), RecordOptions::default())?;
    recorder.begin(world.now, &world.manager);
    let driven = world.play(events, |now, event, actions, manager| {
        recorder.record(now, event, actions, manager);
    });
    if let Err(error) = recording.finish() {
        eprintln!("the recorder ended early: {error}");
    }
    let each = |time: Duration| time.as_nanos() as f64 / events as f64;
    println!(
        "{events} events: {:.0} ns each, {:.0} ns recorded, {:.0} ns by a thread; {:.1} bytes an event, {} snapshots",
        each(plain),
        each(recorded),
        each(driven),
        bytes.len() as f64 / events as f64,
        Index::new(&bytes).map_or(0, |index| index.snapshots().len()),
    );
    match words.next() {
        Some(path) => std::fs::write(path, bytes),
        None => Ok(()),
    }
}
