//! Signals that end a run: the first one in good order, the second at once.
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::channel::mpsc::UnboundedSender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Exit status of a run that a signal ended.
const INTERRUPTED: i32 = 130;

/// What reaches a run from outside its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// A signal asked it to end.
    Interrupt,
    /// Standard output takes no more.
    OutputClosed,
}

/// Sends the first of SIGINT, SIGTERM and SIGHUP to `to`; the next one ends the process. A hang-up that was ignored when this
/// process was started (`nohup`) stays so. Not so SIGINT, which scripts ignore for all they start with `&`: who sends one
/// to such a run means it.
///
/// # Errors
/// The operating system refuses a handler.
pub(crate) fn watch(to: UnboundedSender<Control>) -> io::Result<()> {
    let mut signals = Signals::new(wanted())?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut signals = signals.forever();
            if signals.next().is_some() {
                let _ = to.unbounded_send(Control::Interrupt);
            }
            if signals.next().is_some() {
                std::process::exit(INTERRUPTED);
            }
        })?;
    Ok(())
}

/// A flag that the first of them sets; the next one ends the process.
///
/// # Errors
/// The operating system refuses a handler.
pub(crate) fn flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in wanted() {
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}

fn wanted() -> Vec<i32> {
    let mut wanted = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    wanted
}

/// Whether this process ignores a signal; no where the system does not tell.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
