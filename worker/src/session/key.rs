//! The key of a cluster: 32 random bytes, which driver and workers have in a file that only its owner may read.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What the one line of a key file begins with.
const PREFIX: &str = "remuda-key-1:";

const LENGTH: usize = 32;

/// The key that a driver and its workers share. Who has it can run anything on the workers, and can be a worker.
///
/// ```
/// use remuda_worker::session::Key;
///
/// let dir = std::env::temp_dir().join(format!("remuda-key-{}", std::process::id()));
/// std::fs::create_dir_all(&dir)?;
/// let path = dir.join("key");
/// let key = Key::create(&path)?; // mode 600
/// assert!(Key::read(&path)? == key);
/// assert_eq!(format!("{key:?}"), "Key(..)");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; LENGTH]);

impl Key {
    /// A key of these bytes, which must be random and secret.
    #[must_use]
    pub fn new(bytes: [u8; LENGTH]) -> Key {
        Key(bytes)
    }

    /// A new random key.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn generate() -> io::Result<Key> {
        random().map(Key)
    }

    /// Makes a new key and writes it to a new file of mode 600.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn create(path: &Path) -> Result<Key, KeyError> {
        let wrong = |what: Wrong| KeyError {
            path: path.into(),
            what,
        };
        let key = Key::generate().map_err(|error| wrong(Wrong::Io(error)))?;
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let mut file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => wrong(Wrong::Exists),
            _ => wrong(Wrong::Io(error)),
        })?;
        let written = file.write_all(key.line().as_bytes());
        written
            .and_then(|()| file.sync_all())
            .map_err(|error| wrong(Wrong::Io(error)))?;
        Ok(key)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// It cannot be read, others than its owner can read or change it, or it has no key.
    pub fn read(path: &Path) -> Result<Key, KeyError> {
        let wrong = |what: Wrong| KeyError {
            path: path.into(),
            what,
        };
        let io = |error| wrong(Wrong::Io(error));
        let file = File::open(path).map_err(io)?;
        // Of the open file: the path may name another by now.
        let mode = file.metadata().map_err(io)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(wrong(Wrong::Mode(mode)));
        }
        let mut text = String::new();
        // A key file is short; what is not one may have no end.
        let read = file.take(4096).read_to_string(&mut text);
        match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(wrong(Wrong::NoKey)),
            Err(error) => Err(io(error)),
            Ok(_) => Key::parse(&text).ok_or_else(|| wrong(Wrong::NoKey)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    fn line(&self) -> String {
        let mut line = PREFIX.to_owned();
        for byte in self.0 {
            line += &format!("{byte:02x}");
        }
        line + "\n"
    }

    fn parse(text: &str) -> Option<Key> {
        let digits = text.trim_end().strip_prefix(PREFIX)?.as_bytes();
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
            .collect();
        bytes?.try_into().ok().map(Key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What is wrong with a key file.
#[derive(Debug)]
pub struct KeyError {
    path: PathBuf,
    what: Wrong,
}

#[derive(Debug)]
enum Wrong {
    Io(io::Error),
    Exists,
    Mode(u32),
    NoKey,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            Wrong::Io(error) => write!(f, "key file {path}: {error}"),
            Wrong::Exists => write!(
                f,
                "key file {path}: it is there already, and is not replaced (a cluster may use it)"
            ),
            Wrong::Mode(mode) => write!(
                f,
                "key file {path}: its mode is {mode:03o}, so others can read or change it (mend it: chmod 600 {path})"
            ),
            Wrong::NoKey => write!(
                f,
                "key file {path}: there is no key in it (make one: remuda key {path})"
            ),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.what {
            Wrong::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_survives_its_file_and_nonsense_is_no_key() {
        let key = Key::generate().expect("random bytes");
        assert_eq!(Key::parse(&key.line()), Some(key.clone()));
        assert_ne!(Key::generate().expect("random bytes"), key);
        let line = key.line();
        for text in [
            "",
            "remuda-key-1:",
            &line[1..],
            &line[..line.len() - 2],
            &line.replace(PREFIX, "remuda-key-2:"),
            &format!("{}00\n", line.trim_end()),
            &"é".repeat(40),
        ] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_change_is_refused_with_the_command_that_mends_it() {
        let dir = std::env::temp_dir().join(format!("remuda-modes-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let path = dir.join("key");
        let key = Key::create(&path).expect("a new file");
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode));
        for refused in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644] {
            mode(refused).expect("it is ours");
            let error = Key::read(&path)
                .expect_err("others can read it")
                .to_string();
            let mend = format!(
                "mode is {refused:03o}, so others can read or change it (mend it: chmod 600 {}",
                path.display()
            );
            assert!(error.contains(&mend), "{error}");
        }
        for allowed in [0o600, 0o400] {
            mode(allowed).expect("it is ours");
            assert_eq!(Key::read(&path).expect("only ours"), key);
        }
        let error = Key::create(&path).expect_err("it is there").to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(Key::read(&path).expect("it was not replaced"), key);
        std::fs::remove_dir_all(&dir).expect("it is ours");
    }
}
