//! Notes: what the manager does not decide on, such as names of machines, errors of starts, figures
//! of polls.

use alloc::vec::Vec;

use super::bytes::{Bytes, put, put_text, zigzag};
use crate::protocol::id::MachineId;
use crate::protocol::time::Instant;

/// The most bytes of a text that are kept.
const LONGEST: usize = (64 << 10) - 64;

/// A remark about a machine. A replay may show it; the manager is not told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note<'a> {
    /// When.
    pub time: Instant,
    /// About which machine.
    pub machine: MachineId,
    /// What sort of remark it is, in a word: `name`, `start failed`, `stopped`, `figures`, `job`.
    pub topic: &'a str,
    /// The remark. It is shortened to less than 64 KiB.
    pub text: &'a str,
}

pub(super) fn put_note(out: &mut Vec<u8>, note: &Note<'_>, last: Instant) {
    put(out, zigzag(note.time.0.wrapping_sub(last.0) as i64));
    put(out, note.machine.0);
    for text in [note.topic, note.text] {
        put_text(out, shortened(text));
    }
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

pub(super) fn note<'a>(bytes: &mut Bytes<'a>, last: Instant) -> Option<Note<'a>> {
    Some(Note {
        time: Instant(last.0.wrapping_add(bytes.signed()? as u64)),
        machine: MachineId(bytes.varint()?),
        topic: bytes.text()?,
        text: bytes.text()?,
    })
}
