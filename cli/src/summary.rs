//! The count of a run, its last line, and its exit status.
use std::fmt;
use std::time::Duration;

use crate::ended::Ended;

/// What became of the jobs so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All jobs, where their number is known: not while they come from a pipe.
    pub(crate) total: Option<usize>,
    /// Those that were read.
    pub(crate) read: usize,
    /// Ended with exit status 0.
    pub(crate) ok: usize,
    /// Ended otherwise.
    pub(crate) failed: usize,
    /// Ran for too long.
    pub(crate) timed_out: usize,
    /// Ended with the run.
    pub(crate) interrupted: usize,
    /// Not run, as one that they depend on did not succeed.
    pub(crate) skipped: usize,
    /// Done by an earlier run.
    pub(crate) before: usize,
    /// Those of them that did not succeed, if this run goes on with that one.
    pub(crate) before_failed: usize,
    /// How many times a job was lost with its machine and asked for again.
    pub(crate) run_again: usize,
    /// How many times a job that failed was tried again.
    pub(crate) retried: usize,
    /// The successes that were waited for have come (`--halt success=`).
    pub(crate) succeeded: bool,
}

impl Tally {
    /// Jobs that are through, well or not.
    pub(crate) fn done(&self) -> usize {
        let Tally {
            ok,
            failed,
            timed_out,
            interrupted,
            skipped,
            before,
            ..
        } = self;
        ok + failed + timed_out + interrupted + skipped + before
    }

    /// All jobs, or those that are known.
    pub(crate) fn jobs(&self) -> usize {
        self.total.unwrap_or(self.read)
    }

    /// Jobs that are not through.
    pub(crate) fn not_run(&self) -> usize {
        self.jobs() - self.done()
    }

    /// A job is through.
    pub(crate) fn count(&mut self, ended: &Ended) {
        *match ended {
            Ended::Exit(0) => &mut self.ok,
            Ended::Exit(_) | Ended::Signal(_) | Ended::Error(_) => &mut self.failed,
            Ended::TimedOut(_) => &mut self.timed_out,
            Ended::Interrupted => &mut self.interrupted,
            Ended::Skipped(_) => &mut self.skipped,
        } += 1;
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every job is through, or what was left was given up (`--halt`).
    Done,
    /// The input of jobs went wrong on the way.
    BadInput,
    /// A signal came.
    Interrupted,
    /// Standard output takes no more.
    OutputClosed,
    /// No machine could be started.
    NoMachines,
}

impl End {
    /// The exit status of a run that ended so; `sound` unless output or job log were lost.
    pub(crate) fn status(self, tally: &Tally, sound: bool) -> u8 {
        match self {
            End::Interrupted => 130,
            End::NoMachines => 3,
            End::BadInput => 2,
            End::OutputClosed => 1,
            End::Done => {
                let bad = tally.failed + tally.timed_out + tally.skipped + tally.before_failed;
                // What a halt has ended is no failure where a success was waited for.
                u8::from(bad > 0 && !tally.succeeded || !sound)
            }
        }
    }
}

/// The last line of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) tally: Tally,
    /// Machines that were in service at some time.
    pub(crate) started: u64,
    /// Those of them that were lost.
    pub(crate) lost: u64,
    pub(crate) took: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            tally,
            started,
            lost,
            took,
        } = self;
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{} job{}: {} ok, {} failed",
            tally.jobs(),
            plural(tally.jobs() as u64),
            tally.ok,
            tally.failed
        )?;
        for (count, what) in [
            (tally.timed_out, "timed out"),
            (tally.interrupted, "interrupted"),
            (tally.skipped, "skipped"),
            (tally.before, "done before"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if tally.before_failed > 0 {
            write!(f, " ({} failed)", tally.before_failed)?;
        }
        if tally.not_run() > 0 {
            write!(f, ", {} not run", tally.not_run())?;
        }
        write!(f, "; {} lost and run again", tally.run_again)?;
        if tally.retried > 0 {
            write!(f, "; {} failed and tried again", tally.retried)?;
        }
        write!(
            f,
            "; {started} machine{} started, {lost} lost",
            plural(*started)
        )?;
        write!(f, "; {:.1} s", took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tally: Tally, started: u64, lost: u64, millis: u64) -> String {
        Summary {
            tally,
            started,
            lost,
            took: Duration::from_millis(millis),
        }
        .to_string()
    }

    #[test]
    fn the_last_line_tells_jobs_losses_machines_and_time() {
        let tally = Tally {
            total: Some(1000),
            ok: 998,
            failed: 2,
            run_again: 3,
            ..Tally::default()
        };
        assert_eq!(
            line(tally, 4, 1, 12_345),
            "1000 jobs: 998 ok, 2 failed; 3 lost and run again; 4 machines started, 1 lost; 12.3 s"
        );
        let tally = Tally {
            read: 1,
            ok: 1,
            ..Tally::default()
        };
        assert_eq!(
            line(tally, 1, 0, 40),
            "1 job: 1 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; 0.0 s"
        );
    }

    #[test]
    fn jobs_that_an_interrupt_kept_from_ending_are_counted() {
        let tally = Tally {
            total: Some(20),
            ok: 7,
            failed: 1,
            ..Tally::default()
        };
        assert_eq!(
            line(tally, 2, 0, 1000),
            "20 jobs: 7 ok, 1 failed, 12 not run; 0 lost and run again; 2 machines started, 0 lost; 1.0 s"
        );
        let tally = Tally {
            timed_out: 1,
            interrupted: 2,
            skipped: 3,
            before: 4,
            before_failed: 3,
            retried: 5,
            ..tally
        };
        assert_eq!(
            line(tally, 2, 0, 1000),
            "20 jobs: 7 ok, 1 failed, 1 timed out, 2 interrupted, 3 skipped, 4 done before (3 failed), 2 not run; \
             0 lost and run again; 5 failed and tried again; 2 machines started, 0 lost; 1.0 s"
        );
    }

    #[test]
    fn the_status_tells_what_matters_most() {
        let good = Tally {
            read: 1,
            ok: 1,
            ..Tally::default()
        };
        let bad = Tally {
            read: 1,
            failed: 1,
            ..Tally::default()
        };
        assert_eq!(End::Done.status(&good, true), 0);
        assert_eq!(End::Done.status(&good, false), 1);
        assert_eq!(End::Done.status(&bad, true), 1);
        for other in [
            Tally {
                timed_out: 1,
                ..good
            },
            Tally { skipped: 1, ..good },
            Tally {
                before_failed: 1,
                ..good
            },
        ] {
            assert_eq!(End::Done.status(&other, true), 1);
        }
        let enough = Tally {
            succeeded: true,
            ..bad
        };
        assert_eq!(End::Done.status(&enough, true), 0);
        assert_eq!(End::BadInput.status(&good, true), 2);
        assert_eq!(End::Interrupted.status(&bad, true), 130);
        assert_eq!(End::NoMachines.status(&good, true), 3);
        assert_eq!(End::OutputClosed.status(&good, true), 1);
    }
}
