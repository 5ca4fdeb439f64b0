//! Output that is kept in a folder for each job.
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use remuda_worker::wire::Stream;

use crate::spool::Output;

/// Most bytes of a name of a folder; file systems take 255.
const MOST: usize = 200;

/// The folder.
#[derive(Debug)]
pub(crate) struct Results(PathBuf);

impl Results {
    /// Makes the folder, its owner's alone, if it is not there.
    ///
    /// # Errors
    /// One line that names it.
    pub(crate) fn new(dir: &Path) -> Result<Results, String> {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(dir);
        made.map_err(|error| format!("--results {}: {error}", dir.display()))?;
        Ok(Results(dir.to_owned()))
    }

    /// Keeps what a job of this name printed, in place of what is there.
    ///
    /// # Errors
    /// One line that names the folder.
    pub(crate) fn keep(&self, name: &str, output: Option<&Output>) -> Result<(), String> {
        let dir = self.0.join(folder(name));
        self.write(&dir, output)
            .map_err(|error| format!("--results {}: {error}; it ends there", dir.display()))
    }

    fn write(&self, dir: &Path, output: Option<&Output>) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let mut out = File::create(dir.join("stdout"))?;
        let mut err = File::create(dir.join("stderr"))?;
        match output {
            None => Ok(()),
            Some(output) => output.copy(&mut |stream, bytes| match stream {
                Stream::Stdout => out.write_all(bytes),
                Stream::Stderr => err.write_all(bytes),
            }),
        }
    }
}

/// A name of a folder for a name of a job: no slash, no dots alone, not too long, and no other job's.
fn folder(name: &str) -> PathBuf {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '/' => text.push_str("%2F"),
            '%' => text.push_str("%25"),
            c => text.push(c),
        }
    }
    if text == "." || text == ".." {
        text = text.replace('.', "%2E");
    }
    if text.len() > MOST {
        // FNV-1a: what is cut off still tells names apart, in every version of this program.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        text.truncate(text.floor_char_boundary(MOST));
        text.push_str(&format!("%{hash:016x}"));
    }
    let text = std::ffi::OsStr::from_bytes(text.as_bytes());
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_a_folder_of_its_own() {
        for (name, expected) in [
            ("a b", "a b"),
            ("..", "%2E%2E"),
            ("a/../b", "a%2F..%2Fb"),
            ("a%2Fb", "a%252Fb"),
        ] {
            assert_eq!(folder(name), Path::new(expected));
        }
        let long = |last: &str| folder(&format!("{}{last}", "ü".repeat(5000)));
        assert!(long("a") != long("b") && long("a").as_os_str().len() < 255);
    }
}
