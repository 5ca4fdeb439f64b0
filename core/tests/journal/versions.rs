//! Other versions: what a newer one writes, and what older ones wrote.

use core::time::Duration;

use remuda::journal::{Body, Error, Index, Reader};
use remuda::{Config, Manager};

use crate::{Taped, offsets, read, replay};

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
