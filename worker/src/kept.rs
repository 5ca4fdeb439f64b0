//! The output of a call that its driver may ask for again: in memory while it is short, else in a file that has no name.

use crate::wire::{MAX_CHUNK, Stream};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// So many bytes are kept in memory.
const IN_MEMORY: usize = 64 * 1024;

/// More than this is not kept of one call: the disk is there for others too.
const MOST: u64 = 1 << 30;

/// Before each piece: its stream, and its length.
const HEAD: usize = 5;

/// All output of a call so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
    /// It could not be kept to its end.
    lost: bool,
}

/// Where reading it goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Where a piece begins.
    piece: u64,
    /// How much of it was read.
    within: usize,
}

impl Kept {
    /// Adds a piece of at most [`MAX_CHUNK`] bytes.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        if self.lost {
            return;
        }
        let mut piece = Vec::with_capacity(HEAD + bytes.len());
        piece.push(u8::from(stream == Stream::Stderr));
        piece.extend((bytes.len() as u32).to_le_bytes());
        piece.extend_from_slice(bytes);
        if self.add(&piece).is_err() {
            // There is too much of it, or the disk is full. The call goes on; only another driver cannot have it.
            *self = Kept {
                lost: true,
                ..Kept::default()
            };
        }
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.length + piece.len() as u64 > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.file.is_none() && self.memory.len() + piece.len() > IN_MEMORY {
            let file = nameless()?;
            file.write_all_at(&self.memory, 0)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &self.file {
            None => self.memory.extend_from_slice(piece),
            Some(file) => file.write_all_at(piece, self.length)?,
        }
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Whether it is not all there.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The end of it.
    pub(crate) fn end(&self) -> Place {
        Place {
            piece: self.length,
            within: 0,
        }
    }

    /// The next bytes from a place on, at most `most`; none at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next(
        &self,
        place: &mut Place,
        most: usize,
    ) -> io::Result<Option<(Stream, Vec<u8>)>> {
        if place.piece >= self.length {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        self.read(place.piece, &mut head)?;
        let [stream, length @ ..] = head;
        let stream = if stream == 0 {
            Stream::Stdout
        } else {
            Stream::Stderr
        };
        let length = u32::from_le_bytes(length) as usize;
        let mut bytes = vec![0; (length - place.within).min(most).min(MAX_CHUNK)];
        self.read(place.piece + (HEAD + place.within) as u64, &mut bytes)?;
        place.within += bytes.len();
        if place.within == length {
            *place = Place {
                piece: place.piece + (HEAD + length) as u64,
                within: 0,
            };
        }
        Ok(Some((stream, bytes)))
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        match &self.file {
            Some(file) => file.read_exact_at(into, at),
            None => {
                let at = at as usize;
                into.copy_from_slice(&self.memory[at..at + into.len()]);
                Ok(())
            }
        }
    }
}

/// A file that goes with its last descriptor.
fn nameless() -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("remuda-output-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever pieces are kept, and in whatever steps they are read: each stream is whole and in order.
        #[test]
        fn it_is_read_as_it_was_written(
            pieces in proptest::collection::vec((any::<bool>(), 0..9000_usize), 0..40),
            most in 1..20_000_usize,
        ) {
            let (mut kept, mut place) = (Kept::default(), Place::default());
            let (mut wanted, mut found) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
            for (n, &(stderr, length)) in pieces.iter().enumerate() {
                let bytes = vec![n as u8; length];
                let stream = if stderr { Stream::Stderr } else { Stream::Stdout };
                kept.push(stream, &bytes);
                wanted[usize::from(stderr)].extend(bytes);
            }
            while let Some((stream, bytes)) = kept.next(&mut place, most).expect("it is there") {
                prop_assert!(bytes.len() <= most);
                found[usize::from(stream == Stream::Stderr)].extend(bytes);
            }
            prop_assert_eq!(&found, &wanted);
            prop_assert_eq!(place.piece, kept.end().piece);
            let total: usize = pieces.iter().map(|(_, length)| HEAD + length).sum();
            prop_assert_eq!(kept.file.is_some(), total > IN_MEMORY);
        }
    }
}
