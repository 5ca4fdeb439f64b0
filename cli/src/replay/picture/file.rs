//! Files that are there whole or not at all.
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::signals::Delay;
use crate::text::without_path;

/// Whether two paths are one file, there or not yet.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    match (id(one), id(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => end_of_links(one) == end_of_links(other),
        _ => false,
    }
}

/// The path of a file, there or not yet, without links.
fn end_of_links(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    // A link may stand for what is not there yet.
    let next = fs::read_link(path).map(|to| folder(path).join(to));
    let path = next.as_deref().unwrap_or(path);
    match (fs::canonicalize(folder(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes a file beside `path`, and puts it there when it is done, unless a signal has come. Into what is no plain file, a
/// pipe say, it is written straight.
///
/// # Errors
/// The file system's, or those of `fill`; what `path` held before is then still there.
pub(super) fn write(
    path: &Path,
    delay: &Delay,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let found = fs::metadata(path).ok();
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        let file = File::options().write(true).open(path)?;
        let mut out = BufWriter::new(Unless { delay, file });
        fill(&mut out)?;
        return out.flush();
    }
    // What a link stands for is replaced, not the link.
    let path = end_of_links(path);
    let beside = filled(folder(&path), delay, fill)?;
    if let Some(found) = found {
        let mode = found.permissions().mode();
        beside
            .as_file()
            .set_permissions(Permissions::from_mode(mode))?;
    }
    if delay.has_come() {
        return Err(interrupted());
    }
    Ok(beside.persist(&path).map(drop)?)
}

/// A file in this folder that is gone when it is dropped.
fn filled(
    folder: &Path,
    delay: &Delay,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // As any new file: what the umask leaves.
    let builder = builder.permissions(Permissions::from_mode(0o666));
    let beside = builder.prefix(".remuda-").tempfile_in(folder);
    // Its own message names the file beside, which the user does not know.
    let mut beside = beside.map_err(|error| io::Error::other(without_path(&error)))?;
    let file = beside.as_file_mut();
    let mut out = BufWriter::with_capacity(1 << 16, Unless { delay, file });
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    Ok(beside)
}

fn interrupted() -> io::Error {
    io::Error::other("interrupted")
}

/// Writes to a file unless a signal has come.
struct Unless<'a, F> {
    delay: &'a Delay,
    file: F,
}

impl<F: Write> Write for Unless<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.delay.has_come() {
            return Err(interrupted());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
