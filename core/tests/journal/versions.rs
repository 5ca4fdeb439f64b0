//! Other versions: what a newer one writes, and what older ones wrote.

use core::time::Duration;

use remuda::journal::{Body, Error, Index, Reader};

use crate::{offsets, read, story};

/// A frame as a newer version might write it.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut head = vec![kind, u8::try_from(body.len()).unwrap()];
    assert!(body.len() < 0x80, "a length of one byte");
    let checksum = crc32fast::hash(&[&head[..], body].concat());
    head.extend(checksum.to_le_bytes());
    [&head[..], body].concat()
}

#[test]
fn what_a_newer_version_writes_is_passed_over_or_refused_and_never_misread() {
    let taped = story::short();
    let offsets = offsets(&taped.bytes);
    let (before, after) = taped.bytes.split_at(offsets[2]);
    let with = |frame: &[u8]| [before, frame, after].concat();

    // An ancillary frame: as if it were not there.
    assert_eq!(
        read(&with(&frame(0xfe, b"new"))),
        (taped.events.clone(), None)
    );
    // A snapshot of another layout: the time and the number of events are counted from it.
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
    let mut rest = Reader::new(&bytes).unwrap().skip(3);
    let third = rest.find_map(|frame| match frame.unwrap().body {
        Body::Event(recorded) => Some(recorded),
        _ => None,
    });
    let third = third.unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(
        (third.number, third.time, third.event),
        (4, taped.events[2].time + second, taped.events[2].event)
    );

    // An event that is longer than any of today's is still only unknown.
    let mut longer = vec![0, 0, 0, 0, 0, 99];
    longer.extend([1; 120]);
    let bytes = with(&frame(1, &longer));
    assert_eq!(read(&bytes).1, Some(Error::UnknownEvent { offset, kind }));

    // An event with a field more than it has.
    let longer = frame(1, &[0, 0, 0, 0, 0, 13, 1]);
    let what = "an event";
    assert_eq!(
        read(&with(&longer)).1,
        Some(Error::Malformed { offset, what })
    );
}

/// The journal with the bytes from 18 on (behind the header's checksum) up to `end` replaced, and
/// another format if so.
fn with_header(bytes: &[u8], end: usize, format: u16, header: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    let fixed = [&format.to_le_bytes()[..], &length].concat();
    let checksum = crc32fast::hash(&[&fixed[..], header].concat());
    let checksum = checksum.to_le_bytes();
    [&bytes[..8], &fixed, &checksum, header, &bytes[end..]].concat()
}

#[test]
fn a_newer_header_is_refused_by_name_or_read_as_far_as_it_is_known() {
    let taped = story::short();
    let end = offsets(&taped.bytes)[0];
    let header = &taped.bytes[18..end];

    let newer = with_header(&taped.bytes, end, 3, header);
    assert_eq!(read(&newer).1, Some(Error::Format { version: 3 }));
    let none = with_header(&taped.bytes, end, 0, header);
    assert_eq!(read(&none).1, Some(Error::Format { version: 0 }));
    assert_eq!(read(b"#!/bin/sh\n").1, Some(Error::NotAJournal));

    // What follows the labels is of a newer version.
    let longer = [header, b"more"].concat();
    let longer = with_header(&taped.bytes, end, 2, &longer);
    assert_eq!(read(&longer), (taped.events.clone(), None));

    // Version of the crate, rules, fresh, length of the config, then the policy: number, length.
    let policy = 1 + env!("CARGO_PKG_VERSION").len() + 2;
    let policy = policy + if header[policy] < 0x80 { 1 } else { 2 };
    assert_eq!(header[policy..policy + 3], [1, 1, 0]);
    let mut other = header.to_vec();
    other[policy + 2] = 9;
    let (what, number) = ("policy", 9);
    let other = with_header(&taped.bytes, end, 2, &other);
    let error = Error::UnknownSetting { what, number };
    assert_eq!(read(&other).1, Some(error));
    assert_eq!((error.offset(), error.can_be_skipped()), (0, false));
}

#[test]
fn a_snapshot_that_is_no_sound_manager_is_refused() {
    let taped = story::short();
    for version in [1, 2] {
        let mut bytes = taped.bytes.clone();
        bytes.extend(frame(0x80, &[17, 0, version, 1, 2, 3]));
        let index = Index::new(&bytes).unwrap();
        let bad = index.snapshots().last().unwrap();
        let offset = taped.bytes.len();
        assert!(matches!(bad.thaw(), Err(Error::Malformed { offset: at, .. }) if at == offset));
        assert!(!bad.is(&taped.manager));
    }
}
