//! Jobs that stand in lines of a file or a pipe.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use remuda_cli::jobs::{Format, Job, Parser, check_order};
use remuda_cli::offers::Offers;

use super::{BATCH, Take};
use crate::cluster::Needs;

/// What is known of the jobs before they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How many there are, unless they come from a pipe.
    pub(crate) total: Option<usize>,
    /// Some may wait for others.
    pub(crate) names: bool,
    /// They must be held all at once: some wait for others that may come later, or have priorities.
    pub(crate) whole: bool,
    /// What they ask of machines.
    pub(crate) needs: Needs,
}

impl Survey {
    /// Of jobs that come from a pipe: what they will be is not known, but what lines of this format can say.
    pub(super) fn unseen(format: Format) -> Survey {
        let json = format == Format::Jsonl;
        Survey {
            total: None,
            names: json,
            whole: false,
            needs: if json { Needs::any() } else { Needs::default() },
        }
    }
}

/// Looks a file through.
///
/// # Errors
/// The first line that is wrong.
pub(crate) fn survey(
    from: impl BufRead,
    name: &str,
    format: Format,
    offers: &Offers,
) -> Result<Survey, String> {
    let mut survey = Survey::default();
    let mut total = 0;
    each(from, name, format, offers, |job| {
        total += 1;
        survey.names |= job.names().next().is_some();
        survey.whole |= survey.names || job.priority != 0;
        survey.needs.add(&job);
    })?;
    survey.total = Some(total);
    Ok(survey)
}

/// All jobs of a file, which can be put in order.
///
/// # Errors
/// The first line that is wrong, or why there is no order.
pub(crate) fn all(
    from: impl BufRead,
    name: &str,
    format: Format,
    offers: &Offers,
) -> Result<Vec<Job>, String> {
    let mut jobs = Vec::new();
    each(from, name, format, offers, |job| jobs.push(job))?;
    check_order(&jobs).map_err(|error| format!("{name}: {error}"))?;
    Ok(jobs)
}

fn each(
    mut from: impl BufRead,
    name: &str,
    format: Format,
    offers: &Offers,
    mut take: impl FnMut(Job),
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let mut parser = Parser::new(format, offers);
    let mut line = Vec::new();
    while next_line(&mut from, format, &mut line).map_err(|error| failed(&error))? {
        if let Some(job) = parser.line(&line).map_err(|error| failed(&error))? {
            take(job);
        }
    }
    Ok(())
}

/// Reads jobs and hands them over as they come: what has been read is not held back while the rest is awaited.
pub(super) fn read(
    from: impl Read,
    name: &str,
    format: Format,
    offers: &Offers,
    unseen: bool,
    to: &mut impl Take,
) {
    let mut from = BufReader::with_capacity(1 << 16, from);
    let mut parser = Parser::new(format, offers);
    let mut names = unseen.then(Names::default);
    let (mut line, mut batch) = (Vec::new(), Vec::new());
    let error = loop {
        // The buffer has no whole line any more: the next one may take its time.
        let waits = !batch.is_empty() && !from.buffer().contains(&format.end());
        if (waits || batch.len() == BATCH) && !to.take(Ok(std::mem::take(&mut batch))) {
            return;
        }
        match next_line(&mut from, format, &mut line) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error.to_string()),
        }
        match parser.line(&line) {
            Ok(None) => {}
            Ok(Some(job)) => {
                if let Some(error) = names.as_mut().and_then(|names| names.add(&job)) {
                    break Some(error);
                }
                batch.push(job);
            }
            Err(error) => break Some(error.to_string()),
        }
    };
    if to.take(Ok(batch))
        && let Some(error) = error
    {
        to.take(Err(format!("{name}: {error}")));
    }
}

/// The names of a pipe so far, and whether one is used twice.
#[derive(Default)]
struct Names(HashMap<String, bool>);

impl Names {
    /// Adds a job; says what is wrong with those it waits for.
    fn add(&mut self, job: &Job) -> Option<String> {
        let line = job.line;
        for name in job.names() {
            match self.0.get(name) {
                Some(false) => {}
                Some(true) => return Some(format!("line {line}: two jobs are named {name:?}")),
                None => {
                    return Some(format!(
                        "line {line}: no job before it is named {name:?} (of a pipe, only those are known)"
                    ));
                }
            }
        }
        if let Some(name) = &job.given_name {
            let twice = self.0.contains_key(name);
            self.0.insert(name.clone(), twice);
        }
        None
    }
}

/// The next line without its end; false if there is none.
fn next_line(from: &mut impl BufRead, format: Format, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if from.read_until(format.end(), line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&format.end()) {
        line.pop();
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use remuda_cli::jobs::Command;

    use super::*;

    struct Taken(Vec<Result<Vec<String>, String>>);

    impl Take for Taken {
        fn take(&mut self, batch: super::super::Batch) -> bool {
            let names = |batch: Vec<Job>| batch.iter().map(|job| job.name().into_owned()).collect();
            self.0.push(batch.map(names));
            true
        }
    }

    fn taken(text: &str, format: Format) -> Vec<Result<Vec<String>, String>> {
        let mut taken = Taken(Vec::new());
        let offers = Offers::procs(4);
        read(text.as_bytes(), "x", format, &offers, true, &mut taken);
        taken.0
    }

    #[test]
    fn lines_come_in_batches_and_an_error_behind_what_was_good() {
        let batches = taken(&"true\n".repeat(BATCH + 2), Format::Lines);
        let sizes: Vec<_> = batches
            .iter()
            .map(|batch| batch.as_ref().unwrap().len())
            .collect();
        assert_eq!(sizes, [BATCH, 2, 0]);
        let batches = taken("{\"cmd\": \"a\"}\n\nb\n", Format::Jsonl);
        assert_eq!(batches[0], Ok(vec!["1".into()]));
        let error = batches.last().unwrap().as_ref().unwrap_err();
        assert!(error.starts_with("x: line 3: bad JSON"), "{error}");
    }

    #[test]
    fn a_job_of_a_pipe_waits_for_those_before_it_alone() {
        let line = |name: &str, after: &str| {
            format!("{{\"cmd\": \"x\", \"name\": \"{name}\", \"after\": [{after}]}}\n")
        };
        let good = [line("a", ""), line("b", "\"a\"")].concat();
        assert!(taken(&good, Format::Jsonl).iter().all(Result::is_ok));
        for (more, expected) in [
            (
                line("c", "\"d\""),
                "x: line 3: no job before it is named \"d\" (of a pipe, only those are known)",
            ),
            (
                line("a", "") + &line("c", "\"a\""),
                "x: line 4: two jobs are named \"a\"",
            ),
        ] {
            let batches = taken(&(good.clone() + &more), Format::Jsonl);
            assert_eq!(batches.last().unwrap(), &Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_survey_says_what_must_be_held() {
        let offers = Offers::procs(4);
        let of = |text: &str, format| survey(text.as_bytes(), "x", format, &offers);
        let survey = |total, names, whole| {
            let mut needs = Needs::default();
            let one = Job::new(1, Command::Shell("a".into())).unwrap();
            needs.add(&one);
            Ok(Survey {
                total: Some(total),
                names,
                whole,
                needs,
            })
        };
        assert_eq!(of("a\n#\nb", Format::Lines), survey(2, false, false));
        assert_eq!(
            of(r#"{"cmd": "a", "name": "b"}"#, Format::Jsonl),
            survey(1, false, false)
        );
        assert_eq!(
            of(r#"{"cmd": "a", "priority": 1}"#, Format::Jsonl),
            survey(1, false, true)
        );
        assert_eq!(
            of(r#"{"cmd": "a", "after": ["a"]}"#, Format::Jsonl),
            survey(1, true, true)
        );
        assert_eq!(
            of("a\n\0", Format::Lines),
            Err("x: line 2: a NUL character in the command".into())
        );
    }
}
