//! A run that is killed and goes on from its journal (`--recover`).
//!
//! The journal has what the manager decided, and notes of ours: which request was for which job, what is about to be
//! printed, and what has been. A job whose output was printed is not run again. What was being printed when the run was
//! killed is taken back where standard output is the same file, and else may be there twice.
//!
//! | file | what it owns |
//! |---|---|
//! | `notes.rs` | what is written to the journal besides, and how it is read |
//! | `streams.rs` | how far the outputs were written, and how they are cut back to there |
//! | `digest.rs` | what tells that the jobs are the same |
//! | `remains.rs` | the processes of the killed run, until they have ended |
mod digest;
mod notes;
mod remains;
mod streams;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use remuda::Config;
use remuda::journal::Label;
use remuda_tokio::Past;
use remuda_worker::session::SessionId;

pub(crate) use digest::Digest;
pub(crate) use notes::{Before, Begun, Noted, Notes};

/// The labels of a journal by which it is known again.
const COMMAND: (&str, &str) = ("command", "remuda run");
const JOBS: &str = "recover.jobs";
const NAME: &str = "recover.run";

/// What labels begin with that say nothing to people.
pub(crate) const OWN: &str = "recover.";

/// A run that was killed, and goes on.
pub(crate) struct Recovery {
    pub(crate) past: Past,
    pub(crate) before: Before,
    /// The mark of the processes of the run.
    pub(crate) run: String,
    /// What to tell the user.
    pub(crate) told: Vec<String>,
}

/// What a new journal is labelled with, so that its run can be recovered: nothing, if its jobs cannot be had again.
pub(crate) fn labels(digest: Option<&Digest>, run: &str) -> Vec<Label> {
    let mut labels = vec![Label::new(COMMAND.0, COMMAND.1)];
    if let Some(digest) = digest {
        labels.push(Label::new(JOBS, digest.hex()));
        labels.push(Label::new(NAME, run));
    }
    labels
}

/// A mark for the processes of a run.
///
/// # Errors
/// There are no random bytes.
pub(crate) fn new_run() -> Result<String, String> {
    let id = SessionId::random().map_err(|error| format!("no random bytes: {error}"))?;
    Ok(id.to_string())
}

impl Recovery {
    /// Reads a journal, which is locked, checks that it is one of these jobs and machines, and leaves the file where its next
    /// frame is to be written. Waits until nothing of the killed run is alive on this computer.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn new(
        file: &mut File,
        path: &Path,
        digest: Option<Digest>,
        config: &Config,
    ) -> Result<Recovery, String> {
        let failed = |what: &dyn std::fmt::Display| format!("--recover {}: {what}", path.display());
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(|error| failed(&error))?;
        if bytes.is_empty() {
            return Err(failed(
                &"it is empty: its run had not begun, so begin it with --journal",
            ));
        }
        let mut before = Before::default();
        let past = Past::read(&bytes, |note| before.see(note)).map_err(|error| failed(&error))?;
        let labels = &past.header().labels;
        let label = |name: &str| {
            let label = labels.iter().find(|label| label.name == name);
            label.map(|label| label.value.as_str())
        };
        if label(COMMAND.0) != Some(COMMAND.1) {
            return Err(failed(&"it is no journal of remuda run"));
        }
        let (Some(jobs), Some(run)) = (label(JOBS), label(NAME)) else {
            return Err(failed(
                &"its jobs came from a pipe, which cannot be read again (to recover a run, have its jobs in a file)",
            ));
        };
        let Some(digest) = digest else {
            return Err(failed(
                &"jobs of a pipe cannot be compared with those of the killed run; give the same job file",
            ));
        };
        if jobs != digest.hex() {
            return Err(failed(
                &"the jobs are not those of the killed run; give the same jobs, as they were",
            ));
        }
        if past.header().config != *config {
            return Err(failed(
                &"the machines are not those of the killed run; give the same flags, as they were",
            ));
        }
        let run = run.to_owned();
        if past.is_over() && !before.is_complete() {
            return Err(failed(
                &"its run was not killed: it was ended, and has said what is left to do (a job log and --resume go on from there)",
            ));
        }
        remains::wait(&run).map_err(|error| failed(&error))?;
        file.set_len(past.length())
            .and_then(|()| file.seek(SeekFrom::Start(past.length())))
            .map_err(|error| failed(&error))?;
        let told = before.take_back();
        Ok(Recovery {
            past,
            before,
            run,
            told,
        })
    }
}
