//! Bytes as a serialised manager and serialised events, in postcard and in JSON: an error, or something sound to go on with.

use core::time::Duration;

use remuda::{Action, Config, Event, Instant, Kind, Manager, Resources};
use remuda_sim::{Pair, Subject};
use serde_json::StreamDeserializer;
use serde_json::de::SliceRead;

/// No more events than this are played.
const MOST: usize = 300;

/// The first byte: events in postcard, for a fresh manager.
pub const EVENTS: u8 = b'e';
/// The first byte: the same under bigslice's policy.
pub const BIGSLICE: u8 = b'b';
/// The first byte: a manager in postcard, then events for it.
pub const MANAGER: u8 = b'm';
/// The first byte: events in JSON, one after the other, for a fresh manager.
pub const EVENTS_JSON: u8 = b'E';
/// The first byte: a manager in JSON, then events for it.
pub const MANAGER_JSON: u8 = b'M';

/// Reads the bytes as the first of them says, and plays what there is.
///
/// # Panics
/// When something was read that is not sound, or goes wrong later.
pub fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    match *first {
        EVENTS => fresh(two_kinds(), Postcard(bytes)),
        BIGSLICE => fresh(Config::bigslice_machines(4, 64), Postcard(bytes)),
        MANAGER => {
            if let Ok((manager, rest)) = postcard::take_from_bytes(bytes) {
                thawed(manager, Postcard(rest));
            }
        }
        EVENTS_JSON => fresh(two_kinds(), stream(bytes)),
        MANAGER_JSON => {
            let mut values = serde_json::Deserializer::from_slice(bytes).into_iter();
            if let Some(Ok(manager)) = values.next() {
                thawed(manager, stream(&bytes[values.byte_offset()..]));
            }
        }
        _ => {}
    }
}

/// Events in postcard, up to the first error.
struct Postcard<'a>(&'a [u8]);

impl Iterator for Postcard<'_> {
    type Item = (Instant, Event);

    fn next(&mut self) -> Option<Self::Item> {
        let (event, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(event)
    }
}

/// Events in JSON, up to the first error.
fn stream(bytes: &[u8]) -> impl Iterator<Item = (Instant, Event)> {
    let values: StreamDeserializer<'_, SliceRead<'_>, _> =
        serde_json::Deserializer::from_slice(bytes).into_iter();
    values.map_while(Result::ok)
}

/// Of four and eight procs, the larger with memory and GPUs.
fn two_kinds() -> Config {
    let large = Resources::new([8, 64, 2, 0]);
    Config::empty()
        .kind(Kind::new(Resources::procs(4)))
        .kind(Kind::new(large).idle(Duration::from_secs(60)).cost(3))
        .max_procs(64)
}

/// Plays events on a fresh manager and the model, which must agree.
fn fresh(config: Config, events: impl Iterator<Item = (Instant, Event)>) {
    let manager = Manager::new(config.clone()).expect("a valid config");
    let mut pair = Pair::new(config, manager);
    let mut actions = Vec::new();
    for (now, event) in events.take(MOST) {
        written_and_read(&event);
        actions.clear();
        pair.handle_into(event, now, &mut actions);
        actions.iter().for_each(written_and_read);
        if let Err(wrong) = pair.verdict().and_then(|()| pair.check()) {
            panic!("after {event:?} at {now}: {wrong}; it answered {actions:?}");
        }
    }
}

/// Plays events on a manager that was read: it is sound and stays so, and so does what is read back from it, which goes
/// the same way.
fn thawed(mut manager: Manager, events: impl Iterator<Item = (Instant, Event)>) {
    check(&manager);
    let mut back = read_back(&manager);
    let (mut actions, mut also) = (Vec::<Action>::new(), Vec::new());
    // Its own timers first: the events were not written with them in mind.
    let timers = [manager.now(), manager.next_timeout().unwrap_or_default()];
    let timers = timers.map(|now| (now, Event::Timer));
    for (now, event) in timers.into_iter().chain(events.take(MOST)) {
        actions.clear();
        also.clear();
        manager.handle_into(event, now, &mut actions);
        back.handle_into(event, now, &mut also);
        assert_eq!(actions, also, "what was read back answers {event:?}");
        check(&manager);
    }
    assert_eq!(manager, back, "the manager and what was read back");
    read_back(&manager);
}

fn check(manager: &Manager) {
    if let Err(broken) = manager.check_invariants() {
        panic!("{broken}: {manager:?}");
    }
}

/// Through postcard and JSON, which must not matter.
fn read_back(manager: &Manager) -> Manager {
    let bytes = postcard::to_allocvec(manager).expect("a manager can always be written");
    let back: Manager = postcard::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(*manager, back, "what was read back from postcard");
    let text = serde_json::to_vec(&back).expect("a manager can always be written");
    let back: Manager = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(*manager, back, "what was read back from JSON");
    back
}

fn written_and_read<T>(value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug,
{
    let bytes = postcard::to_allocvec(value).expect("it can always be written");
    let back: T = postcard::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(*value, back, "what was read back from postcard");
    let text = serde_json::to_vec(value).expect("it can always be written");
    let back: T = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(*value, back, "what was read back from JSON");
}
