//! Files that a run writes beside its output: opened before anything starts.
use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Opens a file to write; what it held before is gone. `jobs` is the job file, which it must not be.
///
/// # Errors
/// One line that names the option and the file.
pub(crate) fn open(option: &str, path: &Path, jobs: Option<&Path>) -> Result<File, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{option} {}: {error}", path.display());
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    if jobs.and_then(id).is_some_and(|jobs| id(path) == Some(jobs)) {
        return Err(failed(&"it is the job file itself"));
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path);
    file.map_err(|error| failed(&error))
}
