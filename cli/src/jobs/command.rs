//! What a job runs, in bytes: names of files need not be UTF-8. JSON says such a byte as Python does when it reads a name
//! (`os.fsdecode`): byte 0xff is `"\udcff"`, an escape that no text contains.
use core::fmt;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// What a job runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// A text for `sh -c`.
    Shell(OsString),
    /// A program and its arguments, run without a shell. Never empty.
    Argv(Vec<OsString>),
}

impl Command {
    /// The words; of a text for the shell it is one.
    pub fn words(&self) -> &[OsString] {
        match self {
            Command::Shell(text) => core::slice::from_ref(text),
            Command::Argv(words) => words,
        }
    }

    /// One line for a shell that does the same.
    pub fn line(&self) -> OsString {
        match self {
            Command::Shell(text) => text.clone(),
            Command::Argv(words) => {
                let quoted = words.iter().map(|word| quoted(word.as_bytes()));
                OsString::from_vec(quoted.collect::<Vec<_>>().join(&b' '))
            }
        }
    }
}

/// A word as the shell needs it to get it back unchanged; as it is if it has nothing special in it. A NUL is left out, which
/// no program could be given.
pub fn quoted(word: &[u8]) -> Vec<u8> {
    match shlex::bytes::try_quote(word) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => {
            let without: Vec<u8> = word.iter().copied().filter(|&byte| byte != 0).collect();
            shlex::bytes::try_quote(&without).map_or(Vec::new(), std::borrow::Cow::into_owned)
        }
    }
}

/// A string of JSON, in bytes.
pub(super) struct Word(pub(super) OsString);

struct Text;

impl Visitor<'_> for Text {
    type Value = Word;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Word, E> {
        unescaped(bytes).map(Word).ok_or_else(|| {
            E::custom("half of a surrogate pair (only \\udc80 to \\udcff stand for a byte)")
        })
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        deserializer.deserialize_bytes(Text)
    }
}

/// By hand, as serde's own choice between a string and a list says only that neither fits.
impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Command, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Command;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings as cmd")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Command, E> {
                Text.visit_bytes(bytes).map(|word| Command::Shell(word.0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Command, A::Error> {
                let mut words = Vec::new();
                while let Some(Word(word)) = seq.next_element()? {
                    words.push(word);
                }
                Ok(Command::Argv(words))
            }
        }
        // As bytes: a text of serde's has no room for a byte that is not UTF-8.
        deserializer.deserialize_bytes(Words)
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Command::Shell(text) => Escaped(text).serialize(serializer),
            Command::Argv(words) => serializer.collect_seq(words.iter().map(|word| Escaped(word))),
        }
    }
}

/// Writes a string of JSON, in bytes.
struct Escaped<'a>(&'a OsStr);

impl Serialize for Escaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.0.to_str() {
            return serializer.serialize_str(text);
        }
        let mut json = String::from("\"");
        for chunk in self.0.as_bytes().utf8_chunks() {
            let text = serde_json::to_string(chunk.valid()).map_err(serde::ser::Error::custom)?;
            json.push_str(&text[1..text.len() - 1]);
            for byte in chunk.invalid() {
                json.push_str(&format!("\\udc{byte:02x}"));
            }
        }
        json.push('"');
        let raw = RawValue::from_string(json).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Bytes out of a string of JSON: escaped halves of surrogate pairs, which serde gives as three bytes, are bytes of their own.
fn unescaped(bytes: &[u8]) -> Option<OsString> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Some(text.into());
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        match rest {
            [0xed, high @ 0xb2..=0xb3, low, behind @ ..] => {
                out.push(((high & 0x03) << 6) | (low & 0x3f));
                rest = behind;
            }
            [0xed, 0xa0..=0xff, ..] => return None,
            _ => {
                out.push(first);
                rest = behind;
            }
        }
    }
    Some(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_that_is_no_text_is_half_of_a_surrogate_pair() {
        let read = |json: &str| serde_json::from_str::<Command>(json);
        let shell = |bytes: &[u8]| Command::Shell(OsStr::from_bytes(bytes).to_owned());
        assert_eq!(read(r#""rm a\udcffb""#).unwrap(), shell(b"rm a\xffb"));
        assert_eq!(
            read(r#""\udc80ü\udcc3""#).unwrap(),
            shell(b"\x80\xc3\xbc\xc3")
        );
        let emoji = read(r#""\ud83d\ude00""#).unwrap();
        assert_eq!(emoji, shell("😀".as_bytes()));
        for wrong in [r#""\ud800""#, r#""\udc00""#, r#"["a", "\udfff"]"#] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("surrogate"), "{wrong}: {error}");
        }
        let json = serde_json::to_string(&shell(b"\"\xfe\n")).unwrap();
        assert_eq!(json, r#""\"\udcfe\n""#);
    }

    #[test]
    fn a_line_for_the_shell_quotes_words_and_no_text() {
        let words = ["echo", "a b", "it's", ""].map(OsString::from);
        let line = Command::Argv(words.to_vec()).line();
        assert_eq!(
            shlex::split(line.to_str().unwrap()).unwrap(),
            ["echo", "a b", "it's", ""]
        );
        assert_eq!(Command::Shell("a  | b".into()).line(), "a  | b");
        assert_eq!(quoted(b"a\0 b"), b"'a b'");
    }

    proptest! {
        #[test]
        fn any_bytes_are_written_and_read(words in proptest::collection::vec(proptest::collection::vec(1..=255_u8, 0..20), 1..4)) {
            let words: Vec<_> = words.into_iter().map(OsString::from_vec).collect();
            for command in [Command::Shell(words[0].clone()), Command::Argv(words)] {
                let json = serde_json::to_string(&command).unwrap();
                prop_assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
            }
        }
    }
}
