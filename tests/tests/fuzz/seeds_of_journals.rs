//! Inputs made by hand for the target `journal`: frames of each kind, and each thing that is wrong with one.

use remuda::journal::Writer;
use remuda::{Config, Event, Instant, MachineId, Manager, RequestId, Submit};

use crate::bodies::events::{AT_TIMEOUT, DONE, SUBMIT, TIMER, UP};
use crate::bodies::journal::{EVENTS, FRAMES, RAW, empty};
use crate::seeds::Seed;

/// A frame for the target: kind, length, body.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, body.len() as u8], body].concat()
}

fn frames(frames: &[Vec<u8>]) -> Vec<u8> {
    [&[FRAMES], frames.concat().as_slice()].concat()
}

fn raw(bytes: &[u8]) -> Vec<u8> {
    [&[RAW], bytes].concat()
}

/// A run with two events and a snapshot.
fn story() -> Vec<u8> {
    let mut manager = Manager::new(Config::new(4, 16).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, Some(1), &[], &mut bytes);
    let (request, machine) = (RequestId(1), MachineId(0));
    let spec = Submit::machine().priority(-3);
    let (submit, offer) = (Event::Submit { request, spec }, None);
    for (secs, event) in [(1, submit), (2, Event::Up { machine, offer })] {
        let now = Instant::from_secs(secs);
        let actions = manager.handle(event, now);
        writer.record(now, &event, &actions, &manager, &mut bytes);
    }
    writer.snapshot(&manager, &mut bytes);
    bytes
}

/// A header with these changes of its body, its checksum set right.
fn header(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = empty();
    change(&mut bytes);
    let checksum = crc32fast::hash(&[&bytes[8..14], &bytes[18..]].concat());
    bytes[14..18].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// For the target `journal`.
pub(crate) fn journals() -> Vec<Seed> {
    let story = story();
    let mut flipped = story.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let timer = frame(1, &[2, 0, 0, 0, 0, 13]);
    let found = |bytes: &[u8], part: &[u8]| {
        let at = bytes.windows(part.len()).position(|it| it == part);
        at.expect("every header has it")
    };
    // The config's policy: its number, its length, Fit. A kind's capacity: four procs and nothing else.
    let policy = |bytes: &[u8]| found(bytes, &[1, 1, 0, 2]) + 2;
    let capacity = |bytes: &[u8]| found(bytes, &[1, 4, 4, 0, 0, 0]) + 2;
    // The events of the target `events`: a config, then what happens.
    let head = [3, 7, 5, 3, 6, 2, 4, 6, 0, 0, 19, 4, 0, 0, 0, 6];
    let records = [
        [0, SUBMIT, 1, 0, 2, 0],
        [1, UP, 0, 0, 0, 0],
        [2, DONE, 1, 0, 0, 0],
        [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
    ];
    let records = records.repeat(10);
    let recorded = [&[EVENTS], &head[..], records.as_flattened()];
    vec![
        ("empty", raw(&empty())),
        ("no-journal", raw(b"#!/bin/sh")),
        ("story", raw(&story)),
        ("cut", raw(&story[..story.len() - 3])),
        ("flipped", raw(&flipped)),
        ("newer-format", raw(&header(|it| it[8] = 3))),
        (
            "no-config",
            raw(&header(|it| {
                let at = capacity(it);
                it[at] = 0;
            })),
        ),
        (
            "newer-policy",
            raw(&header(|it| {
                let at = policy(it);
                it[at] = 9;
            })),
        ),
        (
            "frames",
            frames(&[
                timer.clone(),
                frame(0x80, &[1, 1, 9, 1, 2]),
                frame(0x81, b"\x02\x00\x04name\x06build7"),
                frame(0xff, b"whatever"),
                timer.clone(),
            ]),
        ),
        ("unknown-frame", frames(&[frame(7, b"?"), timer.clone()])),
        (
            "unknown-event",
            frames(&[frame(1, &[2, 0, 0, 0, 0, 99, 1]), timer]),
        ),
        ("no-event", frames(&[frame(1, &[2, 0, 0, 0, 0, 3, 1, 9])])),
        ("no-note", frames(&[frame(0x81, b"\x02\x00\x04nam")])),
        ("recorded", recorded.concat()),
    ]
}
