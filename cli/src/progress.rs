//! What a run shows of itself while it goes on: a bar on a terminal, or a line now and then.
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use remuda::MachineCounts;

use crate::summary::Tally;

/// How often the bar is brought up to date.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// How often a line is shown where there is no terminal, if there is news.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// The state of a run as last published by it; the printer draws it.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Status>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) tally: Tally,
    pub(crate) running: usize,
    pub(crate) machines: MachineCounts,
}

impl Board {
    pub(crate) fn publish(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    fn read(&self) -> Status {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is shown. Used by the printer's thread alone, so a terminal that blocks stops no other thread.
pub(crate) enum Progress {
    Nothing,
    /// The bar, once a first tick has passed: a run shorter than that shows none.
    Bar(ProgressBar, Board),
    Lines {
        board: Board,
        shown: Status,
        at: Instant,
    },
}

impl Progress {
    /// A bar if `terminal` says that standard error is one, else lines.
    pub(crate) fn new(terminal: bool, board: Board) -> Progress {
        if !terminal {
            return Progress::Lines {
                board,
                shown: Status::default(),
                at: Instant::now(),
            };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("[{bar:30}] {wide_msg}\n{prefix}");
        bar.set_style(
            style
                .expect("the template is well formed")
                .progress_chars("=> "),
        );
        Progress::Bar(bar, board)
    }

    /// How long the printer may sleep before the next tick; for ever if nothing is shown.
    pub(crate) fn tick_every(&self) -> Option<Duration> {
        match self {
            Progress::Nothing => None,
            Progress::Bar(..) | Progress::Lines { .. } => Some(TICK),
        }
    }

    /// Brings what is shown up to date; gives a line to print, if it is lines.
    pub(crate) fn tick(&mut self) -> Option<String> {
        match self {
            Progress::Nothing => None,
            Progress::Bar(bar, board) => {
                let status = board.read();
                bar.set_length(status.tally.jobs as u64);
                bar.set_position(status.tally.done() as u64);
                bar.set_message(Jobs(&status).to_string());
                bar.set_prefix(Machines(&status).to_string());
                None
            }
            Progress::Lines { board, shown, at } => {
                let status = board.read();
                if status == *shown || at.elapsed() < LINE_EVERY {
                    return None;
                }
                (*shown, *at) = (status, Instant::now());
                Some(format!("{}; {}", Jobs(&status), Machines(&status)))
            }
        }
    }

    /// Runs something that prints, with the bar out of the way.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match self {
            // Before its first tick the bar has no length and must not be drawn.
            Progress::Bar(bar, _) if bar.length() != Some(0) => bar.suspend(print),
            _ => print(),
        }
    }

    /// Takes the bar away for good.
    pub(crate) fn clear(&mut self) {
        if let Progress::Bar(bar, _) = self {
            bar.finish_and_clear();
        }
        *self = Progress::Nothing;
    }

    /// Shows nothing more, and leaves what is there: a terminal that has just echoed `^C` behind the bar, on a line of its own, would
    /// have the wrong lines cleared.
    pub(crate) fn leave(&mut self) {
        if let Progress::Bar(bar, _) = self
            && bar.length() != Some(0)
        {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            // The cursor is somewhere in the last line.
            let _ = io::stderr().write_all(b"\n");
        }
        *self = Progress::Nothing;
    }

    /// Whether a bar shares the terminal with what is printed.
    pub(crate) fn is_bar(&self) -> bool {
        matches!(self, Progress::Bar(..))
    }
}

struct Jobs<'a>(&'a Status);
struct Machines<'a>(&'a Status);

impl fmt::Display for Jobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { tally, running, .. } = self.0;
        let queued = tally.jobs - tally.done() - running;
        write!(
            f,
            "{}/{} done, {running} running, {queued} queued",
            tally.done(),
            tally.jobs
        )?;
        if tally.failed > 0 {
            write!(f, ", {} failed", tally.failed)?;
        }
        Ok(())
    }
}

impl fmt::Display for Machines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MachineCounts {
            ok,
            pending,
            probation,
            lost,
            draining,
            stopping,
            ..
        } = self.0.machines;
        write!(
            f,
            "machines: {ok} up, {pending} starting, {probation} on probation, {lost} lost"
        )?;
        match draining + stopping {
            0 => Ok(()),
            leaving => write!(f, ", {leaving} stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_of_jobs_and_of_machines() {
        let mut status = Status {
            tally: Tally {
                jobs: 10,
                ok: 3,
                failed: 1,
                run_again: 2,
            },
            running: 4,
            machines: MachineCounts::default(),
        };
        let machines = &mut status.machines;
        (machines.pending, machines.ok) = (1, 2);
        (machines.probation, machines.lost) = (3, 4);
        assert_eq!(
            Jobs(&status).to_string(),
            "4/10 done, 4 running, 2 queued, 1 failed"
        );
        assert_eq!(
            Machines(&status).to_string(),
            "machines: 2 up, 1 starting, 3 on probation, 4 lost"
        );
        status.machines.stopping = 5;
        assert!(Machines(&status).to_string().ends_with(", 5 stopping"));
    }
}
