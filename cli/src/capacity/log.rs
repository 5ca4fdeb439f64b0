//! What is planned with: the workload of a journal, a scenario, a job log, or a log in the Standard Workload Format. They are
//! told apart by how they begin.
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use remuda::{Config, Instant, Kind, Resources, Submit};
use remuda_sim::quality;
use serde::Deserialize;

use super::measure::{Figures, Measure};
use crate::replay::findings::kind_names;
use crate::replay::input::{Input, is_journal, read};
use crate::replay::items::Head;
use crate::replay::simulate::{Entry, Workload};

/// A workload, and what is known of the cluster that it ran on.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) name: String,
    pub(crate) workload: Workload,
    /// The recorded run, where it is one.
    pub(crate) run: Option<Input>,
    /// What that came to.
    pub(crate) recorded: Option<Figures>,
    /// What its kinds of machine are called, by number.
    pub(crate) kinds: Vec<String>,
    /// What the user should know of it.
    pub(crate) notes: Vec<String>,
}

/// A job of a job log.
struct Ran {
    start: Instant,
    took: Duration,
    /// What it took of its machine, if that is known.
    spec: Option<Submit>,
}

/// A line of our job log, as far as it is looked at.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "name")]
    _name: String,
    start: String,
    end: String,
    state: String,
    procs: Option<u32>,
    #[serde(default)]
    whole: bool,
}

impl Log {
    /// Reads a log. Jobs of which it does not know the procs take `job_procs`.
    ///
    /// # Errors
    /// One line: the file, the line in it, and what is wrong.
    pub(crate) fn read(path: &Path, job_procs: u32) -> Result<Log, String> {
        let (name, bytes) = read(path);
        let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
        Log::of(name, bytes, job_procs)
    }

    fn of(name: String, bytes: Vec<u8>, job_procs: u32) -> Result<Log, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        if is_journal(&bytes) {
            return Log::recorded(Input::of(name.clone(), bytes).map_err(|error| failed(&error))?);
        }
        let text = quality::unpack(bytes).map_err(|error| failed(&error))?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match lines.next() {
            None => Err(failed(&"it is empty")),
            Some(line) if line.starts_with("{\"config") || line.starts_with("{ \"config") => {
                let input = Input::of(name.clone(), text.into_bytes());
                Log::recorded(input.map_err(|error| failed(&error))?)
            }
            Some(line) if line.starts_with('{') => {
                let ran = jobs(&text, 1, |line| {
                    let line: Line =
                        serde_json::from_str(line).map_err(|error| error.to_string())?;
                    ours(&line)
                });
                let ran = ran.map_err(|error| failed(&error))?;
                Log::batch(name, ran, job_procs)
            }
            Some(line) if line.starts_with("Seq\t") => {
                let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
                let ran = jobs(rest, 2, gnu);
                let ran = ran.map_err(|error| failed(&error))?;
                Log::batch(name, ran, job_procs)
            }
            Some(line) if line.starts_with(|c: char| c == ';' || c.is_ascii_digit()) => {
                let log = quality::read(&text).map_err(|error| failed(&error))?;
                Log::swf(name, &log)
            }
            Some(_) => Err(failed(
                &"it is no journal (remuda run --journal), job log (--joblog), scenario, or log in the Standard Workload Format",
            )),
        }
    }

    fn recorded(input: Input) -> Result<Log, String> {
        let workload = Workload::of(&input)?;
        let mut notes = Vec::new();
        if workload.guessed > 0 {
            notes.push(format!(
                "{} requests did not end in the record, and are held as long as others like them",
                workload.guessed
            ));
        }
        Ok(Log {
            name: input.name.clone(),
            recorded: Some(Measure::recorded(&input)?),
            kinds: kind_names(&input.head),
            workload,
            notes,
            run: Some(input),
        })
    }

    fn swf(name: String, log: &quality::Log) -> Result<Log, String> {
        let first = log.jobs.first().map_or(0, |job| job.submit);
        let entries: Vec<Entry> = log
            .jobs
            .iter()
            .map(|job| {
                let submit = Instant::from_millis(job.submit - first);
                let held = Duration::from_millis(job.run);
                let wait = job.wait.map(Duration::from_millis);
                Entry {
                    submit,
                    held,
                    spec: Submit::procs(job.procs),
                    over: wait.map(|wait| submit + wait + held),
                }
            })
            .collect();
        let mut notes = Vec::new();
        if log.unknown > 0 {
            notes.push(format!(
                "{} jobs without a run time or procs are left out",
                log.unknown
            ));
        }
        Log::of_entries(name, &entries, notes)
    }

    /// A job log: all jobs are there from the beginning on.
    fn batch(
        name: String,
        (mut ran, left_out): (Vec<Ran>, usize),
        procs: u32,
    ) -> Result<Log, String> {
        ran.sort_by_key(|job| job.start);
        let first = ran.first().map_or(Instant::ZERO, |job| job.start);
        let entries: Vec<Entry> = ran
            .iter()
            .map(|job| Entry {
                submit: Instant::ZERO,
                held: job.took,
                spec: job.spec.unwrap_or(Submit::procs(procs)),
                over: Some(Instant::ZERO + (job.start - first) + job.took),
            })
            .collect();
        let mut notes = vec![
            "a job log does not say when jobs were submitted: all are taken to be there at its beginning, in the order in which they were started".to_owned(),
        ];
        let unknown = ran.iter().filter(|job| job.spec.is_none()).count();
        if unknown > 0 {
            notes.push(format!(
                "it does not say how many procs {unknown} jobs took: {procs} each (see --job-procs)"
            ));
        }
        if left_out > 0 {
            notes.push(format!(
                "{left_out} jobs that did not run to their end are left out"
            ));
        }
        Log::of_entries(name, &entries, notes)
    }

    fn of_entries(name: String, entries: &[Entry], notes: Vec<String>) -> Result<Log, String> {
        if entries.is_empty() {
            return Err(format!("{name}: there is no job in it that ran"));
        }
        // No machine of it is known.
        let config = Config::empty().kind(Kind::new(Resources::procs(1)));
        let head = Head {
            is_journal: false,
            config,
            config_hash: None,
            fresh: true,
            crate_version: None,
            rules: None,
            origin: None,
            labels: Vec::new(),
        };
        Ok(Log {
            name,
            workload: Workload::of_log(head, entries),
            run: None,
            recorded: None,
            kinds: Vec::new(),
            notes,
        })
    }

    /// The config of the recorded run, if it is one.
    pub(crate) fn own_config(&self) -> Option<Config> {
        let input = self.run.as_ref()?;
        let config = input.head.config.clone();
        Some(match self.workload.loses_in_silence() {
            // Polls decide something there.
            true => config.summary_interval(Duration::ZERO),
            false => quiet(config),
        })
    }
}

/// Without polls and summaries, which decide nothing where no machine falls silent.
pub(crate) fn quiet(config: Config) -> Config {
    config
        .poll_interval(Duration::ZERO)
        .summary_interval(Duration::ZERO)
}

/// The jobs of the lines of a log, the first of which has this number, and how many did not run to their end. A last line that was cut is none.
fn jobs(
    text: &str,
    first: usize,
    read: impl Fn(&str) -> Result<Option<Ran>, String>,
) -> Result<(Vec<Ran>, usize), String> {
    let (mut found, mut left_out) = (Vec::new(), 0);
    let whole = text.ends_with('\n');
    let many = text.lines().count();
    for (number, line) in (first..).zip(text.lines()) {
        match read(line) {
            _ if line.trim().is_empty() => {}
            Ok(Some(ran)) => found.push(ran),
            Ok(None) => left_out += 1,
            Err(_) if number + 1 == first + many && !whole => {}
            Err(error) => return Err(format!("line {number}: {error}")),
        }
    }
    Ok((found, left_out))
}

fn ours(line: &Line) -> Result<Option<Ran>, String> {
    let moment = |text: &String| {
        let moment = text.parse::<Timestamp>().ok();
        let nanos = moment.and_then(|it| u64::try_from(it.as_nanosecond()).ok());
        nanos.ok_or_else(|| format!("{text:?} is no time"))
    };
    let (start, end) = (moment(&line.start)?, moment(&line.end)?);
    let ran = !matches!(line.state.as_str(), "interrupted" | "skipped");
    Ok(ran.then(|| Ran {
        start: Instant(start),
        took: Duration::from_nanos(end.saturating_sub(start)),
        spec: Some(match line.whole {
            true => Submit::machine(),
            false => Submit::procs(line.procs.unwrap_or(1)),
        }),
    }))
}

/// A line of GNU parallel's: Seq Host Starttime JobRuntime Send Receive Exitval Signal Command.
fn gnu(line: &str) -> Result<Option<Ran>, String> {
    let columns: Vec<&str> = line.splitn(9, '\t').collect();
    let seconds = |column: usize, name: &str| {
        let text = columns.get(column).map_or("", |text| text.trim());
        let seconds = text.parse::<f64>().ok();
        let seconds = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
        seconds.ok_or_else(|| format!("column {} ({name}) is {text:?} and no time", column + 1))
    };
    let (start, took) = (seconds(2, "Starttime")?, seconds(3, "JobRuntime")?);
    let exit = columns.get(6).map_or("", |text| text.trim());
    let signal = columns.get(7).map_or("", |text| text.trim());
    let interrupted = exit == "-1" && signal == "15";
    Ok((!interrupted).then(|| Ran {
        start: Instant::ZERO + start,
        took,
        spec: None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replay::findings::Findings;
    use crate::replay::simulate::simulate_for;

    /// Plans it on two machines, and looks on with all that look on.
    fn plan(mut log: Log) -> Figures {
        log.workload.close(3);
        let kind = Kind::new(Resources::procs(4)).max(2).cost(7);
        let config = quiet(Config::empty().kind(kind));
        let workload = log.workload.on_other_kinds(config.clone(), &[None]);
        let mut watch = (Measure::default(), Findings::new(Vec::new()));
        simulate_for(&workload, config.clone(), &mut watch).unwrap();
        let _ = watch.1.list();
        watch.0.figures(&config)
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(Seq\t|[{;0-9])[ -~\n\t]{0,200}") {
            let _ = Log::of("x".into(), bytes, 1).map(plan);
            let _ = Log::of("x".into(), text.into_bytes(), 1).map(plan);
        }

        #[test]
        fn no_number_is_too_large(jobs in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 0..8_u32, 0..64_u32), 1..20)) {
            let mut text = String::new();
            for (submit, wait, run, procs, shift) in &jobs {
                let [submit, wait, run] = [submit, wait, run].map(|it| (it >> shift) / 1000);
                text += &format!("1 {submit} {wait} {run} {procs} -1 -1 -1 0 0 0 0 0 0 0 0 0 0\n");
            }
            if let Ok(log) = Log::of("x".into(), text.into_bytes(), 1) {
                let figures = plan(log);
                let left = figures.refused + figures.unplaced;
                prop_assert!(figures.granted + left <= jobs.len() as u64);
            }
            let gnu: String = jobs.iter().map(|(start, took, ..)| format!("1\t:\t{start}\t{took}\t0\t0\t0\t0\tx\n")).collect();
            let _ = Log::of("x".into(), format!("Seq\t\n{gnu}").into_bytes(), 1).map(plan);
        }
    }
}
