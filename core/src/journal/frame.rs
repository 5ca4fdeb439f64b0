//! Frames: a kind, a length, a checksum, a body.

use alloc::vec::Vec;

use super::bytes::{Bytes, put};
use super::error::Error;

/// An event.
pub(super) const EVENT: u8 = 1;
/// The whole manager. Ancillary, as are all kinds from here up: a reader that does not know one
/// passes it over.
pub(super) const SNAPSHOT: u8 = 0x80;
/// What the manager does not decide on. Ancillary.
pub(super) const NOTE: u8 = 0x81;

/// No event is longer (none of today's is longer than 96 bytes); a length beyond this is damage,
/// not a cut.
const LONGEST_EVENT: u64 = 512;
/// No note is longer.
const LONGEST_NOTE: u64 = 1 << 17;

/// Appends a frame.
pub(super) fn put_frame(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let begin = out.len();
    out.push(kind);
    put(out, body.len() as u64);
    let head = out.len() - begin;
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&out[begin..begin + head]);
    checksum.update(body);
    out.extend_from_slice(&checksum.finalize().to_le_bytes());
    out.extend_from_slice(body);
}

/// A frame whose checksum holds.
pub(super) struct Raw<'a> {
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
    /// Where the next one begins.
    pub(super) end: usize,
}

/// The frame that begins at `offset`, which is not the end; its checksum is compared if `check` is
/// true of its kind.
pub(super) fn frame(
    bytes: &[u8],
    offset: usize,
    check: impl FnOnce(u8) -> bool,
) -> Result<Raw<'_>, Error> {
    let (cut, corrupt) = (Error::Cut { offset }, Error::Corrupt { offset });
    let mut rest = Bytes(bytes.get(offset..).unwrap_or_default());
    let kind = rest.byte().ok_or(cut)?;
    let length = match rest.varint() {
        Some(length) => length,
        // The length is cut off, or it is no number.
        None if rest.is_empty() => return Err(cut),
        None => return Err(corrupt),
    };
    let longest = match kind {
        EVENT => LONGEST_EVENT,
        NOTE => LONGEST_NOTE,
        _ => u64::MAX,
    };
    if length > longest {
        return Err(corrupt);
    }
    let head = bytes.len() - offset - rest.0.len();
    let said = u32::from_le_bytes(rest.array().ok_or(cut)?);
    let body = usize::try_from(length).ok().and_then(|it| rest.take(it));
    let body = body.ok_or(cut)?;
    if check(kind) {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&bytes[offset..offset + head]);
        checksum.update(body);
        if checksum.finalize() != said {
            return Err(corrupt);
        }
    }
    Ok(Raw {
        kind,
        body,
        end: bytes.len() - rest.0.len(),
    })
}
