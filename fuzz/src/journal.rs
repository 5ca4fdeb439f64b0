//! Bytes as a journal, as frames of one whose checksums hold, and as events that are recorded: an error that says where, or
//! something sound that can be written again.

use remuda::journal::{Body, Error, Index, Reader, Recorded, Writer, hash};
use remuda::{Action, Config, Instant, Manager};

use super::events;

/// The first byte: a journal as it is.
pub const RAW: u8 = b'r';
/// The first byte: frames behind a sound header, each a kind, a length of one byte and a body; they get their checksums.
pub const FRAMES: u8 = b'f';
/// The first byte: events as the target `events` reads them, which are recorded.
pub const EVENTS: u8 = b'e';

/// Reads the bytes as the first of them says.
///
/// # Panics
/// When what was read is not sound, or is not what was written.
pub fn run(bytes: &[u8]) {
    outcome(bytes);
}

/// The same, and says how many frames were read and how it ended.
///
/// # Panics
/// See [`run`].
pub fn outcome(bytes: &[u8]) -> Option<(usize, Option<Error>)> {
    let (&first, bytes) = bytes.split_first()?;
    match first {
        RAW => Some(read(bytes)),
        FRAMES => Some(read(&framed(bytes))),
        EVENTS => {
            recorded(bytes);
            None
        }
        _ => None,
    }
}

/// A journal of nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = Vec::new();
    let manager = Manager::new(Config::new(4, 16).expect("a valid config"));
    Writer::new(&manager.expect("a valid config"), None, &[], &mut bytes);
    bytes
}

/// A journal of these frames.
pub fn framed(mut bytes: &[u8]) -> Vec<u8> {
    let mut journal = empty();
    while let [kind, length, rest @ ..] = bytes {
        let (body, rest) = rest.split_at(rest.len().min(usize::from(length & 0x7f)));
        let head = [*kind, body.len() as u8];
        journal.extend(head);
        journal.extend(crc32fast::hash(&[&head[..], body].concat()).to_le_bytes());
        journal.extend(body);
        bytes = rest;
    }
    journal
}

/// Reads a journal to its end; what is read can be written and read again.
fn read(bytes: &[u8]) -> (usize, Option<Error>) {
    let reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (0, Some(error)),
    };
    let index = Index::new(bytes).expect("the header was read");
    let manager = Manager::new(reader.header().config.clone()).expect("a header's config is valid");
    let mut again = Vec::new();
    let mut writer = Writer::new(&manager, reader.header().origin, &[], &mut again);
    let (mut frames, mut events, mut end) = (0, Vec::new(), None);
    for frame in reader {
        match frame {
            Ok(frame) => {
                frames += 1;
                assert!(frame.offset < bytes.len());
                match frame.body {
                    Body::Event(event) => {
                        writer.record(event.time, &event.event, &[], &manager, &mut again);
                        events.push(event);
                    }
                    Body::Snapshot(frozen) => {
                        if let Ok(manager) = frozen.thaw() {
                            let checked = manager.check_invariants();
                            assert!(checked.is_ok(), "{checked:?} at {}", frame.offset);
                        }
                    }
                    _ => {}
                }
            }
            Err(error) => {
                assert!(error.offset() < bytes.len());
                end = Some(error);
            }
        }
    }
    for frozen in index.snapshots() {
        let mut reader = Reader::new(bytes).expect("the header was read");
        let resumed = reader.resume(frozen);
        assert!(resumed.is_ok(), "{resumed:?}");
    }
    let plain = |events: &[Recorded]| -> Vec<_> {
        let parts = events.iter().map(|it| (it.time, it.event));
        parts.collect()
    };
    assert_eq!(plain(&events_of(&again)), plain(&events), "written again");
    (frames, end)
}

fn events_of(bytes: &[u8]) -> Vec<Recorded> {
    let reader = Reader::new(bytes).expect("it was just written");
    let frames = reader.map(|frame| frame.expect("it was just written").body);
    let events = frames.filter_map(|body| match body {
        Body::Event(event) => Some(event),
        _ => None,
    });
    events.collect()
}

/// Records what the target `events` plays, a snapshot now and then, and plays it from each snapshot on.
fn recorded(bytes: &[u8]) {
    let (config, played) = events::play(bytes);
    let mut manager = Manager::new(config).expect("it was played");
    let mut journal = Vec::new();
    let mut writer = Writer::new(&manager, Some(7), &[], &mut journal);
    let mut answers: Vec<Vec<Action>> = Vec::new();
    for (n, (now, event)) in (1..).zip(&played) {
        let actions = manager.handle(*event, *now);
        writer.record(*now, event, &actions, &manager, &mut journal);
        answers.push(actions);
        if n % 16 == 0 {
            writer.snapshot(&manager, &mut journal);
        }
    }
    let events = events_of(&journal);
    assert_eq!(events.len(), played.len());
    for ((recorded, (now, event)), actions) in events.iter().zip(&played).zip(&answers) {
        let was: (Instant, _, _) = (*now, *event, hash(actions));
        assert_eq!((recorded.time, recorded.event, recorded.hash), was);
    }
    let index = Index::new(&journal).expect("it was just written");
    for frozen in index.snapshots() {
        let mut thawed = frozen.thaw().expect("it was just written");
        assert!(frozen.is(&thawed));
        for recorded in &events[frozen.events as usize..] {
            let actions = thawed.handle(recorded.event, recorded.time);
            assert_eq!(hash(&actions), recorded.hash, "{recorded:?} after a seek");
        }
        assert!(thawed == manager, "from {} on", frozen.time);
    }
}
