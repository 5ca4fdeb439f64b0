//! The job log of GNU parallel: columns that other tools read.
use std::os::unix::ffi::OsStrExt;

use remuda_cli::jobs::Job;

use super::Attempt;
use super::resume::{Found, key};
use crate::ended::Ended;

/// Its first line.
pub(super) const HEAD: &str =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// What has no exit status has this, as there.
const NONE: i32 = -1;

pub(super) fn line(job: &Job, attempt: &Attempt, ended: &Ended) -> Vec<u8> {
    let (exit, signal) = match ended {
        Ended::Exit(code) => (*code, 0),
        Ended::Signal(signal) => (0, *signal),
        Ended::TimedOut(_) | Ended::Interrupted => (NONE, 15),
        Ended::Error(_) | Ended::Skipped(_) => (NONE, 0),
    };
    let seconds = |millis: i64| format!("{}.{:03}", millis / 1000, millis % 1000);
    let start = attempt.start.as_millisecond();
    let took = (attempt.end.as_millisecond() - start).max(0);
    let mut line = format!(
        "{}\t{}\t{}\t{:>10}\t0\t0\t{exit}\t{signal}\t",
        job.line,
        attempt.machine.as_deref().unwrap_or(":"),
        seconds(start),
        seconds(took),
    )
    .into_bytes();
    line.extend(command(job));
    line.push(b'\n');
    line
}

/// A job is one line, so a line feed within it is a NUL.
fn command(job: &Job) -> Vec<u8> {
    let mut line = job.command.line().into_encoded_bytes();
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = 0;
        }
    }
    line
}

/// What a line says; none if it is no line of a job.
pub(super) fn read(line: &[u8]) -> Option<Found> {
    let mut columns = line.splitn(9, |&byte| byte == b'\t');
    let seq = columns.next()?;
    let mut number = |skip: usize| -> Option<i32> {
        str::from_utf8(columns.nth(skip)?).ok()?.trim().parse().ok()
    };
    let (exit, signal) = (number(5)?, number(0)?);
    let command: Vec<u8> = columns
        .next()?
        .iter()
        .map(|&byte| if byte == 0 { b'\n' } else { byte })
        .collect();
    str::from_utf8(seq).ok()?.parse::<usize>().ok()?;
    let command = std::ffi::OsStr::from_bytes(&command);
    Some(Found {
        key: key(seq, command),
        ok: (exit, signal) == (0, 0),
        through: exit != NONE || signal != 15,
    })
}
