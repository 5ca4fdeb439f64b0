//! Files that a run writes beside its output: opened before anything starts, and told apart, by device and inode, from each
//! other and from what it reads and writes besides.
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, fcntl_getfl, fcntl_setfl, flock};
use rustix::io::Errno;

/// The regular files that a run has to do with, each with what it is. Pipes and devices may be used more than once.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<(Identity, &'static str)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each write goes behind what is there. A new file is its owner's alone.
    Append,
    /// What it held before is to go.
    Replace,
}

impl Files {
    /// The streams that it writes to.
    pub(crate) fn new() -> Files {
        let mut files = Files::default();
        files.stream(io::stdout().as_fd(), "it is the standard output too");
        files.stream(io::stderr().as_fd(), "it is the standard error too");
        files
    }

    /// Adds a file that is read, if it is there: `what` says so, where another is found to be the same.
    pub(crate) fn read(&mut self, path: &Path, what: &'static str) {
        if let Ok(found) = path.metadata() {
            self.add(&found, what);
        }
    }

    /// Adds a stream.
    pub(crate) fn stream(&mut self, stream: impl AsFd, what: &'static str) {
        let file = stream.as_fd().try_clone_to_owned().map(File::from);
        if let Ok(found) = file.and_then(|file| file.metadata()) {
            self.add(&found, what);
        }
    }

    /// Opens a file to write, and locks it: another run may write to the same one. `what` is said of it if a later one is the
    /// same.
    ///
    /// # Errors
    /// One line that names the option and the file. Nothing has been changed in it then.
    pub(crate) fn open(
        &mut self,
        option: &str,
        path: &Path,
        mode: Mode,
        what: &'static str,
    ) -> Result<File, String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("{option} {}: {error}", path.display());
        let mut options = OpenOptions::new();
        options.create(true).custom_flags(nonblocking());
        match mode {
            Mode::Append => options.append(true).read(is_plain(path)).mode(0o600),
            Mode::Replace => options.write(true).truncate(false),
        };
        let file = options.open(path).map_err(|error| {
            match (path.metadata(), Errno::from_io_error(&error)) {
                (Ok(found), Some(Errno::NXIO)) if found.file_type().is_fifo() => {
                    failed(&"it is a pipe that nothing reads; start its reader first")
                }
                _ => failed(&error),
            }
        })?;
        let found = file.metadata().map_err(|error| failed(&error))?;
        if let Some(what) = self.find(&found) {
            return Err(failed(&what));
        }
        // It was for the opening alone.
        let _ = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags - OFlags::NONBLOCK));
        if found.is_file() {
            // A file system without locks is none of our business.
            if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
                return Err(failed(&"another run writes to it"));
            }
            if mode == Mode::Replace {
                file.set_len(0).map_err(|error| failed(&error))?;
            }
        }
        self.add(&found, what);
        Ok(file)
    }

    fn add(&mut self, found: &Metadata, what: &'static str) {
        if found.is_file() {
            self.0.push((Identity::of(found), what));
        }
    }

    fn find(&self, found: &Metadata) -> Option<&'static str> {
        let same = |(identity, _): &&(Identity, _)| *identity == Identity::of(found);
        self.0.iter().find(same).map(|&(_, what)| what)
    }
}

/// Whether the standard output was closed (`>&-`). Rust then opens /dev/null in its place, for reading and writing: told apart
/// by the standard input from a service of which all streams are one such file.
pub(crate) fn is_closed() -> bool {
    let opened = |fd: BorrowedFd<'_>| {
        let null = Path::new("/dev/null")
            .metadata()
            .ok()
            .map(|null| null.rdev());
        let found = rustix::fs::fstat(fd).ok().map(|found| found.st_rdev);
        let both = fcntl_getfl(fd).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
        both && null.is_some() && found == null
    };
    opened(io::stdout().as_fd()) && !opened(io::stdin().as_fd())
}

impl Identity {
    fn of(found: &Metadata) -> Identity {
        Identity {
            device: found.dev(),
            inode: found.ino(),
        }
    }
}

/// A file that is there, or will be made: it can be read as well.
fn is_plain(path: &Path) -> bool {
    path.metadata().map_or(true, |found| found.is_file())
}

/// Without it, opening a pipe waits for its reader.
fn nonblocking() -> i32 {
    i32::try_from(OFlags::NONBLOCK.bits()).expect("flags fit into the C type they are passed as")
}
