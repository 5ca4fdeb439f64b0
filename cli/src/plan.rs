//! All that can be wrong with a run before anything starts: from the command line to a plan that can be carried out.
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use remuda::Config;
use remuda::journal::Label;
use remuda_cli::jobs::{self, Job};
use remuda_cli::offers::Offers;
use remuda_tokio::{Options, RecordOptions};
use rustix::fs::FileType;
use tracing_subscriber::EnvFilter;

use crate::args::{JobArgs, OutputArgs, RunArgs, When};
use crate::cluster::Machines;
use crate::joblog::Joblog;
use crate::listen::Port;
use crate::spool::Spools;
use crate::{log, output};

/// Polls in a silent machine's span (F8), and how many it may leave unanswered: each takes up to an interval of a sixth of
/// the span and a time-out of a twelfth, and 4 × (1/6 + 1/12) is the span.
const POLLS: u32 = 6;
const SILENT_POLLS: u32 = 4;

/// A run that may begin.
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    pub(crate) machines: Machines,
    pub(crate) offers: Offers,
    /// Whether any job asks for GPUs: then each sees its own only.
    pub(crate) gpus: bool,
    pub(crate) enforce_memory: bool,
    pub(crate) config: Config,
    pub(crate) options: Options,
    /// How long a worker waits for a word of ours, if not for as long as the driver's options say.
    pub(crate) silence: Option<Duration>,
    /// Where workers connect to, if any do.
    pub(crate) port: Option<Port>,
    /// Whether that is this very program, on this computer.
    pub(crate) launches_itself: bool,
    /// What runs that command, where it may be queued before it starts a worker.
    pub(crate) launch_prefix: Option<Vec<String>>,
    /// How long a worker may take to say hello.
    pub(crate) hello_timeout: Duration,
    pub(crate) attempts: u32,
    /// Within which time a machine that is silent is noticed.
    pub(crate) silent_after: Duration,
    /// After how many jobs that failed there alone a machine is set aside, if at all.
    pub(crate) suspect: Option<u32>,
    pub(crate) joblog: Option<Joblog>,
    pub(crate) journal: Option<Journal>,
    pub(crate) spools: Spools,
    pub(crate) spool_dir: PathBuf,
    pub(crate) filter: EnvFilter,
    pub(crate) keep_order: bool,
    pub(crate) quiet: bool,
    /// What to tell the user at the beginning.
    pub(crate) notes: Vec<String>,
    /// A bar (true) or lines (false), if any.
    pub(crate) progress: Option<bool>,
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
        let filter = log::filter(args.output.quiet, args.output.verbose)?;
        let mut port = Port::open(&args.listen)?;
        let silent_after = args.machines.silent_after;
        let mut machines = Machines::new(&args.machines, port.is_some())?;
        if let (Some(port), Some(kind)) = (&mut port, machines.connected()) {
            port.joins(kind);
        }
        let spool_dir = std::env::temp_dir();
        spool_dir
            .read_dir()
            .map_err(|error| format!("TMPDIR {}: {error}", spool_dir.display()))?;
        let (jobs, jobs_name) = read(&args.jobs, &machines.offers())?;
        let notes = machines.learn(&jobs)?;
        let offers = machines.offers();
        jobs::check(&jobs, &offers).map_err(|error| format!("{jobs_name}: {error}"))?;
        let config = machines.config()?;
        let config = config
            .poll_interval(silent_after / POLLS)
            .silent_polls(SILENT_POLLS);
        let mut options = options(args);
        options.admit_less = machines.admit_less();
        let launches_itself = machines.are_all_here();
        let silence = launches_itself.then_some(Duration::ZERO);
        let file = args.jobs.file.as_deref().filter(|file| !is_stdin(file));
        let joblog = args
            .output
            .joblog
            .as_ref()
            .map(|path| Joblog::open(path, file))
            .transpose()?;
        let journal = journal(&args.output, file, &machines)?;
        Ok(Plan {
            gpus: jobs.iter().any(|job| job.gpus > 0),
            enforce_memory: args.machines.enforce_memory,
            jobs,
            machines,
            offers,
            config,
            options,
            // The end of a pipe on this computer is proof enough.
            silence,
            port,
            launches_itself,
            launch_prefix: args.machines.launch_prefix(),
            hello_timeout: args.machines.batch.start_timeout,
            attempts: args.jobs.attempts.get(),
            silent_after: args.machines.silent_after,
            suspect: args.faults.suspect.map(NonZeroU32::get),
            joblog,
            journal,
            spools: Spools::new(&spool_dir),
            spool_dir,
            filter,
            keep_order: args.output.keep_order,
            quiet: args.output.quiet,
            notes,
            progress: progress(&args.output, io::stderr().is_terminal()),
        })
    }
}

fn journal(
    args: &OutputArgs,
    jobs: Option<&Path>,
    machines: &Machines,
) -> Result<Option<Journal>, String> {
    let Some(path) = &args.journal else {
        return Ok(None);
    };
    if args.joblog.as_ref() == Some(path) {
        return Err(format!(
            "--journal {}: it is the job log too",
            path.display()
        ));
    }
    let mut options = RecordOptions::default();
    options.flush_every = args.journal_flush;
    let jobs_name = jobs.map_or("-".into(), Path::to_string_lossy);
    options.labels = vec![
        Label::new("command", "remuda run"),
        Label::new("jobs", jobs_name),
    ];
    let names = machines.names();
    let names = names.map(|(kind, name)| Label::new(format!("kind {kind}"), name));
    options.labels.extend(names);
    Ok(Some(Journal {
        file: output::open("--journal", path, jobs)?,
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

fn progress(args: &OutputArgs, terminal: bool) -> Option<bool> {
    match args.progress {
        _ if args.quiet => None,
        When::Auto => (terminal && !piped()).then_some(true),
        When::Always => Some(terminal),
        When::Never => None,
    }
}

/// Whether standard output goes to another program, which may well be a pager, or write to the same terminal: a bar would
/// be drawn all over it.
fn piped() -> bool {
    let status = rustix::fs::fstat(io::stdout());
    status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Fifo)
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Reads the job file whole: it is run whole or not at all. Returns what it is called too.
fn read(args: &JobArgs, offers: &Offers) -> Result<(Vec<Job>, String), String> {
    let (name, bytes) = match &args.file {
        Some(file) if !is_stdin(file) => (file.display().to_string(), std::fs::read(file)),
        None if io::stdin().is_terminal() => {
            let error = "no job file: name one, pipe jobs in, or say - to type them here (try: remuda run --help)";
            return Err(error.into());
        }
        _ => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            ("standard input".to_owned(), read.map(|_| bytes))
        }
    };
    let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
    let jobs = jobs::parse(&bytes, args.format(), offers);
    let jobs = jobs.map_err(|error| format!("{name}: {error}"))?;
    Ok((jobs, name))
}
