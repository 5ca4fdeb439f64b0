//! Journals: what is written is read back, what is damaged is noticed, what is newer is never misread.

mod support;

use core::time::Duration;

use proptest::prelude::*;
use remuda::journal::{
    Body, Error, FORMAT, Frozen, Index, Label, Note, Reader, Recorded, Writer, hash,
};
use remuda::{
    Config, Demand, Event, Instant, MachineId, Manager, OnceKey, OnceOutcome, Outcome, RequestId,
    TaskId, WaiterId,
};
use support::random::{config, hostile_steps};

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

fn any_event() -> impl Strategy<Value = Event> {
    let ids = (any::<u64>(), any::<u64>(), any::<u32>(), any::<u64>());
    (0u8..14, ids, any::<i64>(), any::<u32>(), 0usize..4).prop_map(
        |(kind, (a, b, c, d), priority, procs, which)| {
            let (request, machine, task) = (RequestId(a), MachineId(a), TaskId(b));
            let key = OnceKey { kind: c, key: d };
            let once = [
                OnceOutcome::Ok,
                OnceOutcome::Remote,
                OnceOutcome::Unreachable,
                OnceOutcome::MachineLost,
            ];
            let outcomes = [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ];
            let demand = match which {
                0 => Demand::Machine,
                _ => Demand::procs(procs).unwrap_or(Demand::Machine),
            };
            match kind {
                0 => Event::Submit {
                    request,
                    priority,
                    demand,
                },
                1 => Event::Cancel { request },
                2 => Event::Done {
                    request,
                    outcome: outcomes[which],
                },
                3 => Event::Up { machine },
                4 => Event::StartFailed { machine },
                5 => Event::Stopped { machine },
                6 => Event::Assign { machine, task },
                7 => Event::Discard { machine, task },
                8 => Event::Once {
                    machine,
                    key,
                    waiter: WaiterId(b),
                },
                9 => Event::OnceDone {
                    machine,
                    key,
                    outcome: once[which],
                },
                10 => Event::Forget { machine, key },
                11 => Event::Polled {
                    machine,
                    answered: which % 2 == 0,
                },
                12 => Event::Timer,
                _ => Event::Shutdown,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_events_at_any_times_are_read_as_they_were_written(
        events in proptest::collection::vec((any_event(), any::<u64>()), 0..40),
    ) {
        let mut taped = Taped::new(Config::new(4, 16).unwrap());
        for (event, time) in events {
            taped.tell(event, Instant(time));
        }
        prop_assert_eq!(read(&taped.bytes), (taped.events, None));
    }

    #[test]
    fn f06_a_replay_from_the_beginning_and_from_every_snapshot_gives_the_same_actions(
        config in config(),
        steps in hostile_steps(120),
        every in 1usize..20,
        fresh in 0usize..20,
    ) {
        // Recorded from the beginning, or from somewhere on the way.
        let mut taped = Taped::new(config);
        let mut now = Instant::ZERO;
        for (n, step) in steps.iter().enumerate() {
            if n == fresh {
                taped = Taped::of(taped.manager);
            }
            now = step.now(now);
            taped.tell(step.event(&taped.manager), now);
            if n % every == 0 {
                taped.writer.snapshot(&taped.manager, &mut taped.bytes);
            }
        }
        prop_assert_eq!(read(&taped.bytes), (taped.events.clone(), None));

        let index = Index::new(&taped.bytes).unwrap();
        prop_assert_eq!((index.events(), index.error()), (taped.events.len() as u64, None));
        for frozen in index.snapshots() {
            let mut reader = Reader::new(&taped.bytes).unwrap();
            reader.resume(frozen).unwrap();
            prop_assert!(replay(frozen.thaw().unwrap(), reader) == taped.manager);
        }
        let reader = Reader::new(&taped.bytes).unwrap();
        let first = Manager::new(config).unwrap();
        if reader.header().fresh {
            prop_assert!(replay(first, reader) == taped.manager);
        } else {
            prop_assert_eq!(index.snapshots()[0].events, 0);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        let mut journal = Taped::new(Config::new(1, 1).unwrap()).bytes;
        journal.extend(bytes);
        read(&journal);
        let _ = Index::new(&journal);
    }
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
fn a_journal_cut_anywhere_reads_to_its_last_whole_frame_and_says_where_it_is_cut() {
    let taped = Taped::story();
    let offsets = offsets(&taped.bytes);
    for end in 0..taped.bytes.len() {
        let (events, error) = read(&taped.bytes[..end]);
        assert!(taped.events.starts_with(&events));
        let whole = offsets.iter().rfind(|offset| **offset <= end);
        match (error, whole) {
            (None, Some(&whole)) => assert_eq!(whole, end),
            (Some(Error::Cut { offset }), Some(&whole)) => assert_eq!(offset, whole),
            // Within the header.
            (Some(Error::Cut { offset: 0 }), None) => {}
            other => panic!("cut at {end}: {other:?}"),
        }
        let before = |offset: &&usize| **offset < end.min(*whole.unwrap_or(&0));
        let frames = offsets.iter().filter(before).count();
        // One is a note, one a snapshot.
        assert!((frames.saturating_sub(2)..=frames).contains(&events.len()));
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_at_its_frame_and_never_gives_another_event() {
    let taped = Taped::story();
    let offsets = offsets(&taped.bytes);
    for bit in 0..taped.bytes.len() * 8 {
        let mut bytes = taped.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (events, error) = read(&bytes);
        assert!(taped.events.starts_with(&events), "bit {bit}");
        let error = error.unwrap_or_else(|| panic!("bit {bit} is not noticed"));
        let frame = offsets.iter().rfind(|offset| **offset <= bit / 8);
        assert_eq!(
            error.offset(),
            frame.copied().unwrap_or(0),
            "bit {bit}: {error}"
        );
        assert!(!error.can_be_skipped(), "bit {bit}: {error}");
    }
}

/// A frame as a newer version might write it.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut head = vec![kind, u8::try_from(body.len()).unwrap()];
    assert!(body.len() < 0x80, "a length of one byte");
    let checksum = crc32fast::hash(&[&head[..], body].concat());
    head.extend(checksum.to_le_bytes());
    [&head[..], body].concat()
}

#[test]
fn what_a_newer_version_writes_is_passed_over_or_refused_and_never_misread() {
    let taped = Taped::story();
    let offsets = offsets(&taped.bytes);
    let (before, after) = taped.bytes.split_at(offsets[2]);
    let with = |frame: &[u8]| [before, frame, after].concat();

    // An ancillary frame: as if it were not there.
    assert_eq!(
        read(&with(&frame(0xfe, b"new"))),
        (taped.events.clone(), None)
    );
    // A snapshot of another layout, where a manager begins no sooner than it says.
    let snapshot = frame(0x80, &[2, 0xc0, 0xf1, 0xe8, 0xd6, 2, 99, 1, 2, 3]);
    let bytes = with(&snapshot);
    let mut frames = Reader::new(&bytes).unwrap().skip(2);
    let unknown = frames.next().unwrap().unwrap();
    assert_eq!(unknown.body, Body::Unknown { kind: 0x80 });

    // Another frame, another event: named, and what comes after can be read.
    let kind = 7;
    let offset = offsets[2];
    let bytes = with(&frame(kind, b"new"));
    assert_eq!(read(&bytes).1, Some(Error::UnknownFrame { offset, kind }));
    let rest = Reader::new(&bytes).unwrap().filter_map(Result::ok);
    assert_eq!(rest.count(), offsets.len() - 1);

    // One second later, hash 0, event 99.
    let event = frame(1, &[0x80, 0xa8, 0xd6, 0xb9, 7, 0, 0, 0, 0, 99, 1, 2]);
    let bytes = with(&event);
    let kind = 99;
    assert_eq!(read(&bytes).1, Some(Error::UnknownEvent { offset, kind }));
    let rest = Reader::new(&bytes).unwrap().skip(3);
    let third = rest.filter_map(|frame| match frame.unwrap().body {
        Body::Event(recorded) => Some(recorded),
        _ => None,
    });
    let third = third.into_iter().next().unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(
        (third.number, third.time, third.event),
        (4, taped.events[2].time + second, taped.events[2].event)
    );

    // An event with a field more than it has.
    let longer = frame(1, &[0, 0, 0, 0, 0, 13, 1]);
    let what = "an event";
    assert_eq!(
        read(&with(&longer)).1,
        Some(Error::Malformed { offset, what })
    );

    // A newer format.
    let mut newer = taped.bytes.clone();
    newer[8] = 2;
    let end = offsets[0];
    let checksum = crc32fast::hash(&[&newer[8..14], &newer[18..end]].concat());
    newer[14..18].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(read(&newer).1, Some(Error::Format { version: 2 }));
    assert_eq!(read(b"#!/bin/sh\n").1, Some(Error::NotAJournal));
}

#[test]
fn a_snapshot_that_is_no_sound_manager_is_refused() {
    let taped = Taped::story();
    let mut bytes = taped.bytes.clone();
    bytes.extend(frame(0x80, &[17, 0, 1, 1, 2, 3]));
    let index = Index::new(&bytes).unwrap();
    let bad = index.snapshots().last().unwrap();
    let offset = taped.bytes.len();
    assert!(matches!(bad.thaw(), Err(Error::Malformed { offset: at, .. }) if at == offset));
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

/// Each format stays readable for ever: `REMUDA_WRITE_JOURNAL=1` writes the file of the newest where there is none yet.
#[test]
fn the_journal_of_format_1_is_read_as_it_was_written() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/journals/format-1.journal"
    );
    if std::env::var_os("REMUDA_WRITE_JOURNAL").is_some() && !std::path::Path::new(path).exists() {
        std::fs::write(path, Taped::story().bytes).unwrap();
    }
    let bytes = std::fs::read(path).unwrap();
    let story = Taped::story();
    assert_eq!(read(&bytes), (story.events.clone(), None));
    let reader = Reader::new(&bytes).unwrap();
    assert_eq!((reader.header().format, reader.header().rules), (1, 1));
    assert_eq!(reader.header().config, Config::new(4, 8).unwrap());
    let mut notes = reader
        .clone()
        .filter_map(|frame| match frame.unwrap().body {
            Body::Note(note) => Some(note.text),
            _ => None,
        });
    assert_eq!(notes.next(), Some("build7"));
    let fresh = Manager::new(reader.header().config).unwrap();
    assert!(replay(fresh, reader) == story.manager);
    // The layout of the manager: a change of it needs a version of its own.
    let index = Index::new(&bytes).unwrap();
    let frozen = index.snapshots()[0];
    let mut reader = Reader::new(&bytes).unwrap();
    reader.resume(&frozen).unwrap();
    assert!(replay(frozen.thaw().unwrap(), reader) == story.manager);
}
