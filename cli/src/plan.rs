//! All that can be wrong with a run before anything starts: from the command line to a plan that can be carried out.
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
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
use crate::recover::{self, Digest, Recovery};
use crate::results::Results;
use crate::serve;
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
    /// What an earlier run has done, by its job log.
    pub(crate) done: Option<Done>,
    /// The run that goes on, until it does.
    pub(crate) recovery: Option<Recovery>,
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
    /// Where the run is told of while it goes on, if it is.
    pub(crate) serve: Option<serve::Port>,
    /// Where jobs come from, in words, and the names of the kinds, by number.
    pub(crate) jobs: String,
    pub(crate) kinds: Vec<String>,
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
    /// The mark of the run's processes.
    pub(crate) run: String,
    /// The run can be recovered: it is written at once what that needs.
    pub(crate) lasting: bool,
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
        let serve = serve::Port::open(&args.serve)?;
        let silent_after = args.machines.silent_after;
        let mut machines = Machines::new(&args.machines, port.is_some())?;
        if let (Some(port), Some(kind)) = (&mut port, machines.connected()) {
            port.joins(kind);
        }
        let spool_dir = spool::directory();
        spool::check(&spool_dir)?;
        let mut files = Files::new();
        // What is wrong with jobs in any case is told before hosts are asked.
        let journaled = args.output.journal.is_some() || args.output.recover.is_some();
        let (source, jobs) = source(&args.jobs, journaled, machines.offers(), &mut files)?;
        let mut notes = machines.learn(source.survey.needs, args.jobs.dry_run)?;
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
        let mut kinds = vec![String::new(); config.kinds.len()];
        for (kind, name) in machines.names() {
            name.clone_into(&mut kinds[usize::from(kind.0)]);
        }
        let (journal, recovery) = match &args.output.recover {
            None => (journal(&args.output, &jobs, &mut files, &machines)?, None),
            Some(path) => {
                let (journal, recovery) = recover(path, jobs.digest, &config, &mut files)?;
                notes.extend(recovery.told.iter().cloned());
                notes.push(format!(
                    "--recover {}: {} jobs were done before",
                    path.display(),
                    recovery.before.count()
                ));
                (Some(journal), Some(recovery))
            }
        };
        let results = args
            .output
            .results
            .as_deref()
            .map(Results::new)
            .transpose()?;
        Ok(Plan {
            rules: rules(args, &source.survey, config.max_procs),
            gpus: source.survey.needs.gpus(),
            source: Some(source),
            done,
            recovery,
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
            serve,
            jobs: jobs.name,
            kinds,
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

fn rules(
    RunArgs {
        jobs: args, output, ..
    }: &RunArgs,
    survey: &Survey,
    max_procs: u64,
) -> Rules {
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
        goes_on: output.recover.is_some(),
    }
}

/// Opens a journal to go on with.
fn recover(
    path: &Path,
    digest: Option<Digest>,
    config: &Config,
    files: &mut Files,
) -> Result<(Journal, Recovery), String> {
    let what = "it is the journal too";
    let mut file = files.open("--recover", path, Mode::Continue, what)?;
    let recovery = Recovery::new(&mut file, path, digest, config)?;
    let mut options = RecordOptions::default();
    options.ahead = true;
    let journal = Journal {
        file,
        path: path.to_owned(),
        options,
        run: recovery.run.clone(),
        lasting: true,
    };
    Ok((journal, recovery))
}

fn journal(
    args: &OutputArgs,
    jobs: &Jobs,
    files: &mut Files,
    machines: &Machines,
) -> Result<Option<Journal>, String> {
    let Some(path) = &args.journal else {
        return Ok(None);
    };
    let mut options = RecordOptions::default();
    options.flush_every = args.journal_flush;
    let file = files.open("--journal", path, Mode::Replace, "it is the journal too")?;
    let run = recover::new_run()?;
    // A pipe or a device cannot be read again either.
    let digest = jobs.digest.as_ref();
    let lasting = digest.is_some() && file.metadata().is_ok_and(|found| found.is_file());
    options.ahead = lasting;
    options.labels = recover::labels(digest, &run);
    options.labels.push(Label::new("jobs", &jobs.name));
    let names = machines.names();
    let names = names.map(|(kind, name)| Label::new(format!("kind {kind}"), name));
    options.labels.extend(names);
    Ok(Some(Journal {
        file,
        path: path.clone(),
        options,
        run,
        lasting,
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

/// What a journal says of where jobs come from.
struct Jobs {
    name: String,
    /// None if they cannot be had again.
    digest: Option<Digest>,
}

/// Where jobs come from. Their digest is made for a run that is `journaled`.
fn source(
    args: &JobArgs,
    journaled: bool,
    offers: Offers,
    files: &mut Files,
) -> Result<(Source, Jobs), String> {
    const JOBS: &str = "it is the job file itself";
    match args.given()? {
        Given::Command(command, groups) => {
            know(&groups, files);
            let separator = args.colsep.as_ref().map(|separator| separator.0.clone());
            let digest = journaled.then(|| arguments(&command, &groups, args));
            let digest = digest.flatten();
            let (arguments, total) = Arguments::new(&command, groups, separator, args.null())?;
            let survey = Survey {
                total,
                ..Survey::default()
            };
            Ok((
                Source::new(Input::Arguments(arguments), survey),
                Jobs {
                    name: "arguments".into(),
                    digest,
                },
            ))
        }
        Given::File(Some(path)) => {
            let name = path.display().to_string();
            let file = File::open(&path).map_err(|error| missing(&name, &error))?;
            files.read(&path, JOBS);
            let digest = journaled.then(|| job_file(&file, args)).flatten();
            let source = Source::file(file, name.clone(), args.format(), offers)?;
            Ok((source, Jobs { name, digest }))
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
            let digest = journaled.then(|| job_file(&file, args)).flatten();
            let source = Source::file(file, name, args.format(), offers)?;
            let name = "-".into();
            Ok((source, Jobs { name, digest }))
        }
    }
}

/// The digest of a job file. What is wrong with the file is told when it is read.
fn job_file(file: &File, args: &JobArgs) -> Option<Digest> {
    let mut digest = Digest::new();
    digest.text(format!("{:?}", args.format()).as_bytes());
    digest
        .rest_of(file)
        .is_ok_and(|whole| whole)
        .then_some(digest)
}

/// The digest of a command and its arguments.
fn arguments(command: &[u8], groups: &Groups, args: &JobArgs) -> Option<Digest> {
    let mut digest = Digest::new();
    digest.text(command);
    let separator = args.colsep.as_ref().map(|separator| &*separator.0);
    digest.text(separator.unwrap_or_default());
    digest.text(&[u8::from(args.null())]);
    for group in groups {
        digest.text(b"group");
        for values in group {
            digest.text(b"values");
            match values {
                Values::Words(words) => {
                    let words = words.iter().map(|word| word.as_bytes());
                    words.for_each(|word| digest.text(word));
                }
                Values::File(path) => {
                    // A pipe must not be opened: what is read of it would be lost.
                    let plain = path.metadata().is_ok_and(|found| found.is_file());
                    let file = File::open(path).ok().filter(|_| plain)?;
                    digest
                        .rest_of(&file)
                        .is_ok_and(|whole| whole)
                        .then_some(())?;
                }
            }
        }
    }
    Some(digest)
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
