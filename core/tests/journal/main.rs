//! Journals: what is written is read back, what is damaged is noticed, what is newer is never misread.

mod damage;
mod rounds;
#[path = "../support/mod.rs"]
mod support;
mod versions;

use core::time::Duration;

use remuda::journal::{
    Body, Error, FORMAT, Frozen, Index, Label, Note, Reader, Recorded, Writer, hash,
};
use remuda::{
    Config, Demand, Event, Instant, MachineId, Manager, OnceKey, OnceOutcome, Outcome, RequestId,
    TaskId, WaiterId,
};

/// A manager that is recorded.
struct Taped {
    manager: Manager,
    writer: Writer,
    bytes: Vec<u8>,
    events: Vec<Recorded>,
}

impl Taped {
    fn new(config: Config) -> Taped {
        Taped::of(Manager::new(config).unwrap())
    }

    fn of(manager: Manager) -> Taped {
        let mut bytes = Vec::new();
        let labels = [Label::new("host", "build7"), Label::new("", "ü")];
        let writer = Writer::new(
            &manager,
            Some(1_764_000_000_000_000_000),
            &labels,
            &mut bytes,
        );
        Taped {
            manager,
            writer,
            bytes,
            events: Vec::new(),
        }
    }

    fn tell(&mut self, event: Event, time: Instant) {
        let actions = self.manager.handle(event, time);
        self.writer
            .record(time, &event, &actions, &self.manager, &mut self.bytes);
        self.events.push(Recorded {
            number: self.events.len() as u64 + 1,
            time,
            event,
            hash: hash(&actions),
        });
        assert_eq!(self.writer.events(), self.events.len() as u64);
    }

    /// A run with an event of every kind, rejections, a note and a snapshot in its midst.
    fn story() -> Taped {
        let mut taped = Taped::new(Config::new(4, 8).unwrap());
        let (request, machine) = (RequestId(300), MachineId(0));
        let key = OnceKey { kind: 2, key: 5 };
        let mut now = Instant::from_millis(1);
        let events = every_event(request, machine, key);
        for (n, event) in events.into_iter().enumerate() {
            taped.tell(event, now);
            now = now + Duration::from_millis(700);
            if n == 3 {
                let note = Note {
                    time: now,
                    machine,
                    topic: "name",
                    text: "build7",
                };
                taped.writer.note(&note, &mut taped.bytes);
            }
            if n == 9 {
                taped.writer.snapshot(&taped.manager, &mut taped.bytes);
            }
        }
        taped
    }
}

fn every_event(request: RequestId, machine: MachineId, key: OnceKey) -> Vec<Event> {
    let (task, waiter) = (TaskId(9), WaiterId(1));
    let demand = Demand::procs(3).unwrap();
    vec![
        Event::Submit {
            request,
            priority: -7,
            demand,
        },
        Event::Submit {
            request: RequestId(301),
            priority: 0,
            demand: Demand::Machine,
        },
        Event::Submit {
            request: RequestId(302),
            priority: i64::MAX,
            demand,
        },
        Event::Up { machine },
        Event::StartFailed {
            machine: MachineId(1),
        },
        Event::Assign { machine, task },
        Event::Once {
            machine,
            key,
            waiter,
        },
        Event::OnceDone {
            machine,
            key,
            outcome: OnceOutcome::Remote,
        },
        Event::Polled {
            machine,
            answered: true,
        },
        Event::Done {
            request,
            outcome: Outcome::Unreachable,
        },
        Event::Timer,
        Event::Forget { machine, key },
        Event::Discard { machine, task },
        Event::Cancel {
            request: RequestId(302),
        },
        Event::Done {
            request: RequestId(u64::MAX),
            outcome: Outcome::Unused,
        },
        Event::Stopped { machine },
        Event::Shutdown,
    ]
}

/// The events of a journal, and why it ends if it does before its end.
fn read(bytes: &[u8]) -> (Vec<Recorded>, Option<Error>) {
    let reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut events = Vec::new();
    for frame in reader {
        match frame {
            Ok(frame) => {
                if let Body::Event(recorded) = frame.body {
                    events.push(recorded);
                }
            }
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

/// Where each frame begins, with the end of the last.
fn offsets(bytes: &[u8]) -> Vec<usize> {
    let reader = Reader::new(bytes).unwrap();
    let frames = reader.map(|frame| frame.unwrap().offset);
    frames.chain([bytes.len()]).collect()
}

/// Plays what is left of a journal, every hash and every snapshot compared.
fn replay(mut manager: Manager, reader: Reader<'_>) -> Manager {
    for frame in reader {
        match frame.unwrap().body {
            Body::Event(recorded) => {
                let actions = manager.handle(recorded.event, recorded.time);
                assert_eq!(hash(&actions), recorded.hash, "{recorded:?}");
            }
            Body::Snapshot(frozen) => assert!(frozen.is(&manager), "at {}", frozen.time),
            _ => {}
        }
    }
    manager
}

#[test]
fn the_header_says_who_wrote_it_and_of_what() {
    let taped = Taped::new(Config::new(4, 16).unwrap());
    let reader = Reader::new(&taped.bytes).unwrap();
    let header = reader.header();
    assert_eq!(header.format, FORMAT);
    assert_eq!(header.crate_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(header.config, Config::new(4, 16).unwrap());
    assert_eq!(header.origin, Some(1_764_000_000_000_000_000));
    assert_eq!(header.labels[0], Label::new("host", "build7"));
    assert!(header.fresh);
    assert_eq!(reader.count(), 0);
}

#[test]
fn notes_are_kept_beside_the_events() {
    let mut taped = Taped::story();
    let long = "ü".repeat(50_000);
    let note = Note {
        time: Instant::ZERO,
        machine: MachineId(3),
        topic: "start failed",
        text: &long,
    };
    taped.writer.note(&note, &mut taped.bytes);
    let mut notes = Vec::new();
    for frame in Reader::new(&taped.bytes).unwrap() {
        if let Body::Note(note) = frame.unwrap().body {
            notes.push(note);
        }
    }
    assert_eq!((notes[0].topic, notes[0].text), ("name", "build7"));
    assert_eq!(
        (notes[0].time, notes[0].machine),
        (Instant::from_millis(2801), MachineId(0))
    );
    assert_eq!(
        (notes[1].time, notes[1].topic),
        (Instant::ZERO, "start failed")
    );
    assert!(notes[1].text.len() > 60_000 && long.starts_with(notes[1].text));
}

/// 20,000 requests through 50 machines: what an event takes, and how far apart snapshots are.
#[test]
fn an_event_takes_less_than_forty_bytes_with_all_snapshots() {
    let mut taped = Taped::new(Config::new(16, 800).unwrap());
    let mut now = Instant::from_secs(1);
    let submit = |request| Event::Submit {
        request: RequestId(request),
        priority: 0,
        demand: Demand::procs(1).unwrap(),
    };
    for request in 0..2_000 {
        taped.tell(submit(request), now);
    }
    for machine in 0..50 {
        let machine = MachineId(machine);
        taped.tell(Event::Up { machine }, now);
    }
    for request in 0..20_000 {
        now = now + Duration::from_micros(731);
        let (done, outcome) = (RequestId(request), Outcome::Ok);
        taped.tell(
            Event::Done {
                request: done,
                outcome,
            },
            now,
        );
        taped.tell(submit(request + 2_000), now);
    }
    let each = taped.bytes.len() as f64 / taped.events.len() as f64;
    println!("{each:.1} bytes an event");
    assert!(each < 24.0, "{each} bytes an event");

    let index = Index::new(&taped.bytes).unwrap();
    assert!(
        (3..20).contains(&index.snapshots().len()),
        "{}",
        index.snapshots().len()
    );
    let at = |found: Option<Frozen<'_>>| found.map(|frozen| frozen.events);
    let second = index.snapshots()[1];
    assert_eq!(at(index.before_event(second.events)), Some(second.events));
    let first = at(index.before_event(second.events - 1));
    assert_eq!(first, Some(index.snapshots()[0].events));
    assert_eq!(at(index.before(second.time)), first);
    assert_eq!(at(index.before_event(10)), None);
    let mut reader = Reader::new(&taped.bytes).unwrap();
    reader.resume(&second).unwrap();
    assert_eq!(reader.events(), second.events);
    assert!(replay(second.thaw().unwrap(), reader) == taped.manager);
}

#[test]
fn a_note_is_cut_between_two_letters() {
    let mut taped = Taped::new(Config::new(4, 16).unwrap());
    // All letters but the first take two bytes, so that the limit falls within one.
    let long = format!("x{}", "ü".repeat(50_000));
    let note = Note {
        time: Instant::ZERO,
        machine: MachineId(0),
        topic: "stopped",
        text: &long,
    };
    taped.writer.note(&note, &mut taped.bytes);
    let frame = Reader::new(&taped.bytes).unwrap().next().unwrap().unwrap();
    let Body::Note(note) = frame.body else {
        panic!("it is a note")
    };
    assert_eq!(note.text.len(), (64 << 10) - 65);
    assert!(long.starts_with(note.text));
}

#[test]
fn a_reader_says_where_the_next_frame_begins() {
    let taped = Taped::story();
    let offsets = offsets(&taped.bytes);
    let mut reader = Reader::new(&taped.bytes).unwrap();
    for offset in offsets {
        assert_eq!(reader.offset(), offset);
        reader.next();
    }
}

#[test]
fn a_snapshot_is_of_one_manager_and_of_no_other() {
    let mut taped = Taped::story();
    taped.writer.snapshot(&taped.manager, &mut taped.bytes);
    let index = Index::new(&taped.bytes).unwrap();
    let last = index.snapshots().last().unwrap();
    assert!(last.is(&taped.manager));
    let mut other = taped.manager.clone();
    other.handle(Event::Timer, Instant::from_secs(100_000));
    assert!(!last.is(&other));
}

/// Snapshots that take long are far apart: the events between two take four times the first's bytes, and 64 KiB at least.
#[test]
fn snapshots_of_a_large_manager_are_farther_apart() {
    let mut taped = Taped::new(Config::new(1, 1).unwrap());
    for request in 0..60_000 {
        let demand = Demand::procs(1).unwrap();
        let request = RequestId(request);
        let priority = 0;
        let event = Event::Submit {
            request,
            priority,
            demand,
        };
        taped.tell(event, Instant::from_secs(1));
    }
    let mut sizes = Vec::new();
    let (mut between, mut begin) = (0, 0);
    for frame in Reader::new(&taped.bytes).unwrap() {
        let frame = frame.unwrap();
        match frame.body {
            Body::Snapshot(_) => {
                sizes.push((between, 0));
                (between, begin) = (0, frame.offset);
            }
            _ => {
                if between == 0
                    && let Some(last) = sizes.last_mut()
                {
                    last.1 = frame.offset - begin;
                }
                between += 1;
            }
        }
    }
    // An event takes ten to twenty bytes here.
    assert!(sizes.len() > 2, "{sizes:?}");
    assert!(sizes[0].0 * 20 >= 64 << 10, "{sizes:?}");
    for pair in sizes.windows(2) {
        let (size, events) = (pair[0].1, pair[1].0);
        let least = (4 * size).max(64 << 10);
        assert!((least / 20..least / 5).contains(&events), "{sizes:?}");
    }
}

#[test]
fn an_index_says_what_ends_it() {
    let mut taped = Taped::story();
    let begin = taped.bytes.len();
    taped.writer.snapshot(&taped.manager, &mut taped.bytes);
    assert_eq!(Index::new(&taped.bytes).unwrap().error(), None);
    // Of a snapshot alone an index looks at the checksum.
    let mut spoilt = taped.bytes.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    let index = Index::new(&spoilt).unwrap();
    assert_eq!(index.error(), Some(Error::Corrupt { offset: begin }));
    let mut spoilt = taped.bytes.clone();
    spoilt[begin - 1] ^= 1;
    assert_eq!(Index::new(&spoilt).unwrap().error(), None);
    let cut = Index::new(&taped.bytes[..taped.bytes.len() - 1]).unwrap();
    assert_eq!(cut.error(), Some(Error::Cut { offset: begin }));
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    for (error, text) in [
        (Error::NotAJournal, "it does not begin as a journal does"),
        (
            Error::Cut { offset: 7 },
            "it is cut: the frame at byte 7 is not whole",
        ),
        (
            Error::Corrupt { offset: 7 },
            "it is corrupt: the checksum of the frame at byte 7 does not hold",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
