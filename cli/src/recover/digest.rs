//! What tells that jobs are the same as in an earlier run: the bytes that they were read from.
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A digest of all that jobs are made from (FNV-1a, 128 bits). It tells mistakes, not malice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(u128);

impl Digest {
    /// Of nothing yet.
    pub(crate) fn new() -> Digest {
        Digest(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 =
                (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// Adds one text, apart from the next.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.bytes(&(text.len() as u64).to_le_bytes());
        self.bytes(text);
    }

    /// Adds the rest of a file, and goes back to where it was. False: it is a pipe, which cannot be read again.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn rest_of(&mut self, mut file: &File) -> io::Result<bool> {
        if !file.metadata()?.is_file() {
            return Ok(false);
        }
        let start = file.stream_position()?;
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0_u64;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            length += read as u64;
            self.bytes(&buffer[..read]);
        }
        self.bytes(&length.to_le_bytes());
        file.seek(SeekFrom::Start(start))?;
        Ok(true)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_fnv_and_parts_do_not_run_together() {
        let mut digest = Digest::new();
        digest.bytes(b"foobar");
        // A published test vector.
        assert_eq!(digest.to_string(), "343e1662793c64bf6f0d3597ba446f18");
        let of = |parts: &[&str]| {
            let mut digest = Digest::new();
            parts.iter().for_each(|part| digest.text(part.as_bytes()));
            digest
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }
}
