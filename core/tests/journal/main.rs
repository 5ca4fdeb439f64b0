//! Journals: what is written is read back, what is damaged is noticed, what is newer is never
//! misread.
#![cfg(feature = "journal")]

mod damage;
mod golden;
mod random;
mod rounds;
mod story;
mod versions;

use core::time::Duration;

use remuda::journal::{
    Body, Error, FORMAT, Frozen, Index, Label, Note, RULES, Reader, Recorded, Writer, hash,
};
use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};

/// A manager that is recorded.
struct Taped {
    manager: Manager,
    writer: Writer,
    bytes: Vec<u8>,
    events: Vec<Recorded>,
    actions: Vec<Action>,
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
            actions: Vec::new(),
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
        self.actions.extend(actions);
    }

    fn note(&mut self, note: &Note<'_>) {
        self.writer.note(note, &mut self.bytes);
    }

    fn snapshot(&mut self) {
        self.writer.snapshot(&self.manager, &mut self.bytes);
    }
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
                assert_eq!(hash(&actions), recorded.hash, "{recorded:?}: {actions:?}");
            }
            Body::Snapshot(frozen) => assert!(frozen.is(&manager), "at {}", frozen.time),
            _ => {}
        }
    }
    manager
}

/// Plays a whole journal that begins with a fresh manager.
fn replay_all(bytes: &[u8]) -> Manager {
    let reader = Reader::new(bytes).unwrap();
    assert!(reader.header().fresh);
    let fresh = Manager::new(reader.header().config.clone()).unwrap();
    replay(fresh, reader)
}

fn procs(machine_procs: u32, max_procs: u64) -> Config {
    Config::new(machine_procs, max_procs).unwrap()
}

fn submit(request: u64, spec: Submit) -> Event {
    Event::Submit {
        request: RequestId(request),
        spec,
    }
}

#[test]
fn the_header_says_who_wrote_it_and_of_what() {
    let taped = Taped::new(procs(4, 16));
    let reader = Reader::new(&taped.bytes).unwrap();
    let header = reader.header();
    assert_eq!((header.format, header.rules), (FORMAT, RULES));
    assert_eq!(header.crate_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(header.config, procs(4, 16));
    assert_eq!(header.origin, Some(1_764_000_000_000_000_000));
    assert_eq!(header.labels[0], Label::new("host", "build7"));
    assert!(header.fresh);
    assert_eq!(reader.count(), 0);
}

#[test]
fn notes_are_kept_beside_the_events() {
    let mut taped = story::short();
    let long = "ü".repeat(50_000);
    taped.note(&Note {
        time: Instant::ZERO,
        machine: MachineId(3),
        topic: "start failed",
        text: &long,
    });
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
fn an_event_takes_less_than_thirty_bytes_with_all_snapshots() {
    let mut taped = Taped::new(procs(16, 800));
    let mut now = Instant::from_secs(1);
    for request in 0..2_000 {
        taped.tell(submit(request, Submit::procs(1)), now);
    }
    for machine in 0..50 {
        let (machine, offer) = (MachineId(machine), None);
        taped.tell(Event::Up { machine, offer }, now);
    }
    for request in 0..20_000 {
        now = now + Duration::from_micros(731);
        let done = RequestId(request);
        let done = Event::Done {
            request: done,
            machine: taped.manager.machine_of(done),
            outcome: Outcome::Ok,
        };
        taped.tell(done, now);
        taped.tell(submit(request + 2_000, Submit::procs(1)), now);
    }
    let each = taped.bytes.len() as f64 / taped.events.len() as f64;
    println!("{each:.1} bytes an event");
    assert!(each < 30.0, "{each} bytes an event");

    let index = Index::new(&taped.bytes).unwrap();
    let snapshots = index.snapshots();
    assert!((3..20).contains(&snapshots.len()), "{}", snapshots.len());
    let at = |found: Option<Frozen<'_>>| found.map(|frozen| frozen.events);
    let second = snapshots[1];
    assert_eq!(at(index.before_event(second.events)), Some(second.events));
    let first = at(index.before_event(second.events - 1));
    assert_eq!(first, Some(snapshots[0].events));
    assert_eq!(at(index.before(second.time)), first);
    assert_eq!(at(index.before_event(10)), None);
    let mut reader = Reader::new(&taped.bytes).unwrap();
    reader.resume(&second).unwrap();
    assert_eq!(reader.events(), second.events);
    assert!(replay(second.thaw().unwrap(), reader) == taped.manager);
}

#[test]
fn a_note_is_cut_between_two_letters() {
    let mut taped = Taped::new(procs(4, 16));
    // All letters but the first take two bytes, so that the limit falls within one.
    let long = format!("x{}", "ü".repeat(50_000));
    taped.note(&Note {
        time: Instant::ZERO,
        machine: MachineId(0),
        topic: "stopped",
        text: &long,
    });
    let frame = Reader::new(&taped.bytes).unwrap().next().unwrap().unwrap();
    let Body::Note(note) = frame.body else {
        panic!("it is a note")
    };
    assert_eq!(note.text.len(), (64 << 10) - 65);
    assert!(long.starts_with(note.text));
}

#[test]
fn a_reader_says_where_the_next_frame_begins() {
    let taped = story::short();
    let offsets = offsets(&taped.bytes);
    let mut reader = Reader::new(&taped.bytes).unwrap();
    for offset in offsets {
        assert_eq!(reader.offset(), offset);
        reader.next();
    }
}

#[test]
fn a_snapshot_is_of_one_manager_and_of_no_other() {
    let mut taped = story::short();
    taped.snapshot();
    let index = Index::new(&taped.bytes).unwrap();
    let last = index.snapshots().last().unwrap();
    assert!(last.is(&taped.manager));
    let mut other = taped.manager.clone();
    let _ = other.handle(Event::Timer, Instant::from_secs(100_000));
    assert!(!last.is(&other));
}

/// Snapshots that take long are far apart: the events between two take four times the first's bytes,
/// and 64 KiB at least.
#[test]
fn snapshots_of_a_large_manager_are_farther_apart() {
    let mut taped = Taped::new(procs(1, 1));
    for request in 0..40_000 {
        taped.tell(submit(request, Submit::procs(1)), Instant::from_secs(1));
    }
    // Of each snapshot: the bytes of events before it, and its own.
    let (mut sizes, mut events) = (Vec::new(), 0);
    let offsets = offsets(&taped.bytes);
    let frames = Reader::new(&taped.bytes).unwrap();
    for (frame, two) in frames.zip(offsets.windows(2)) {
        let size = two[1] - two[0];
        match frame.unwrap().body {
            Body::Snapshot(_) => {
                sizes.push((events, size));
                events = 0;
            }
            _ => events += size,
        }
    }
    assert!(sizes.len() > 1, "{sizes:?}");
    assert!((64 << 10..65 << 10).contains(&sizes[0].0), "{sizes:?}");
    for pair in sizes.windows(2) {
        let least = (4 * pair[0].1).max(64 << 10);
        // The head of the frame is not counted.
        assert!((least - 64..least + 64).contains(&pair[1].0), "{sizes:?}");
    }
}

#[test]
fn an_index_says_what_ends_it() {
    let mut taped = story::short();
    let begin = taped.bytes.len();
    taped.snapshot();
    assert_eq!(Index::new(&taped.bytes).unwrap().error(), None);
    // An index compares the checksums of snapshots alone.
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
    let what = "policy";
    for (error, text) in [
        (Error::NotAJournal, "it does not begin as a journal does"),
        (
            Error::Format { version: 3 },
            "it is of format 3, and this version reads up to format 2",
        ),
        (
            Error::UnknownSetting { what, number: 7 },
            "its config has policy 7, which this version does not know",
        ),
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
