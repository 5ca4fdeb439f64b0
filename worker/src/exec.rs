//! The built-in function "exec": runs a process, and streams its output.
//!
//! A job is a process that leads a process group of its own, reads /dev/null and ends when it exits. It does not wait for
//! other processes that hold its pipes: background processes of its group have 100 ms to finish their output, then they are
//! killed. A process that must outlive its job has to leave the group *and* the session, with `setsid`. One that leaves only
//! the group lives until the worker ends.

mod exit;
mod job;
mod process;
mod word;

pub use word::Word;

pub(crate) use job::run as run_job;
pub use job::{Gpus, JOB, Job, JobEnd};

use crate::context::Context;
use crate::wire::Failure;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The name of the function.
pub const EXEC: &str = "exec";

/// The environment variable of every job that has the mark of its worker. A worker that a job starts appends its own mark.
pub(crate) const MARKER: &str = "REMUDA_WORKER";

/// The environment variable by which a driver knows the workers, and their guards, of a run. Jobs do not have it.
pub const RUN: &str = "REMUDA_RUN";

/// The argument of [`EXEC`]: what to run. The result is an [`Exit`], of whatever code or signal. A process that cannot be
/// started is a remote error that names the program and the reason, unless that is the machine's: it has no descriptor,
/// process, memory or space left, no `/bin/sh`, or no such directory. Then it is a [`Failure::Machine`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exec {
    /// The program and its arguments.
    pub program: Program,
    /// Variables on top of the worker's own environment. (`REMUDA_WORKER` is set by the worker, last.)
    pub env: Vec<(Word, Word)>,
    /// The directory to run in; without one the worker's own.
    pub dir: Option<Word>,
    /// The file that is its standard input, from that directory; without one it is /dev/null.
    pub stdin: Option<Word>,
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Program {
    /// A command line for `/bin/sh -c`.
    Shell(Word),
    /// The program, found as the shell would, and its arguments.
    Argv(Vec<Word>),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exec {
    /// A command line for the shell, in the worker's environment and directory.
    ///
    /// ```
    /// use remuda_worker::{Exec, Program};
    /// assert_eq!(Exec::shell("echo hi").program, Program::Shell("echo hi".into()));
    /// ```
    pub fn shell(line: impl Into<Word>) -> Exec {
        Exec {
            program: Program::Shell(line.into()),
            env: Vec::new(),
            dir: None,
            stdin: None,
        }
    }

    /// A program and its arguments, in the worker's environment and directory.
    pub fn argv<S: Into<Word>>(words: impl IntoIterator<Item = S>) -> Exec {
        Exec {
            program: Program::Argv(words.into_iter().map(Into::into).collect()),
            env: Vec::new(),
            dir: None,
            stdin: None,
        }
    }

    /// The command, with all but its output set.
    fn command(&self, marker: &str) -> Result<Command, Failure> {
        let mut command = match &self.program {
            Program::Shell(line) => {
                // By its path: a search would try every directory of PATH before it.
                let mut command = Command::new("/bin/sh");
                command.arg("-c").arg(line);
                command
            }
            Program::Argv(words) => {
                let (program, args) = words.split_first().ok_or_else(|| {
                    Failure::Remote("cannot start a job without a program".into())
                })?;
                let mut command = Command::new(program);
                command.args(args);
                command
            }
        };
        for (name, value) in &self.env {
            let bytes = name.as_bytes();
            if bytes.is_empty() || bytes.iter().any(|byte| b"=\0".contains(byte)) {
                return Err(Failure::Remote(format!(
                    "cannot start {}: {name:?} is no name of a variable",
                    self.name()
                )));
            }
            command.env(name, value);
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir.as_os_str());
        }
        // The worker's own standard input is /dev/null: inheriting it saves two calls a job.
        let stdin = match &self.stdin {
            None => Stdio::inherit(),
            Some(path) => self.input(path).map_err(|error| {
                let text = format!("cannot start {}: its input {path:?}: {error}", self.name());
                match is_shortage(&error) {
                    true => Failure::Machine(text),
                    false => Failure::Remote(text),
                }
            })?,
        };
        command.env(MARKER, marker).env_remove(RUN).stdin(stdin);
        Ok(command)
    }

    /// Opens the file that it reads. A pipe without a writer must not hold up the call: it is at its end.
    fn input(&self, path: &Word) -> io::Result<Stdio> {
        let path = Path::new(path.as_os_str());
        let path = match &self.dir {
            Some(dir) => Path::new(dir.as_os_str()).join(path),
            None => path.to_owned(),
        };
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
        let mut options = OpenOptions::new();
        let file: File = options.read(true).custom_flags(nonblocking).open(path)?;
        let flags = fcntl_getfl(&file)?;
        fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
        Ok(file.into())
    }

    /// The program's name in an error.
    fn name(&self) -> String {
        match &self.program {
            Program::Shell(_) => "/bin/sh".into(),
            Program::Argv(words) => words
                .first()
                .map_or_else(String::new, |program| format!("{program:?}")),
        }
    }

    /// Why it could not be started. The system says "not found" for a program and a directory alike.
    fn failure(&self, error: &io::Error) -> Failure {
        if let Some(dir) = &self.dir
            && !Path::new(dir.as_os_str()).is_dir()
        {
            return Failure::Machine(format!(
                "cannot start {} in {dir:?}: there is no such directory",
                self.name()
            ));
        }
        let text = format!("cannot start {}: {error}", self.name());
        let unfit = match &self.program {
            // Every machine has to have a shell: what remains is a line that no shell takes, too long or with a NUL.
            Program::Shell(_) => {
                error.kind() != io::ErrorKind::InvalidInput
                    && Errno::from_io_error(error) != Some(Errno::TOOBIG)
            }
            Program::Argv(_) => is_shortage(error),
        };
        match unfit {
            true => Failure::Machine(text),
            false => Failure::Remote(text),
        }
    }
}

impl Exit {
    /// Whether it exited with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Whether an error of the system says that this machine has run out of something, and nothing of what was to be started.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::MFILE
                | Errno::NFILE
                | Errno::AGAIN
                | Errno::NOMEM
                | Errno::NOSPC
                | Errno::DQUOT
                | Errno::IO
        )
    )
}

/// The function itself.
pub(crate) fn run(context: &Context, exec: Exec) -> Result<Exit, Failure> {
    let (exit, ()) = run_watched(context, exec, |_| ())?;
    Ok(exit)
}

/// Runs it, with a watch that begins with the job, given its process group.
fn run_watched<W>(
    context: &Context,
    exec: Exec,
    watch: impl FnOnce(Pid) -> W,
) -> Result<(Exit, W), Failure> {
    if context.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    let command = exec.command(context.jobs.marker())?;
    let process = process::start(command, &context.jobs).map_err(|error| exec.failure(&error))?;
    let watch = watch(process.group());
    let exit = process::run(context, process)?;
    Ok((exit, watch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_its_own_failure_and_what_is_wrong_with_the_job_is_not() {
        let failure = |exec: &Exec, errno: Errno| exec.failure(&errno.into());
        let (shell, argv) = (Exec::shell("true"), Exec::argv(["true"]));
        for errno in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::AGAIN,
            Errno::NOMEM,
            Errno::NOSPC,
        ] {
            for exec in [&shell, &argv] {
                assert!(
                    matches!(failure(exec, errno), Failure::Machine(_)),
                    "{errno}"
                );
            }
        }
        // No /bin/sh is the machine's, no program of the user's is not.
        assert!(matches!(failure(&shell, Errno::NOENT), Failure::Machine(_)));
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::TOOBIG] {
            assert!(
                matches!(failure(&argv, errno), Failure::Remote(_)),
                "{errno}"
            );
        }
        assert!(matches!(failure(&shell, Errno::TOOBIG), Failure::Remote(_)));
    }
}
