//! Files that are there whole or not at all.
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{emulate_default_handler, unregister};
use tempfile::NamedTempFile;

/// Whether two paths are one file, there or not yet.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    one == other || id(one).is_some_and(|one| id(other) == Some(one))
}

/// Writes a file beside `path`, and puts it there when it is done. Into what is no plain file, a pipe say, it is written
/// straight. A signal that ends this process leaves nothing half done.
///
/// # Errors
/// The file system's, or those of `fill`; what `path` held before is then still there.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut out = BufWriter::new(File::options().write(true).open(path)?);
        fill(&mut out)?;
        return out.flush();
    }
    // What a link stands for is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let signal = Arc::new(AtomicUsize::new(0));
    let mut handlers = Vec::new();
    for number in [SIGINT, SIGTERM] {
        let signal = Arc::clone(&signal);
        handlers.push(signal_hook::flag::register_usize(
            number,
            signal,
            number as usize,
        )?);
    }
    let beside = filled(folder, &signal, fill);
    let written = match signal.load(Ordering::Relaxed) {
        0 => beside.and_then(|beside| Ok(beside.persist(&path).map(drop)?)),
        number => {
            drop(beside);
            emulate_default_handler(number as i32)
        }
    };
    for handler in handlers {
        unregister(handler);
    }
    written
}

/// A file in this folder that is gone when it is dropped.
fn filled(
    folder: &Path,
    signal: &AtomicUsize,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // As any new file: what the umask leaves.
    let builder = builder.permissions(Permissions::from_mode(0o666));
    let beside = builder.prefix(".remuda-").tempfile_in(folder);
    // Its own message names the file beside, which the user does not know.
    let mut beside = beside.map_err(|error| match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error,
    })?;
    let to = Unless {
        signal,
        file: beside.as_file_mut(),
    };
    let mut out = BufWriter::with_capacity(1 << 16, to);
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    Ok(beside)
}

/// Writes to a file unless a signal has come.
struct Unless<'a> {
    signal: &'a AtomicUsize,
    file: &'a mut File,
}

impl Write for Unless<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.signal.load(Ordering::Relaxed) != 0 {
            return Err(io::Error::other("interrupted"));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
