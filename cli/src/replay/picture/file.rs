//! Files that are there whole or not at all.
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Whether two paths are one file, there or not yet.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    one == other || id(one).is_some_and(|one| id(other) == Some(one))
}

/// Writes a file beside `path`, and puts it there when it is done. Into what is no plain file, a pipe say, it is written
/// straight.
///
/// # Errors
/// The file system's, or those of `fill`; what `path` held before is then still there.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> io::Result<()> {
    let full = |file: &mut File| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        fill(&mut out)?;
        out.flush()
    };
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return full(&mut File::options().write(true).open(path)?);
    }
    // What a link stands for is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // As any new file: what the umask leaves.
    let builder = builder.permissions(Permissions::from_mode(0o666));
    let mut beside = builder.prefix(".remuda-").tempfile_in(folder)?;
    full(beside.as_file_mut())?;
    beside.persist(&path)?;
    Ok(())
}
