//! What tells that jobs are the same as in an earlier run: a digest of the bytes that they were read from.
use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use blake2::{Blake2s256, Digest as _};
use data_encoding::HEXLOWER;

/// A digest of all that jobs are made from.
#[derive(Clone, Debug)]
pub(crate) struct Digest(Blake2s256);

impl Digest {
    /// Of nothing yet.
    pub(crate) fn new() -> Digest {
        Digest(Blake2s256::new())
    }

    /// Adds one text, apart from the next.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
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
        let length = io::copy(&mut file, &mut self.0)?;
        self.0.update(length.to_le_bytes());
        file.seek(SeekFrom::Start(start))?;
        Ok(true)
    }

    /// In hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        HEXLOWER.encode(&self.0.clone().finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: &[&str]| {
            let mut digest = Digest::new();
            parts.iter().for_each(|part| digest.text(part.as_bytes()));
            digest.hex()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }
}
