//! The count of a run, its last line, and its exit status.
use std::fmt;
use std::time::Duration;

/// What became of the jobs so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All jobs of the file.
    pub(crate) jobs: usize,
    /// Ended with exit status 0.
    pub(crate) ok: usize,
    /// Ended otherwise.
    pub(crate) failed: usize,
    /// How many times a job was lost with its machine and asked for again.
    pub(crate) run_again: usize,
}

impl Tally {
    /// Jobs that are through, well or not.
    pub(crate) fn done(&self) -> usize {
        self.ok + self.failed
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every job is through.
    Done,
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
            End::OutputClosed => 1,
            End::Done => u8::from(tally.failed > 0 || !sound),
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
            tally.jobs,
            plural(tally.jobs as u64),
            tally.ok,
            tally.failed
        )?;
        let rest = tally.jobs - tally.done();
        if rest > 0 {
            write!(f, ", {rest} not run")?;
        }
        write!(f, "; {} lost and run again", tally.run_again)?;
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
            jobs: 1000,
            ok: 998,
            failed: 2,
            run_again: 3,
        };
        assert_eq!(
            line(tally, 4, 1, 12_345),
            "1000 jobs: 998 ok, 2 failed; 3 lost and run again; 4 machines started, 1 lost; 12.3 s"
        );
        let tally = Tally {
            jobs: 1,
            ok: 1,
            failed: 0,
            run_again: 0,
        };
        assert_eq!(
            line(tally, 1, 0, 40),
            "1 job: 1 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; 0.0 s"
        );
    }

    #[test]
    fn jobs_that_an_interrupt_kept_from_ending_are_counted() {
        let tally = Tally {
            jobs: 20,
            ok: 7,
            failed: 1,
            run_again: 0,
        };
        assert_eq!(
            line(tally, 2, 0, 1000),
            "20 jobs: 7 ok, 1 failed, 12 not run; 0 lost and run again; 2 machines started, 0 lost; 1.0 s"
        );
    }

    #[test]
    fn the_status_tells_what_matters_most() {
        let good = Tally {
            jobs: 1,
            ok: 1,
            ..Tally::default()
        };
        let bad = Tally {
            jobs: 1,
            failed: 1,
            ..Tally::default()
        };
        assert_eq!(End::Done.status(&good, true), 0);
        assert_eq!(End::Done.status(&good, false), 1);
        assert_eq!(End::Done.status(&bad, true), 1);
        assert_eq!(End::Interrupted.status(&bad, true), 130);
        assert_eq!(End::NoMachines.status(&good, true), 3);
        assert_eq!(End::OutputClosed.status(&good, true), 1);
    }
}
