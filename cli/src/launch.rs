//! `remuda launch`: runs a command that starts a worker elsewhere, and ends it when the driver is gone.
//!
//! A launcher that waits in a queue, such as `srun`, does not read its standard input, so it does not notice that the driver
//! was killed: its allocation would be made hours later, for nobody. This process stands between the two, and watches the
//! pipe that both have as standard input. It copies nothing.
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process, kill_process_group};
use rustix::stdio::{dup2_stdout, stdin};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// How long a launcher may take to end by itself when the driver is gone, before it gets SIGTERM: its worker, if it has one,
/// sees the end of its input too.
const OWN_END: Duration = Duration::from_secs(3);

/// How long it may take after SIGTERM, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Exit status where the command cannot be run, as a shell has it.
const CANNOT_RUN: i32 = 127;

/// Runs the command, ends as it ends, and ends it when the standard input is closed at its other end.
pub(crate) fn launch(words: &[OsString]) -> ! {
    match start(words) {
        Ok((child, signals)) => {
            let ended = Arc::new(AtomicBool::new(false));
            let launcher = Launcher {
                pid: Pid::from_child(&child),
                ended: ended.clone(),
            };
            thread::spawn({
                let launcher = launcher.clone();
                move || launcher.forward(signals)
            });
            thread::spawn(move || launcher.end_with_driver());
            end_as(wait(child, &ended))
        }
        Err(error) => {
            let program = words[0].to_string_lossy();
            eprintln!("remuda: cannot run `{program}`: {error}");
            std::process::exit(CANNOT_RUN)
        }
    }
}

fn start(words: &[OsString]) -> io::Result<(Child, Signals)> {
    // Before there is a command that would miss one.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let child = Command::new(&words[0]).args(&words[1..]).spawn()?;
    // The output's end belongs to the command alone.
    dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok((child, signals))
}

fn wait(mut child: Child, ended: &AtomicBool) -> io::Result<ExitStatus> {
    let status = child.wait();
    ended.store(true, Ordering::SeqCst);
    status
}

fn end_as(status: io::Result<ExitStatus>) -> ! {
    match status {
        Ok(status) => {
            if let Some(signal) = status.signal() {
                let _ = emulate_default_handler(signal);
            }
            std::process::exit(status.code().unwrap_or(1))
        }
        Err(error) => {
            eprintln!("remuda: cannot wait for the launcher: {error}");
            std::process::exit(1)
        }
    }
}

#[derive(Clone)]
struct Launcher {
    pid: Pid,
    /// Its process id may be another process's.
    ended: Arc<AtomicBool>,
}

impl Launcher {
    fn forward(&self, mut signals: Signals) {
        for signal in signals.forever() {
            self.signal(Signal::from_named_raw(signal).unwrap_or(Signal::TERM));
        }
    }

    fn signal(&self, signal: Signal) {
        if !self.ended.load(Ordering::SeqCst) {
            let _ = kill_process(self.pid, signal);
        }
    }

    fn end_with_driver(&self) {
        loop {
            // Without a wish, only the end of the other side is told, also where there is something left to read.
            let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::empty())];
            match poll(&mut fds, None) {
                Ok(_) if !fds[0].revents().is_empty() => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        thread::sleep(OWN_END);
        self.signal(Signal::TERM);
        thread::sleep(GRACE);
        // The driver has given it a process group, with all that it has started. Not where somebody else started it.
        if getpgrp() == getpid() {
            let _ = kill_process_group(getpid(), Signal::KILL);
        }
        self.signal(Signal::KILL);
    }
}
