//! The command line: what it may say, its help, and the first check of what it says.
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use remuda_cli::jobs;

use crate::minimise::MinimiseArgs;
use crate::replay::ReplayArgs;
use crate::values::seconds;

/// Runs shell commands on a cluster of worker processes that manages itself.
#[derive(Debug, Parser)]
#[command(name = "remuda", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Worker(WorkerArgs),
    Replay(ReplayArgs),
    Minimise(MinimiseArgs),
}

/// Run the jobs of a file, or of standard input, and print each one's output once.
///
/// A job file has one shell command a line; blank lines and lines that start with # are skipped.
/// With --format jsonl, or a name that ends in .jsonl, each line is a JSON object:
///
///   {"cmd": "make -j2", "procs": 2, "priority": 5, "name": "build"}
///   {"cmd": ["cp", "a b", "c"], "machine": true}
///
/// cmd is a text for sh -c, or a program and its arguments; procs (1) is how much of a machine the
/// job takes, "machine": true takes a whole one; a lower priority (0) runs first; a job without a
/// name goes by its line. Jobs read /dev/null, and see REMUDA_JOB (their name) and REMUDA_ATTEMPT
/// (1, 2, …) in their environment.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = RUN_HELP)]
pub(crate) struct RunArgs {
    /// The job file; `-`, or none, is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// How the job file is written [default: jsonl if FILE ends in .jsonl, else lines].
    ///
    /// Example: generate-jobs | remuda run --format jsonl -
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,

    /// Most procs to have at any time, over all machines [default: all cores of this computer].
    ///
    /// Never exceeded: rounded down to whole machines. Example: --max-procs 4 --machine-procs 1 has up to four
    /// machines of one proc each.
    #[arg(long, value_name = "N", value_parser = count)]
    max_procs: Option<NonZeroU32>,

    /// Procs of one machine [default: all cores, or --max-procs if that is less].
    ///
    /// May exceed this computer's cores, say for jobs that wait more than they compute, or for machines that are
    /// larger than this one. Example: --machine-procs 64 --launch 'ssh big remuda worker --procs {procs}'
    #[arg(long, value_name = "N", value_parser = count)]
    machine_procs: Option<NonZeroU32>,

    /// Load a machine at most to this part of its procs.
    ///
    /// Example: --max-load 0.75 runs six jobs of one proc on a machine of eight. How many run at a time over all
    /// machines is what --max-procs says.
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = load)]
    pub(crate) max_load: f64,

    /// The command that starts a machine [default: this program, as `remuda worker --procs {procs}`].
    ///
    /// Split into words as a shell would, but never run by one; {procs} and {machine} in a word stand for the procs of
    /// a machine and its name. Example: --launch 'ssh host remuda worker --procs {procs}'
    #[arg(long, value_name = "TEMPLATE", value_parser = template)]
    launch: Option<Template>,

    /// Write one line of JSON for each job that ends to this file.
    ///
    /// Its fields: name, command, machine, start, end, exit or signal, attempts; error where a job failed otherwise.
    /// Example: --joblog log.jsonl, then: jq -r 'select(.exit != 0).name' log.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Record the run in this file, to be played again: every event, and a hash of what was decided.
    ///
    /// If it can be written no more, say because the disk is full, recording ends and the run goes on. Example:
    /// --journal run.journal, then: remuda replay run.journal
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// How long an event may wait before it is written to the journal.
    ///
    /// What is not written is lost if this program is killed. Example: --journal-flush 0.1
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, requires = "journal")]
    pub(crate) journal_flush: Duration,

    /// How often a job may be lost with its machine before it counts as failed.
    ///
    /// Example: --attempts 1 never runs a job again.
    #[arg(long, value_name = "N", default_value = "5", value_parser = count)]
    pub(crate) attempts: NonZeroU32,

    /// Take a machine for lost whose worker answers no poll for this long.
    ///
    /// It is polled six times in this span. Example: --silent-after 10
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) silent_after: Duration,

    /// Print the output of the jobs in the order of the file, not as they end.
    ///
    /// Example: remuda run --keep-order jobs.txt > all.txt
    #[arg(long)]
    pub(crate) keep_order: bool,

    /// Show a progress bar on standard error.
    ///
    /// auto: if it is a terminal, unless standard output is a pipe, whose reader may well write there too. always: also
    /// elsewhere, as a line now and then. Example: --progress never
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,

    /// Print no progress, no warnings and no line for a failed job; the last line still tells.
    ///
    /// Example: remuda run --quiet jobs.txt
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Tell more of what happens to machines: once for what is decided, twice for everything.
    ///
    /// The variable REMUDA_LOG says it in more detail. Example: REMUDA_LOG=remuda_driver=debug
    #[arg(long, short, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
}

const RUN_HELP: &str = "\
Example:
  seq 1 100 | sed 's/^/echo job /' | remuda run --max-procs 4 --machine-procs 1 -

The last line on standard error, always:
  100 jobs: 98 ok, 2 failed; 3 lost and run again; 4 machines started, 1 lost; 12.3 s

Exit status:
  0    all jobs ended with exit status 0
  1    some jobs failed; or their output or the job log could not be written, say because the
       reader of a pipe has left (then running jobs are ended and the rest is not run)
  2    wrong use or bad input; nothing was started
  3    no machine could be started
  130  interrupted; a second Ctrl-C ends at once

The output of a job waits in a temporary file, in TMPDIR or else /tmp, until the job is done.";

/// Be a machine: serve a driver over standard input and output. `remuda run` starts these.
///
/// Example: remuda run --launch 'ssh host remuda worker --procs {procs}' jobs.txt
#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// How many procs to offer [default: all cores].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) procs: Option<NonZeroU32>,
}

/// The words of a launch command.
#[derive(Clone, Debug)]
struct Template(Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// One shell command a line.
    Lines,
    /// One JSON object a line.
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// If standard error is a terminal, and standard output no pipe.
    Auto,
    /// Also if it is not.
    Always,
    /// Not at all.
    Never,
}

/// What the command line comes to, as sizes of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) machine_procs: u32,
    pub(crate) max_procs: u32,
}

impl Cli {
    /// Parses the command line.
    ///
    /// # Errors
    /// `Err(Ok(text))` is help or version, to be printed; `Err(Err(line))` what was wrong, in one line.
    pub(crate) fn read() -> Result<Cli, Result<String, String>> {
        Cli::try_parse().map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.render().to_string()),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Err("no command given (try: remuda run --help)".into())
            }
            _ => Err(one_line(&error.render().to_string())),
        })
    }
}

/// clap explains over several lines; scripts and logs want one.
fn one_line(rendered: &str) -> String {
    let said = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let lines: Vec<&str> = said
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    format!("{} (try --help)", lines.join("; "))
}

impl RunArgs {
    /// The sizes asked for, on a computer of so many cores.
    ///
    /// # Errors
    /// One line, if a machine would be larger than the cluster.
    pub(crate) fn sizes(&self, cores: u32) -> Result<Sizes, String> {
        let machine = self.machine_procs.map(NonZeroU32::get);
        let max_procs = match self.max_procs {
            Some(max_procs) => max_procs.get(),
            // A machine larger than this computer was asked for by name: then one of it.
            None => cores.max(machine.unwrap_or(1)),
        };
        let machine_procs = machine.unwrap_or(cores.min(max_procs));
        if machine_procs > max_procs {
            return Err(format!(
                "--machine-procs {machine_procs} is more than --max-procs {max_procs}: not one machine would fit"
            ));
        }
        Ok(Sizes {
            machine_procs,
            max_procs,
        })
    }

    /// The words that start a machine: the user's, or this very program.
    pub(crate) fn launch(&self) -> Vec<String> {
        if let Some(Template(words)) = &self.launch {
            return words.clone();
        }
        // The link outlives the path: a program that was moved or deleted meanwhile can still start itself.
        let own = std::env::current_exe().ok().filter(|path| path.exists());
        let own = own.and_then(|path| path.into_os_string().into_string().ok());
        let own = own.unwrap_or_else(|| "/proc/self/exe".to_owned());
        [own.as_str(), "worker", "--procs", "{procs}"]
            .map(str::to_owned)
            .to_vec()
    }

    /// How the job file is written: as told, or as its name tells.
    pub(crate) fn job_format(&self) -> jobs::Format {
        let by_name = || {
            let extension = self.file.as_ref().and_then(|file| file.extension());
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
        };
        let jsonl = self
            .format
            .map_or_else(by_name, |format| format == FormatName::Jsonl);
        if jsonl {
            jobs::Format::Jsonl
        } else {
            jobs::Format::Lines
        }
    }
}

fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| format!("expected a whole number from 1 to {}", u32::MAX))
}

fn load(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(load) if load.is_finite() && load > 0.0 => Ok(load),
        _ => Err("expected a number above 0, such as 0.95".into()),
    }
}

fn template(text: &str) -> Result<Template, String> {
    match shlex::split(text) {
        None => Err("a quote is not closed, or a backslash has nothing after it".into()),
        Some(words) if words.first().is_none_or(String::is_empty) => {
            Err("no program is named".into())
        }
        Some(words) if words.iter().any(|word| word.contains('\0')) => {
            Err("it has a NUL character".into())
        }
        Some(words) => Ok(Template(words)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(words: &str) -> Result<RunArgs, String> {
        let words = shlex::split(words).expect("the test's own words are balanced");
        match Cli::try_parse_from(
            ["remuda".to_owned(), "run".to_owned()]
                .into_iter()
                .chain(words),
        ) {
            Ok(Cli {
                command: Command::Run(args),
            }) => Ok(args),
            Ok(_) => unreachable!("the words begin with run"),
            Err(error) => Err(one_line(&error.render().to_string())),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_follow_the_cores_and_each_other() {
        let sizes = |words: &str| {
            run(words)
                .unwrap()
                .sizes(4)
                .map(|sizes| (sizes.machine_procs, sizes.max_procs))
        };
        assert_eq!(sizes(""), Ok((4, 4)));
        assert_eq!(sizes("--max-procs 2"), Ok((2, 2)));
        assert_eq!(sizes("--max-procs 10"), Ok((4, 10)));
        assert_eq!(sizes("--machine-procs 1"), Ok((1, 4)));
        assert_eq!(sizes("--machine-procs 64"), Ok((64, 64)));
        assert_eq!(sizes("--machine-procs 64 --max-procs 128"), Ok((64, 128)));
        assert_eq!(
            sizes("--machine-procs 3 --max-procs 2"),
            Err("--machine-procs 3 is more than --max-procs 2: not one machine would fit".into())
        );
    }

    #[test]
    fn wrong_use_is_one_line_that_names_the_flag() {
        for (words, flag, reason) in [
            ("--max-procs 0", "--max-procs", "from 1"),
            ("--machine-procs 0", "--machine-procs", "from 1"),
            ("--attempts 0", "--attempts", "from 1"),
            ("--max-procs -1", "-1", "unexpected"),
            ("--max-load nan", "--max-load", "above 0"),
            ("--max-load=-1", "--max-load", "above 0"),
            ("--max-load inf", "--max-load", "above 0"),
            ("--launch ''", "--launch", "no program"),
            ("--launch \"ssh 'host\"", "--launch", "not closed"),
            ("--silent-after 0", "--silent-after", "seconds"),
            ("--progress maybe", "--progress", "auto"),
            ("--quiet --verbose", "--quiet", "cannot be used"),
            ("--joblg x", "--joblg", "--joblog"),
        ] {
            let error = run(words).expect_err(words);
            assert!(
                error.contains(flag) && error.contains(reason),
                "{words}: {error}"
            );
            assert!(!error.contains('\n'), "{words}: {error}");
        }
    }

    #[test]
    fn a_launch_command_is_split_as_a_shell_would() {
        let args =
            run(r#"--launch "ssh -o 'Proxy Command=x y' host remuda worker --procs {procs}""#)
                .unwrap();
        let words = [
            "ssh",
            "-o",
            "Proxy Command=x y",
            "host",
            "remuda",
            "worker",
            "--procs",
            "{procs}",
        ];
        assert_eq!(args.launch(), words);
        assert_eq!(
            run("").unwrap().launch()[1..],
            ["worker", "--procs", "{procs}"]
        );
    }

    #[test]
    fn the_format_follows_the_name_unless_told() {
        let format = |words: &str| run(words).unwrap().job_format();
        assert_eq!(format("a.txt"), jobs::Format::Lines);
        assert_eq!(format("a.JSONL"), jobs::Format::Jsonl);
        assert_eq!(format("--format jsonl -"), jobs::Format::Jsonl);
        assert_eq!(format("--format lines a.jsonl"), jobs::Format::Lines);
    }
}
