//! A command of the user's that says whether a candidate still fails.
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use remuda_sim::find::answers;
use remuda_sim::shrink::Run;
use remuda_tokio::{Keep, harmless};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::candidate::{manager, scenario};

/// How often a check that runs is asked whether it should end.
const LOOK: Duration = Duration::from_millis(50);

/// So much of a check's output is shown.
const SHOWN: u64 = 2_000;

/// The command, and where its candidates stand.
#[derive(Debug)]
pub(super) struct Check {
    command: String,
    timeout: Duration,
    stopped: Arc<AtomicBool>,
    dir: TempDir,
    output: Option<File>,
}

/// What it says of a run.
#[derive(Debug)]
pub(super) enum Said {
    /// It fails.
    Yes,
    /// It does not: how the command ended.
    No(String),
    /// A signal came first.
    Stopped,
}

impl Check {
    /// A command that may run for so long, and is ended when `stopped` is set.
    ///
    /// # Errors
    /// There is no place for temporary files.
    pub(super) fn new(
        command: String,
        timeout: Duration,
        stopped: Arc<AtomicBool>,
    ) -> Result<Check, String> {
        let dir = tempfile::Builder::new()
            .prefix("remuda-minimise")
            .tempdir()
            .map_err(|error| format!("no temporary directory: {error}"))?;
        Ok(Check {
            command,
            timeout,
            stopped,
            dir,
            output: None,
        })
    }

    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Asks the command about a run.
    ///
    /// # Errors
    /// It cannot be asked: the candidate cannot be written, or no process started.
    pub(super) fn of(&mut self, run: &Run) -> Result<Said, String> {
        let path = self.candidate(run)?;
        let trouble = |error| format!("the check cannot be run: {error}");
        let output = tempfile::tempfile().map_err(trouble)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", &self.command, "remuda-check"])
            .arg(&path)
            .env("REMUDA_SCENARIO", &path)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(trouble)?)
            .stderr(output.try_clone().map_err(trouble)?)
            // So that Ctrl-C leaves its end to us, and all of it can be ended.
            .process_group(0);
        let child = command.spawn().map_err(trouble)?;
        self.output = Some(output);
        self.wait(child).map_err(trouble)
    }

    fn candidate(&self, run: &Run) -> Result<PathBuf, String> {
        let path = self.dir.path().join("candidate.jsonl");
        let text = scenario(run, &answers(run, &manager), None);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    fn wait(&self, mut child: Child) -> std::io::Result<Said> {
        let group = Pid::from_child(&child);
        let until = Instant::now() + self.timeout;
        let (ended, status) = mpsc::channel();
        std::thread::Builder::new()
            .name("check".into())
            .spawn(move || ended.send(child.wait()))?;
        let said = loop {
            let left = until.saturating_duration_since(Instant::now());
            match status.recv_timeout(left.min(LOOK)) {
                Ok(status) => return status.map(said),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(std::io::Error::other("its end was not seen"));
                }
                Err(RecvTimeoutError::Timeout) if self.stopped.load(Ordering::Relaxed) => {
                    break Said::Stopped;
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    let secs = self.timeout.as_secs_f64();
                    break Said::No(format!("took longer than {secs} s (see --check-timeout)"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        // It may have ended this very moment.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = status.recv();
        Ok(said)
    }

    /// The end of what the last one printed, to be shown after a sentence.
    pub(super) fn last_output(&mut self) -> String {
        let text = self.output.as_mut().and_then(|file| tail(file).ok());
        let text = text.unwrap_or_default();
        let lines = text.lines().map(|line| harmless(line, Keep::Start(1000)));
        let clean: Vec<String> = lines.collect();
        match clean.join("\n").trim_end() {
            "" => "; it printed nothing".to_owned(),
            text => format!("; its last output:\n{text}"),
        }
    }
}

fn tail(file: &mut File) -> std::io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(SHOWN)))?;
    let mut bytes = Vec::new();
    file.take(SHOWN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn said(status: ExitStatus) -> Said {
    match (status.code(), status.signal()) {
        (Some(0), _) => Said::Yes,
        (Some(code), _) => Said::No(format!("ended with exit status {code}")),
        (None, Some(signal)) => Said::No(format!("was ended by signal {signal}")),
        (None, None) => Said::No("ended without a status".to_owned()),
    }
}
