//! All that can be wrong with a run before anything starts: from the command line to a plan that can be carried out.
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use remuda::Config;
use remuda::journal::Label;
use remuda_cli::offers::Offers;
use remuda_tokio::{Options, RecordOptions};
use rustix::fs::FileType;
use tracing_subscriber::EnvFilter;

use crate::args::{Given, Groups, JobArgs, LogFormatName, OutputArgs, RunArgs, Values, When};
use crate::book::Rules;
use crate::cluster::Machines;
use crate::joblog::{Done, Joblog, LogFormat};
use crate::listen::Port;
use crate::log;
use crate::output::{self, Files, Mode};
use crate::progress::How;
use crate::results::Results;
use crate::source::{Arguments, Input, Source, Survey};
use crate::spool::{self, Spools};

/// Polls in a silent machine's span (F8), and how many it may leave unanswered: each takes up to an interval of a sixth of
/// the span and a time-out of a twelfth, and 4 × (1/6 + 1/12) is the span.
const POLLS: u32 = 6;
const SILENT_POLLS: u32 = 4;

/// How many jobs to hold at least, and at most where more can run at a time.
const LEAST_WINDOW: usize = 1024;
const MOST_WINDOW: usize = 100_000;

/// A run that may begin.
pub(crate) struct Plan {
    /// Where jobs come from, until they are read.
    pub(crate) source: Option<Source>,
    /// What an earlier run has done.
    pub(crate) done: Option<Done>,
    pub(crate) rules: Rules,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: Option<OsString>,
    pub(crate) machines: Machines,
    pub(crate) offers: Offers,
    /// Whether some job is known to ask for GPUs: from then on, each sees its own only.
    pub(crate) gpus: bool,
    pub(crate) enforce_memory: bool,
    pub(crate) config: Config,
    pub(crate) options: Options,
    /// How long a worker waits for a word of ours, if not for as long as the driver's options say.
    pub(crate) silence: Option<Duration>,
    /// Within which time a machine that is silent is noticed.
    pub(crate) silent_after: Duration,
    /// Where workers connect to, if any do.
    pub(crate) port: Option<Port>,
    /// After how many jobs that failed there alone a machine is set aside, if at all.
    pub(crate) suspect: Option<u32>,
    pub(crate) joblog: Option<Joblog>,
    pub(crate) journal: Option<Journal>,
    pub(crate) spools: Spools,
    pub(crate) spool_dir: PathBuf,
    pub(crate) filter: EnvFilter,
    pub(crate) keep_order: bool,
    pub(crate) line_buffer: bool,
    pub(crate) tag: bool,
    /// Where output is kept besides, until the printer has it; and whether it is.
    pub(crate) results: Option<Results>,
    pub(crate) keeps_results: bool,
    pub(crate) quiet: bool,
    /// What to tell the user at the beginning.
    pub(crate) notes: Vec<String>,
    pub(crate) progress: Option<How>,
}

/// A journal that is to be written.
pub(crate) struct Journal {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) options: RecordOptions,
}

impl Plan {
    /// Checks everything and opens what is to be written, the job log last.
    ///
    /// # Errors
    /// One line that names what is wrong and where.
    pub(crate) fn new(args: &RunArgs) -> Result<Plan, String> {
        if output::is_closed() {
            let hint = "to throw output away, say >/dev/null";
            return Err(format!("the standard output is closed: {hint}"));
        }
        let filter = log::filter(args.output.quiet, args.output.verbose)?;
        let mut port = Port::open(&args.listen, &args.machines.batch)?;
        let silent_after = args.machines.silent_after;
        let mut machines = Machines::new(&args.machines, port.is_some())?;
        if let (Some(port), Some(kind)) = (&mut port, machines.connected()) {
            port.joins(kind);
        }
        let spool_dir = spool::directory();
        spool::check(&spool_dir)?;
        let mut files = Files::new();
        // What is wrong with jobs in any case is told before hosts are asked.
        let (source, jobs) = source(&args.jobs, machines.offers(), &mut files)?;
        let notes = machines.learn(source.survey.needs, args.jobs.dry_run)?;
        let offers = machines.offers();
        let source = source.with(&offers)?;
        let config = machines.config()?;
        let config = config
            .poll_interval(silent_after / POLLS)
            .silent_polls(SILENT_POLLS);
        let mut options = options(args);
        options.admit_less = machines.admit_less();
        let env = args.jobs.env()?;
        let format = match args.output.joblog_format {
            LogFormatName::Json => LogFormat::Json,
            LogFormatName::Gnu => LogFormat::Gnu,
        };
        let joblog = args.output.joblog.as_ref();
        let joblog = joblog
            .map(|path| Joblog::open(path, format, &mut files))
            .transpose()?;
        let done = match &joblog {
            Some(log) if args.jobs.resume || args.jobs.resume_failed => {
                Some(log.done(!args.jobs.resume_failed)?)
            }
            _ => None,
        };
        let journal = journal(&args.output, &jobs, &mut files, &machines)?;
        let results = args
            .output
            .results
            .as_deref()
            .map(Results::new)
            .transpose()?;
        Ok(Plan {
            rules: rules(&args.jobs, &source.survey, config.max_procs),
            gpus: source.survey.needs.gpus(),
            source: Some(source),
            done,
            timeout: args.jobs.timeout,
            grace: args.jobs.grace,
            env,
            cwd: args.jobs.cwd.clone(),
            // The end of a pipe on this computer is proof enough.
            silence: machines.are_all_here().then_some(Duration::ZERO),
            machines,
            offers,
            enforce_memory: args.machines.enforce_memory,
            config,
            options,
            silent_after: args.machines.silent_after,
            port,
            suspect: args.faults.suspect.map(NonZeroU32::get),
            joblog,
            journal,
            spools: Spools::new(&spool_dir),
            spool_dir,
            filter,
            keep_order: args.output.keep_order,
            line_buffer: args.output.line_buffer,
            tag: args.output.tag,
            keeps_results: results.is_some(),
            results,
            quiet: args.output.quiet,
            notes,
            progress: progress(&args.output, io::stderr().is_terminal()),
        })
    }
}

fn rules(args: &JobArgs, survey: &Survey, max_procs: u64) -> Rules {
    let most = usize::try_from(max_procs).unwrap_or(usize::MAX);
    Rules {
        attempts: args.attempts.get(),
        retries: args.retries,
        retry_delay: args.retry_delay,
        halt: args.halt.0,
        window: match survey.whole {
            true => usize::MAX,
            // Twice what runs at a time is always there to be started.
            false => most.saturating_mul(2).clamp(LEAST_WINDOW, MOST_WINDOW),
        },
        names: survey.names,
    }
}

fn journal(
    args: &OutputArgs,
    jobs: &str,
    files: &mut Files,
    machines: &Machines,
) -> Result<Option<Journal>, String> {
    let Some(path) = &args.journal else {
        return Ok(None);
    };
    let mut options = RecordOptions::default();
    options.flush_every = args.journal_flush;
    options.labels = vec![
        Label::new("command", "remuda run"),
        Label::new("jobs", jobs),
    ];
    let names = machines.names();
    let names = names.map(|(kind, name)| Label::new(format!("kind {kind}"), name));
    options.labels.extend(names);
    Ok(Some(Journal {
        file: files.open("--journal", path, Mode::Replace, "it is the journal too")?,
        path: path.clone(),
        options,
    }))
}

fn options(
    RunArgs {
        machines, faults, ..
    }: &RunArgs,
) -> Options {
    let mut options = Options::default();
    options.no_machines_timeout = Some(faults.give_up_after);
    options.poll_timeout = machines.silent_after / (2 * POLLS);
    // The system's own time-out comes first: it tells what the launcher has printed.
    options.start_timeout = machines.batch.start_timeout + Duration::from_secs(30);
    options
}

fn progress(args: &OutputArgs, terminal: bool) -> Option<How> {
    let how = |full| How { terminal, full };
    match args.progress {
        _ if args.quiet => None,
        When::Auto => (terminal && !piped()).then_some(how(false)),
        When::Always => Some(how(false)),
        When::Full => Some(how(true)),
        When::Never => None,
    }
}

/// Whether standard output goes to another program, which may well be a pager, or write to the same terminal: a bar would
/// be drawn all over it.
fn piped() -> bool {
    let status = rustix::fs::fstat(io::stdout());
    status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Fifo)
}

/// Where jobs come from, and what a journal calls that.
fn source(args: &JobArgs, offers: Offers, files: &mut Files) -> Result<(Source, String), String> {
    const JOBS: &str = "it is the job file itself";
    match args.given()? {
        Given::Command(command, groups) => {
            know(&groups, files);
            let separator = args.colsep.as_ref().map(|separator| separator.0.clone());
            let (arguments, total) = Arguments::new(&command, groups, separator, args.null())?;
            let survey = Survey {
                total,
                ..Survey::default()
            };
            Ok((
                Source::new(Input::Arguments(arguments), survey),
                "arguments".into(),
            ))
        }
        Given::File(Some(path)) => {
            let name = path.display().to_string();
            let file = File::open(&path).map_err(|error| missing(&name, &error))?;
            files.read(&path, JOBS);
            let source = Source::file(file, name.clone(), args.format(), offers)?;
            Ok((source, name))
        }
        Given::File(None) if io::stdin().is_terminal() && !args.is_told_to_read_stdin() => {
            let error = "no job file: name one, pipe jobs in, or say - to type them here (try: remuda run --help)";
            Err(error.into())
        }
        Given::File(None) => {
            files.stream(io::stdin().as_fd(), JOBS);
            let name = "standard input".to_owned();
            let file = io::stdin().as_fd().try_clone_to_owned();
            let file = File::from(file.map_err(|error| format!("{name}: {error}"))?);
            let source = Source::file(file, name, args.format(), offers)?;
            Ok((source, "-".into()))
        }
    }
}

/// A job file that is not there may well be a command.
fn missing(name: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::NotFound if name.contains([' ', '{']) => {
            " (to run it as a command, say for what: remuda run COMMAND ::: ARGUMENT...)"
        }
        _ => "",
    };
    format!("{name}: {error}{hint}")
}

/// Files of arguments are not to be written over.
fn know(groups: &Groups, files: &mut Files) {
    const ARGUMENTS: &str = "it is a file of arguments";
    for values in groups.iter().flatten() {
        match values {
            Values::File(path) if path == Path::new("-") => {
                files.stream(io::stdin().as_fd(), ARGUMENTS);
            }
            Values::File(path) => files.read(path, ARGUMENTS),
            Values::Words(_) => {}
        }
    }
}
