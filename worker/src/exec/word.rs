//! A word of a command: bytes, as the operating system has them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::{ByteBuf, Bytes};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A command line, an argument, a path or a variable: any bytes, as names of files need not be UTF-8. Made of a text or of an
/// [`OsString`]; on the wire it is what a text of these bytes is.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Word(OsString);

impl Word {
    /// As the standard library has it.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AsRef<OsStr> for Word {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl From<OsString> for Word {
    fn from(word: OsString) -> Word {
        Word(word)
    }
}

impl From<String> for Word {
    fn from(word: String) -> Word {
        Word(word.into())
    }
}

impl From<&str> for Word {
    fn from(word: &str) -> Word {
        Word(word.into())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes::new(self.as_bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        ByteBuf::deserialize(deserializer).map(|bytes| Word(OsString::from_vec(bytes.into_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_on_the_wire_what_a_text_is_and_may_be_none() {
        let text = postcard::to_allocvec("a b").expect("a text");
        assert_eq!(
            postcard::to_allocvec(&Word::from("a b")).expect("a word"),
            text
        );
        let odd = Word::from(OsString::from_vec(vec![0xff, b'x']));
        let bytes = postcard::to_allocvec(&odd).expect("a word");
        assert_eq!(postcard::from_bytes::<Word>(&bytes), Ok(odd));
    }
}
