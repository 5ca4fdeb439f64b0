//! `remuda plan`: a workload of the past on clusters that might be, on virtual time, and what each would have cost.
mod clusters;
mod log;
mod measure;
mod page;
mod sweep;
mod table;
mod want;

use std::collections::HashMap;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use remuda_cli::jobs::duration;

use crate::replay::findings::{Finding, Findings};
use crate::replay::picture;
use crate::replay::simulate::{Workload, simulate_for};
use crate::values::count;
use clusters::{Base, Candidate, bases, candidate, candidates};
use log::Log;
use measure::{Figures, Measure};
use sweep::{Axis, Sweep, Value};
use table::Report;
use want::Want;

/// Plan a cluster: give the workload of a log to clusters that might be, and tell what each would have cost.
///
/// LOG is a journal (remuda run --journal), a job log (--joblog, also GNU parallel's), or a log in the Standard
/// Workload Format (.swf, .swf.gz). Its jobs come when they came and run as long as they ran; the manager that
/// decides is the one of remuda run, on virtual time. A journal is planned under its own cluster unless others are
/// named; then its machines start, fail and are lost as they did.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = HELP)]
pub(crate) struct PlanArgs {
    /// The workload: a journal, a job log, or a log in the Standard Workload Format; `-` is standard input.
    #[arg(value_name = "LOG")]
    log: PathBuf,

    /// A cluster to try, in the form of remuda run --cluster; again for more.
    ///
    /// Nothing is started, and no host is asked what it has: procs must be said. Example: --cluster small.toml
    /// --cluster large.toml
    #[arg(long, value_name = "FILE")]
    cluster: Vec<PathBuf>,

    /// A cluster of machines of so many procs, stopped after 60 idle seconds, as many as are needed.
    ///
    /// Example: --machine-procs 25 --sweep max=1..16
    #[arg(long, value_name = "N", value_parser = count)]
    machine_procs: Option<NonZeroU32>,

    /// Settings to try, all combinations of them.
    ///
    /// A setting is max, min, spare, procs, cost, max_pending, idle, boot, max_procs or patience; of one kind of machine
    /// alone: big.max. Values are a list, 1|2|8, or a range: of numbers in up to 12 steps (with --want, those
    /// between are tried where it matters), of times each twice the one before. A sweep of max lifts max_procs, and
    /// lowers min and spare where it must. Example: --sweep 'max=4..64,idle=30s..15m'
    #[arg(long, value_name = "SETTING=VALUES,…")]
    sweep: Vec<Sweep>,

    /// Find the smallest cluster that keeps these bounds: the one with the fewest procs, of those the cheapest.
    ///
    /// On waits: mean, p50, p95, p99, max; on hours of machines, cost, utilisation. A cluster that cannot hold a request
    /// that another one of those tried can hold keeps none. Example: --want 'p95<5m,cost<1000'
    #[arg(long, value_name = "BOUND,…", value_delimiter = ',')]
    want: Vec<Want>,

    /// So many clients submit the jobs, each its next when its last is over.
    ///
    /// What a client waits between them is taken from the log. Without this, jobs come when they came, however late
    /// others are. Example: --closed-loop 20
    #[arg(long, value_name = "N", value_parser = count)]
    closed_loop: Option<NonZeroU32>,

    /// How long a machine takes to start [default: as the log says, else no time].
    ///
    /// Example: --boot 90s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    boot: Option<Duration>,

    /// Procs of jobs whose log does not say how many they took, as GNU parallel's.
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    job_procs: NonZeroU32,

    /// Draw it as a page of its own for a browser: waits over cost, and a bar for each cluster.
    ///
    /// The page needs no network and runs no script. Example: --html plan.html
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,

    /// Print it as JSON, a cluster a line; times in nanoseconds.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  remuda plan run.journal --sweep max=1..16
  remuda plan run.journal --cluster now.toml --cluster new.toml
  remuda plan KTH-SP2.swf.gz --machine-procs 25 --sweep 'max=1..16,idle=1m|never' --want 'mean<10m'
  remuda plan run.journal --sweep 'max=1..16,idle=30s..15m' --html plan.html

A wait is the time from submit to grant. A machine counts from when it is asked for until it is gone, or
the last job is done; its cost is its hours times the cost of its kind. Utilisation is the part of the
procs of these hours that jobs had. Logs: https://www.cs.huji.ac.il/labs/parallel/workload/

Exit status:
  0  planned, and if there is a --want, a cluster keeps it
  1  no cluster that was tried keeps what is wanted
  2  wrong use or bad input";

/// A cluster that was tried.
#[derive(Debug)]
pub(crate) struct Row {
    candidate: Candidate,
    figures: Figures,
}

/// Plans; gives the exit status.
///
/// # Errors
/// One line: what is wrong with the log, a cluster or a setting.
pub(crate) fn plan(args: &PlanArgs) -> Result<u8, String> {
    let begun = Instant::now();
    if let Some(out) = &args.html {
        picture::check(
            "--html",
            out,
            &args.log,
            "it is the log itself, which would be gone",
        )?;
    }
    let mut log = Log::read(&args.log, args.job_procs.get())?;
    if let Some(clients) = args.closed_loop {
        log.workload.close(clients.get() as usize);
    }
    let machine_procs = args.machine_procs.map(NonZeroU32::get);
    let bases = bases(&log, &args.cluster, machine_procs)?;
    let axes: Vec<Axis> = args.sweep.iter().flat_map(|it| it.0.clone()).collect();
    let tried = candidates(&bases, &axes)?;
    let trial = Trial {
        log: &log,
        bases: &bases,
        axes: &axes,
        boot: args.boot,
    };
    let mut rows = trial.run(tried)?;
    trial.refine(&mut rows, &args.want)?;
    let mut report = Report::new(&log, &rows, &args.want, args.closed_loop);
    if let Some(row) = report.one() {
        report.findings = trial.findings(&row.candidate)?;
    }
    if let Some(out) = &args.html {
        picture::write("--html", out, &page::page(&report))?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match args.json {
        true => report.json(&mut out),
        false => report.print(&mut out),
    };
    match printed.and_then(|()| out.flush()) {
        Ok(()) => {}
        // A reader that left early has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => return Err(format!("standard output: {error}")),
    }
    let secs = begun.elapsed().as_secs_f64();
    // Standard error may be closed: that is no failure of the plan.
    let _ = writeln!(
        io::stderr(),
        "remuda: {}: {} clusters tried; {secs:.3} s",
        log.name,
        rows.len()
    );
    Ok(u8::from(
        !args.want.is_empty() && report.smallest().is_none(),
    ))
}

/// Tries clusters.
struct Trial<'a> {
    log: &'a Log,
    bases: &'a [Base],
    axes: &'a [Axis],
    boot: Option<Duration>,
}

impl Trial<'_> {
    /// Simulates each, as many at a time as there are cores.
    fn run(&self, candidates: Vec<Candidate>) -> Result<Vec<Row>, String> {
        // The workload as each base sees it, and each time to start.
        let mut workloads = HashMap::new();
        for candidate in &candidates {
            let boot = candidate.boot.or(self.boot);
            let made = || self.workload(&self.bases[candidate.base], boot);
            workloads.entry((candidate.base, boot)).or_insert_with(made);
        }
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..cores.min(candidates.len()) {
                scope.spawn(|| {
                    while let Some((at, candidate)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        candidates.get(at).map(|it| (at, it))
                    } {
                        let key = (candidate.base, candidate.boot.or(self.boot));
                        let mut measure = Measure::default();
                        let config = candidate.config.clone();
                        let run = simulate_for(&workloads[&key], config, &mut measure);
                        let figures = run.map(|()| measure.figures(&candidate.config));
                        found.lock().expect("no thread panics").push((at, figures));
                    }
                });
            }
        });
        let mut found = found.into_inner().expect("no thread panics");
        found.sort_by_key(|(at, _)| *at);
        let rows = found.into_iter().zip(candidates);
        let rows = rows.map(|((_, figures), candidate)| match figures {
            Ok(figures) => Ok(Row { candidate, figures }),
            Err(error) => Err(format!("{}: {error}", candidate.name)),
        });
        rows.collect()
    }

    /// What may be worth a look in what a cluster did.
    fn findings(&self, candidate: &Candidate) -> Result<Vec<Finding>, String> {
        let base = &self.bases[candidate.base];
        let workload = self.workload(base, candidate.boot.or(self.boot));
        let mut findings = Findings::new(base.kinds.clone());
        simulate_for(&workload, candidate.config.clone(), &mut findings)?;
        Ok(findings.list())
    }

    fn workload(&self, base: &Base, boot: Option<Duration>) -> Workload {
        let recorded = &self.log.workload;
        let mut workload = match &base.was {
            Some(was) => recorded.on_other_kinds(base.config.clone(), was),
            None => recorded.clone(),
        };
        if let Some(boot) = boot {
            workload.set_boot(boot);
        }
        workload
    }

    /// Where a range of numbers was tried in steps, those between the last that fails and the first that keeps what is wanted.
    fn refine(&self, rows: &mut Vec<Row>, wants: &[Want]) -> Result<(), String> {
        let ranges = (0..self.axes.len()).filter(|axis| self.axes[*axis].is_range);
        for axis in ranges.filter(|_| !wants.is_empty()) {
            while let Some(between) = self.between(rows, wants, axis) {
                rows.extend(self.run(between)?);
                rows.sort_by(|one, other| order(&one.candidate, &other.candidate));
            }
        }
        Ok(())
    }

    /// The middle of each such gap; none if there is no gap.
    fn between(&self, rows: &[Row], wants: &[Want], axis: usize) -> Option<Vec<Candidate>> {
        let keeps = |row: &Row| table::keeps(wants, rows, row);
        let count = |row: &Row| match row.candidate.settings[axis] {
            Value::Count(count) => count,
            Value::Span(_) | Value::Never => 0,
        };
        let others = |row: &Row| {
            let mut settings = row.candidate.settings.clone();
            settings.remove(axis);
            (row.candidate.base, settings)
        };
        let mut middles = Vec::new();
        for row in rows.iter().filter(|row| keeps(row)) {
            let alike = || rows.iter().filter(|it| others(it) == others(row));
            // The smallest that keeps it, and the largest below.
            if alike().any(|it| keeps(it) && count(it) < count(row)) {
                continue;
            }
            let below = alike().map(count).filter(|it| *it < count(row)).max();
            let Some(below) = below.filter(|below| count(row) - below > 1) else {
                continue;
            };
            let mut settings = row.candidate.settings.clone();
            settings[axis] = Value::Count(below.midpoint(count(row)));
            let middle = candidate(self.bases, row.candidate.base, self.axes, settings);
            middles.extend(middle.ok());
        }
        (!middles.is_empty()).then_some(middles)
    }
}

/// By base, then by settings.
fn order(one: &Candidate, other: &Candidate) -> std::cmp::Ordering {
    let key = |value: &Value| match value {
        Value::Count(count) => (0, u128::from(*count)),
        Value::Span(span) => (1, span.as_nanos()),
        Value::Never => (2, 0),
    };
    let settings = |it: &Candidate| it.settings.iter().map(key).collect::<Vec<_>>();
    (one.base, settings(one)).cmp(&(other.base, settings(other)))
}
