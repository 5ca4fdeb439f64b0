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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) tally: Tally,
    pub(crate) running: usize,
    pub(crate) machines: MachineCounts,
    /// A line for each machine, where they are asked for.
    pub(crate) each: Vec<String>,
    /// Since the run began; zero before anything was published.
    pub(crate) elapsed: Duration,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct How {
    /// As a bar: standard error is a terminal. Otherwise as lines.
    pub(crate) terminal: bool,
    /// With a line for each machine.
    pub(crate) full: bool,
}

impl Board {
    pub(crate) fn publish(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    fn read(&self) -> Status {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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
    /// Nothing was shown yet.
    pub(crate) fn new(how: How, board: Board) -> Progress {
        if !how.terminal {
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
                // A bar without a length would be a full one.
                let length = status.tally.jobs() as u64;
                if length == 0 {
                    return None;
                }
                bar.set_length(length);
                bar.set_position(status.tally.done() as u64);
                bar.set_message(Jobs(&status).to_string());
                let mut below = Machines(&status).to_string();
                for machine in &status.each {
                    below.push_str("\n  ");
                    below.push_str(machine);
                }
                bar.set_prefix(below);
                None
            }
            Progress::Lines { board, shown, at } => {
                let status = board.read();
                let news = (status.tally, status.running, status.machines)
                    != (shown.tally, shown.running, shown.machines);
                if !news || at.elapsed() < LINE_EVERY {
                    return None;
                }
                let mut line = format!("{}; {}", Jobs(&status), Machines(&status));
                for machine in &status.each {
                    line.push_str("\n  ");
                    line.push_str(machine);
                }
                (*shown, *at) = (status, Instant::now());
                Some(line)
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
        let Status {
            tally,
            running,
            elapsed,
            ..
        } = self.0;
        let (done, jobs) = (tally.done(), tally.jobs());
        let queued = jobs.saturating_sub(done + running);
        let so_far = if tally.total.is_some() { "" } else { " so far" };
        write!(
            f,
            "{done}/{jobs}{so_far} done, {running} running, {queued} queued"
        )?;
        for (count, what) in [
            (tally.failed, "failed"),
            (tally.timed_out, "timed out"),
            (tally.skipped, "skipped"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        // What an earlier run has done says nothing of how fast this one is.
        let own = (done - tally.before) as f64;
        let seconds = elapsed.as_secs_f64();
        if own == 0.0 || seconds == 0.0 {
            return Ok(());
        }
        let rate = own / seconds;
        if rate >= 1.0 {
            write!(f, ", {rate:.0}/s")?;
        } else {
            write!(f, ", {:.0}/min", rate * 60.0)?;
        }
        match tally.total {
            Some(total) if total > done => {
                write!(f, ", {} left", Rough((total - done) as f64 / rate))
            }
            _ => Ok(()),
        }
    }
}

/// Seconds, as exact as a guess is.
struct Rough(f64);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.ceil() as u64;
        match seconds {
            0..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
        }
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
                total: Some(10),
                ok: 3,
                failed: 1,
                run_again: 2,
                ..Tally::default()
            },
            running: 4,
            ..Status::default()
        };
        let machines = &mut status.machines;
        (machines.pending, machines.ok) = (1, 2);
        (machines.probation, machines.lost) = (3, 4);
        assert_eq!(
            Jobs(&status).to_string(),
            "4/10 done, 4 running, 2 queued, 1 failed"
        );
        status.elapsed = Duration::from_secs(2);
        assert!(
            Jobs(&status)
                .to_string()
                .ends_with(", 1 failed, 2/s, 3 s left")
        );
        status.elapsed = Duration::from_secs(40);
        assert!(
            Jobs(&status)
                .to_string()
                .ends_with(", 6/min, 1 min 0 s left")
        );
        status.tally.total = None;
        status.tally.read = 9;
        assert_eq!(
            Jobs(&status).to_string(),
            "4/9 so far done, 4 running, 1 queued, 1 failed, 6/min"
        );
        assert_eq!(
            Machines(&status).to_string(),
            "machines: 2 up, 1 starting, 3 on probation, 4 lost"
        );
        status.machines.stopping = 5;
        assert!(Machines(&status).to_string().ends_with(", 5 stopping"));
    }
}
