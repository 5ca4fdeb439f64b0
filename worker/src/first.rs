//! The first process of a container (PID 1), and any subreaper, inherits the orphans of others: the guards of workers that
//! were killed, and what jobs leave behind. Nobody else reaps them, and their number is limited.
//!
//! A program cannot reap orphans beside children of its own without taking these from who waits for them. So it starts itself
//! once more, as the only child of its own, and does nothing but reap, and pass signals on, until that has ended.

use crate::processes::{self, Process};
use crate::{guard, stdio};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use signal_hook::consts::{
    SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long it stays for guards that still kill what a worker has left.
const GUARD_TIMEOUT: Duration = Duration::from_secs(4);

/// Where this process inherits orphans, runs the program as a child and exits as that does. Else returns at once.
pub(crate) fn run_if_first() {
    if !inherits_orphans() {
        return;
    }
    match run() {
        Ok(status) => std::process::exit(status),
        Err(error) => stdio::write_error(&format!("orphans will not be reaped: {error}")),
    }
}

fn inherits_orphans() -> bool {
    if std::process::id() == 1 {
        return true;
    }
    // One with a terminal belongs to a shell, with which it would have to share the terminal.
    #[cfg(target_os = "linux")]
    let subreaper = rustix::process::child_subreaper().is_ok_and(|pid| pid.is_some());
    #[cfg(not(target_os = "linux"))]
    let subreaper = false;
    subreaper && !io::stdin().is_terminal()
}

fn run() -> io::Result<i32> {
    // Before the child, so that no signal is lost.
    let mut signals = Signals::new([
        SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
    ])?;
    let mut arguments = std::env::args_os();
    let mut command = Command::new(guard::program()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // In a group of its own: what a terminal sends to the group reaches it once.
    let child = command.args(arguments).process_group(0).spawn()?;
    let child = Pid::from_child(&child);
    if io::stdin().is_terminal() {
        rustix::termios::tcsetpgrp(io::stdin(), child)?;
        // It may have been stopped for using the terminal too soon.
        let _ = kill_process(child, Signal::CONT);
    }
    // The ends of these are for the child alone.
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    for signal in signals.forever() {
        if signal != SIGCHLD {
            if let Some(signal) = Signal::from_named_raw(signal) {
                let _ = kill_process(child, signal);
            }
            continue;
        }
        if let Some(status) = reap_all(child) {
            await_guards();
            return Ok(match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => code,
                (None, signal) => 128 + signal.unwrap_or(0),
            });
        }
    }
    Ok(1)
}

/// Reaps all that has ended; how `child` did, if it has.
fn reap_all(child: Pid) -> Option<WaitStatus> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            ended = Some(status);
        }
    }
    ended
}

fn await_guards() {
    let me = std::process::id().cast_signed();
    let deadline = Instant::now() + GUARD_TIMEOUT;
    let guards = || {
        let children = processes::children(me).into_iter().flatten();
        let mut children = children.filter_map(Process::read);
        children.any(|process| process.guard && process.alive)
    };
    while guards() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }
}
