//! Signals that end a run: the first one in good order, the second at once.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::mpsc::UnboundedSender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

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
/// process was started (`nohup`) stays so. Not so SIGINT, which scripts ignore for all they start with `&`: a
/// SIGINT that is sent to such a run is meant for it.
///
/// # Errors
/// The operating system refuses a handler.
pub(crate) fn watch(to: UnboundedSender<Control>) -> io::Result<()> {
    // A file that may not grow is an error of its write.
    flag::register(SIGXFSZ, Arc::default())?;
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
    let first = Arc::new(AtomicBool::new(false));
    for signal in wanted() {
        flag::register_conditional_shutdown(signal, INTERRUPTED, first.clone())?;
        flag::register(signal, first.clone())?;
    }
    Ok(first)
}

/// While there is one, these signals end nothing: they can be asked for, and the first ends the process when it is dropped. A
/// file that grows beyond its limit is an error of its write.
#[derive(Debug)]
pub(crate) struct Delay {
    came: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Delay {
    /// # Errors
    /// The operating system refuses a handler.
    pub(crate) fn new() -> io::Result<Delay> {
        let delay = Delay {
            came: Arc::default(),
            over: Arc::default(),
        };
        for signal in wanted() {
            flag::register_conditional_default(signal, delay.over.clone())?;
            flag::register_usize(signal, delay.came.clone(), signal as usize)?;
        }
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(delay)
    }

    /// Whether one has come.
    pub(crate) fn has_come(&self) -> bool {
        self.came.load(Ordering::Relaxed) != 0
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        // What comes from now on ends the process at once.
        self.over.store(true, Ordering::SeqCst);
        let came = self.came.load(Ordering::SeqCst);
        if came != 0 {
            let _ = emulate_default_handler(came as i32);
        }
    }
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
