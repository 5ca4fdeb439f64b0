//! Writing: what is appended to a journal, and when.

use alloc::vec::Vec;

use super::action::hash_with;
use super::bytes::{put, zigzag};
use super::event::put_event;
use super::frame::{EVENT, NOTE, SNAPSHOT, put_frame};
use super::header::{self, Label};
use super::note::{Note, put_note};
use super::snapshot::put_snapshot;
use crate::manager::Manager;
use crate::protocol::action::Action;
use crate::protocol::event::Event;
use crate::protocol::time::Instant;

/// The events between two snapshots take at least so many bytes.
const LEAST_BETWEEN: usize = 64 << 10;
/// They also take at least so many times the bytes of the last snapshot: snapshots make a journal
/// longer by a quarter at the most.
const TIMES_SNAPSHOT: usize = 4;

/// Writes a journal into buffers of the caller's: each call appends whole frames to `out`, which
/// may be emptied in between.
#[derive(Debug)]
pub struct Writer {
    /// The time of the last event.
    last: Instant,
    events: u64,
    /// Bytes of events since the last snapshot, and after how many the next one is written.
    since_snapshot: usize,
    next_snapshot: usize,
    body: Vec<u8>,
    actions: Vec<u8>,
}

impl Writer {
    /// Begins a journal of `manager`, which need not be a fresh one.
    ///
    /// `origin` is how many nanoseconds after 1970 [`Instant::ZERO`] was, if that is known; the
    /// labels are the caller's own.
    pub fn new(
        manager: &Manager,
        origin: Option<u64>,
        labels: &[Label],
        out: &mut Vec<u8>,
    ) -> Writer {
        let fresh = Manager::new(manager.config().clone()).is_ok_and(|fresh| fresh == *manager);
        header::write(manager, fresh, origin, labels, out);
        let mut writer = Writer::resume(0, manager.now());
        if !fresh {
            writer.snapshot(manager, out);
        }
        writer
    }

    /// Goes on with a journal that a [`Reader`](super::Reader) has read to the end of its last whole
    /// frame, `events` events of which the last was at `last`: what is written is to be appended
    /// there.
    #[must_use]
    pub fn resume(events: u64, last: Instant) -> Writer {
        Writer {
            last,
            events,
            since_snapshot: 0,
            next_snapshot: LEAST_BETWEEN,
            body: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Records that `event` at `now` caused `actions` and left `manager`. After enough events a
    /// snapshot follows.
    pub fn record(
        &mut self,
        now: Instant,
        event: &Event,
        actions: &[Action],
        manager: &Manager,
        out: &mut Vec<u8>,
    ) {
        let begin = out.len();
        let hash = hash_with(actions, &mut self.actions);
        self.body.clear();
        put(
            &mut self.body,
            zigzag(now.0.wrapping_sub(self.last.0) as i64),
        );
        self.body.extend_from_slice(&hash.to_le_bytes());
        put_event(&mut self.body, event);
        put_frame(out, EVENT, &self.body);
        self.last = now;
        self.events += 1;
        self.since_snapshot += out.len() - begin;
        if self.since_snapshot >= self.next_snapshot {
            self.snapshot(manager, out);
        }
    }

    /// Writes a note.
    pub fn note(&mut self, note: &Note<'_>, out: &mut Vec<u8>) {
        self.body.clear();
        put_note(&mut self.body, note, self.last);
        put_frame(out, NOTE, &self.body);
    }

    /// Writes a snapshot of `manager`, which must be as the events so far left it.
    pub fn snapshot(&mut self, manager: &Manager, out: &mut Vec<u8>) {
        self.body.clear();
        put_snapshot(&mut self.body, manager, self.events, self.last);
        put_frame(out, SNAPSHOT, &self.body);
        self.since_snapshot = 0;
        self.next_snapshot = LEAST_BETWEEN.max(TIMES_SNAPSHOT * self.body.len());
        if self.body.capacity() > LEAST_BETWEEN {
            self.body = Vec::new();
        }
    }

    /// How many events were recorded.
    pub fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST_BETWEEN, Writer};
    use crate::manager::Manager;
    use crate::protocol::config::Config;
    use crate::protocol::event::{Event, Submit};
    use crate::protocol::id::RequestId;
    use crate::protocol::time::Instant;
    use alloc::vec::Vec;

    #[test]
    fn a_writer_that_goes_on_appends_what_the_first_would_have_written() {
        let mut manager = Manager::new(Config::new(1, 1).unwrap()).unwrap();
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        let mut writer = Writer::new(&manager, None, &[], &mut whole);
        let mut first = Writer::new(&manager, None, &[], &mut parts);
        let submit = |writer: &mut Writer, out: &mut Vec<u8>, manager: &mut Manager, n| {
            let (request, spec) = (RequestId(n), Submit::procs(1));
            let (event, now) = (Event::Submit { request, spec }, Instant::from_secs(n));
            let actions = manager.handle(event, now);
            writer.record(now, &event, &actions, manager, out);
        };
        let mut again = manager.clone();
        for n in 1..9 {
            submit(&mut writer, &mut whole, &mut manager, n);
            submit(&mut first, &mut parts, &mut again, n);
            if n == 4 {
                first = Writer::resume(first.events(), Instant::from_secs(n));
            }
        }
        writer.snapshot(&manager, &mut whole);
        first.snapshot(&again, &mut parts);
        assert_eq!(whole, parts);
    }

    #[test]
    fn the_buffer_of_a_large_snapshot_is_freed_and_that_of_a_small_one_is_kept() {
        let mut manager = Manager::new(Config::new(1, 1).unwrap()).unwrap();
        let mut out = Vec::new();
        let mut writer = Writer::new(&manager, None, &[], &mut out);
        writer.snapshot(&manager, &mut out);
        assert!(writer.body.capacity() > 0);
        for n in 0..100_000 {
            let (request, spec) = (RequestId(n), Submit::procs(1));
            let _ = manager.handle(Event::Submit { request, spec }, Instant::ZERO);
        }
        out.clear();
        writer.snapshot(&manager, &mut out);
        assert!(out.len() > LEAST_BETWEEN);
        assert_eq!(writer.body.capacity(), 0);
    }
}
