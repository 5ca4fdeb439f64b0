//! Reads logs of jobs in the Standard Workload Format (Feitelson's archive, version 2): text in,
//! jobs out.
//!
//! A line is a job of 18 fields between blanks; what begins with `;` is a comment. Used are field 2
//! (submit time), 3 (wait time), 4 (run time), 5 (procs used) and 8 (procs requested); -1 stands for
//! not known.

use core::fmt;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

/// A job of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Job {
    /// When it was submitted, in milliseconds from the log's origin.
    pub submit: u64,
    /// How long it waited on the cluster of the log, in milliseconds, where the log says so.
    pub wait: Option<u64>,
    /// How long it ran, in milliseconds.
    pub run: u64,
    /// The procs it asked for, at least one; where the log does not know, those it used.
    pub procs: u32,
}

/// The jobs of a log by their submit time, those of one time in the log's order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// How many jobs were left out because their run time or procs are not known.
    pub unknown: usize,
}

impl Log {
    /// The jobs that fit a machine of so many procs.
    pub fn that_fit(&self, procs: u32) -> Vec<Job> {
        let jobs = self.jobs.iter().copied();
        jobs.filter(|job| job.procs <= procs).collect()
    }
}

/// What is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SwfError {
    /// In which line, from 1.
    pub line: usize,
    /// What it is.
    pub problem: Problem,
}

/// What is wrong with a line of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The line has too few fields.
    Fields {
        /// So many it has.
        found: usize,
    },
    /// A field is not a number.
    Number {
        /// Which field, from 1.
        field: usize,
        /// What it is instead.
        text: String,
    },
    /// A job has no submit time.
    NoSubmitTime,
    /// A job asks for more procs than fit a `u32`.
    Procs {
        /// So many.
        procs: u64,
    },
}

const FIELDS: usize = 18;
const SUBMIT: usize = 2;
const WAIT: usize = 3;
const RUN: usize = 4;
const USED: usize = 5;
const REQUESTED: usize = 8;

impl fmt::Display for SwfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            Problem::Fields { found } => {
                write!(f, "a job has {FIELDS} fields, this line has {found}")
            }
            Problem::Number { field, text } => {
                let name = match *field {
                    SUBMIT => "submit time",
                    WAIT => "wait time",
                    RUN => "run time",
                    USED => "procs used",
                    _ => "procs requested",
                };
                write!(f, "field {field} ({name}) is {text:?} and not a number")
            }
            Problem::NoSubmitTime => write!(f, "the job has no submit time (field {SUBMIT})"),
            Problem::Procs { procs } => write!(f, "{procs} procs are more than can be counted"),
        }
    }
}

impl core::error::Error for SwfError {}

/// The text of a log, which may be compressed (gzip).
///
/// # Errors
/// The compressed data are damaged, or end early.
pub fn unpack(bytes: Vec<u8>) -> io::Result<String> {
    let mut plain = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain)?;
    } else {
        plain = bytes;
    }
    // Comments may be in another encoding; jobs are digits.
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// Reads the text of a log.
///
/// ```
/// use remuda_sim::quality::read;
///
/// let log = read("; a comment\n1 20 0 300 -1 -1 -1 4 -1 -1 1 1 1 -1 -1 -1 -1 -1\n")?;
/// assert_eq!((log.jobs[0].submit, log.jobs[0].run, log.jobs[0].procs), (20_000, 300_000, 4));
/// let error = read("1 20 0 soon -1 -1 -1 4 -1 -1 1 1 1 -1 -1 -1 -1 -1").unwrap_err();
/// assert_eq!(error.to_string(), "line 1: field 4 (run time) is \"soon\" and not a number");
/// # Ok::<(), remuda_sim::quality::SwfError>(())
/// ```
///
/// # Errors
/// The first line that is not a job, with its number.
pub fn read(text: &str) -> Result<Log, SwfError> {
    let mut log = Log::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        match job(line) {
            Ok(Some(job)) => log.jobs.push(job),
            Ok(None) => log.unknown += 1,
            Err(problem) => {
                let line = number;
                return Err(SwfError { line, problem });
            }
        }
    }
    // Stable: those of one time stay in the log's order.
    log.jobs.sort_by_key(|job| job.submit);
    Ok(log)
}

/// The job of a line; `None` if too little of it is known.
fn job(line: &str) -> Result<Option<Job>, Problem> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() < FIELDS {
        let found = fields.len();
        return Err(Problem::Fields { found });
    }
    let field = |field: usize| {
        let text = fields[field - 1];
        thousandths(text).ok_or_else(|| Problem::Number {
            field,
            text: text.to_owned(),
        })
    };
    let submit = field(SUBMIT)?.ok_or(Problem::NoSubmitTime)?;
    let (wait, run) = (field(WAIT)?, field(RUN)?);
    let (used, requested) = (field(USED)?, field(REQUESTED)?);
    let known = |procs: Option<u64>| procs.map(|procs| procs / 1000).filter(|procs| *procs > 0);
    let (Some(run), Some(procs)) = (run, known(requested).or(known(used))) else {
        return Ok(None);
    };
    let procs = u32::try_from(procs).map_err(|_| Problem::Procs { procs })?;
    Ok(Some(Job {
        submit,
        wait,
        run,
        procs,
    }))
}

/// A decimal number in thousandths, further digits dropped: `Some(None)` if it is below zero (not
/// known), `None` if it is not a number.
fn thousandths(text: &str) -> Option<Option<u64>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<3}")[..3].parse().ok()?;
    let number = whole.parse::<u64>().ok()?.checked_mul(1000)?;
    let number = number.checked_add(part)?;
    Some((!negative).then_some(number))
}

#[cfg(test)]
mod tests {
    use super::{Problem, read, thousandths};

    #[test]
    fn numbers_are_read_to_the_thousandth() {
        let numbers = ["7", "7.5", "7.0625", "-1", "", "-", "7.", "x", "1e3"];
        let read = numbers.map(thousandths);
        let known = |number| Some(Some(number));
        assert_eq!(
            read[..4],
            [known(7000), known(7500), known(7062), Some(None)]
        );
        assert_eq!(read[4..], [None; 5]);
        assert_eq!(thousandths("99999999999999999999"), None);
    }

    #[test]
    fn jobs_are_in_the_order_of_time_and_the_unknown_are_counted() {
        let rest = "-1 -1 -1 -1 -1 -1 -1 -1 -1 -1";
        let text = format!(
            "; head\n\n1 9 0 5 2 -1 -1 -1 {rest}\n2 3 0 5 2 -1 -1 7 {rest}\n3 3 0 -1 2 -1 -1 7 {rest}\n4 3 0 1 0 -1 -1 0 {rest}\n"
        );
        let log = read(&text).unwrap();
        let jobs: Vec<_> = log.jobs.iter().map(|job| (job.submit, job.procs)).collect();
        assert_eq!((jobs, log.unknown), (vec![(3000, 7), (9000, 2)], 2));
        assert_eq!(log.jobs[0].wait, Some(0));
        assert_eq!(log.that_fit(2).len(), 1);
    }

    #[test]
    fn an_error_names_its_line() {
        let error = read("; head\n1 2 3\n").unwrap_err();
        assert_eq!(
            (error.line, error.problem.clone()),
            (2, Problem::Fields { found: 3 })
        );
        assert_eq!(
            error.to_string(),
            "line 2: a job has 18 fields, this line has 3"
        );
        let of = |submit: &str, procs: &str| {
            let line = format!("1 {submit} 0 5 2 -1 -1 {procs} 0 0 0 0 0 0 0 0 0 0");
            read(&line).unwrap_err().to_string()
        };
        assert_eq!(
            of("-1", "2"),
            "line 1: the job has no submit time (field 2)"
        );
        assert_eq!(
            of("1", "4294967296"),
            "line 1: 4294967296 procs are more than can be counted"
        );
        assert_eq!(
            of("now", "1"),
            "line 1: field 2 (submit time) is \"now\" and not a number"
        );
    }
}
