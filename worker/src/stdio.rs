//! The protocol's descriptors, kept apart from the standard input and output that other code of the program uses.

use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;

/// The descriptors that the worker reads from and writes to.
pub(crate) struct Protocol {
    pub(crate) input: OwnedFd,
    pub(crate) output: OwnedFd,
}

/// Refuses terminals where a person may sit. A terminal as standard output alone is a relay's, such as `srun -u`.
///
/// # Errors
/// What is wrong, in one line.
pub(crate) fn check_terminals() -> Result<(), &'static str> {
    let here = || rustix::fs::fstat(stdout()).map(|stat| stat.st_rdev).ok();
    let errors = || rustix::fs::fstat(stderr()).map(|stat| stat.st_rdev).ok();
    if io::stdin().is_terminal() {
        return Err(
            "a worker talks to a driver, not to a terminal, and its standard input is one: let `remuda run` \
             start it, and where a launcher does, without a terminal (not `ssh -t`, not `srun --pty`)",
        );
    }
    if io::stdout().is_terminal() && io::stderr().is_terminal() && here() == errors() {
        return Err(
            "a worker talks to a driver, not to a terminal, and its standard output and error are the same one: \
             let `remuda run` start it",
        );
    }
    Ok(())
}

/// Has a terminal pass every byte on as it is.
fn make_raw(output: &OwnedFd) -> io::Result<()> {
    if !output.is_terminal() {
        return Ok(());
    }
    let mut modes = tcgetattr(output)?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(output, OptionalActions::Now, &modes)?;
    Ok(())
}

/// Takes the standard input and output for the protocol, closed in every program that is started, and puts /dev/null and the
/// standard error in their places: code that prints cannot break a frame, and code that reads cannot steal one.
pub(crate) fn take() -> io::Result<Protocol> {
    // What was printed before goes out before, as a part of the banner.
    let _ = io::stdout().flush();
    let input = fcntl_dupfd_cloexec(stdin(), 3)?;
    let output = fcntl_dupfd_cloexec(stdout(), 3)?;
    make_raw(&output).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("its standard output is a terminal that cannot be made raw: {error}"),
        )
    })?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(stderr())?;
    Ok(Protocol { input, output })
}

/// Writes a line to the standard error. Ignores errors and does not block, because the reader may be gone.
pub(crate) fn write_error(text: &str) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::from_borrowed_fd(stderr(), PollFlags::OUT)];
    if matches!(
        poll(
            &mut fds,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0
            })
        ),
        Ok(1)
    ) {
        let _ = io::stderr()
            .write_all(format!("remuda worker {}: {text}\n", std::process::id()).as_bytes());
    }
}
