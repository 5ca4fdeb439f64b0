//! Signals that end a run: the first one in good order, the second at once.
use std::io;

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

/// Sends the first of SIGINT, SIGTERM and SIGHUP to `to`; the next one ends the process. A signal that was ignored when
/// this process was started (`nohup`, a shell's background job) stays so.
///
/// # Errors
/// The operating system refuses a handler.
pub(crate) fn watch(to: UnboundedSender<Control>) -> io::Result<()> {
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(wanted)?;
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

/// The set of signals this process ignores, as bits; empty where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
