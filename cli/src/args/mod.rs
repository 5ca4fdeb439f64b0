//! The command line: what it may say, its help, and the first check of what it says.
mod batch;
mod connect;
mod faults;
mod jobs;
mod machines;
mod manual;
mod output;
#[cfg(feature = "serve")]
mod serve;
mod sources;
mod worker;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::capacity::PlanArgs;
use crate::minimise::MinimiseArgs;
use crate::replay::ReplayArgs;
#[cfg(not(feature = "serve"))]
use crate::serve::ServeArgs;

pub(crate) use batch::{BatchArgs, StartCommands};
pub(crate) use connect::{KeyArgs, ListenArgs};
pub(crate) use faults::FaultArgs;
pub(crate) use jobs::{Given, JobArgs};
pub(crate) use machines::{MachineArgs, Sizes};
pub(crate) use manual::{CompletionsArgs, ManArgs};
pub(crate) use output::{LogFormatName, OutputArgs, When};
#[cfg(feature = "serve")]
pub(crate) use serve::{ServeArgs, TopArgs};
pub(crate) use sources::{Groups, Values};
pub(crate) use worker::{LaunchArgs, WorkerArgs};

/// Runs shell commands on a cluster of worker processes that manages itself.
#[derive(Debug, Parser)]
#[command(name = "remuda", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Worker(WorkerArgs),
    Key(KeyArgs),
    Launch(LaunchArgs),
    #[cfg(feature = "serve")]
    Top(TopArgs),
    Replay(ReplayArgs),
    Minimise(MinimiseArgs),
    Plan(PlanArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Run the jobs of a file, or of standard input, and print each one's output once.
///
/// A job file has one shell command a line; blank lines and lines that start with # are skipped.
/// With --format jsonl, or a name that ends in .jsonl, each line is a JSON object:
///
///   {"cmd": "make -j2", "procs": 2, "priority": 5, "name": "build"}
///   {"cmd": ["cp", "a b", "c"], "machine": true}
///   {"cmd": "./train", "procs": 4, "memory": "16GiB", "gpus": 1, "kind": "big"}
///
/// cmd is a text for sh -c, or a program and its arguments; procs (1), memory and gpus (none) are how
/// much of a machine the job takes, "machine": true takes a whole one; kind is the name or a label of
/// the machines to run on (any); a lower priority (0) runs first; a job without a name goes by its
/// line. Also: timeout ("1m30s"), retries, env ({"A": "b"}), cwd, stdin (a file), after and after_any
/// (names of jobs that come before it: which must succeed, or not), prefer (the name of a job on
/// whose machine it had best run). A byte that is not UTF-8 is written \udc80 to \udcff.
///
/// With ::: the command is run for each argument:
///
///   remuda run 'convert {} {.}.png' ::: *.jpg
///   remuda run 'echo {1} {2}' ::: a b ::: 1 2      all combinations; :::+ links two sources
///   remuda run 'wget {}' :::: urls.txt             the lines of a file; - is standard input
///
/// {} is the argument, quoted for the shell; {.} is without its extension, {/} without its folder,
/// {//} its folder, {/.} without both; {1}, {2.}, {-1} one of several; {#} the number of the job,
/// {%} that of its slot. Jobs read /dev/null, and see REMUDA_JOB (their name), REMUDA_ATTEMPT (1,
/// 2, …), REMUDA_MACHINE and REMUDA_SLOT (from 1 to the procs of the machine) in their environment.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = RUN_HELP)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) jobs: JobArgs,

    #[command(flatten, next_help_heading = "Machines")]
    pub(crate) machines: MachineArgs,

    #[command(flatten, next_help_heading = "Machines")]
    pub(crate) listen: ListenArgs,

    #[command(flatten, next_help_heading = "Faults")]
    pub(crate) faults: FaultArgs,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) output: OutputArgs,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) serve: ServeArgs,
}

const RUN_HELP: &str = "\
Example:
  seq 1 100 | sed 's/^/echo job /' | remuda run --max-procs 4 --machine-procs 1 -

The last line on standard error, always:
  100 jobs: 98 ok, 2 failed; 3 lost and run again; 4 machines started, 1 lost; 12.3 s

Exit status:
  0    all jobs ended with exit status 0, or as many as --halt success= asks for
  1    some jobs failed, timed out or were skipped; or their output or the job log could not be
       written, say because the reader of a pipe has left (then running jobs are ended and the
       rest is not run)
  2    wrong use or bad input; nothing was started, unless jobs come from a pipe: then those
       before the bad line have run
  3    no machine could be started, or none was up for --give-up-after
  130  interrupted: jobs got SIGTERM and the time of --grace; a second Ctrl-C ends at once

The output of a job waits in a temporary file, in TMPDIR or else /tmp, until the job is done.";

impl Cli {
    /// Parses the command line.
    ///
    /// # Errors
    /// `Err(Ok(text))` is help or version, to be printed; `Err(Err(line))` what was wrong, in one line.
    pub(crate) fn read() -> Result<Cli, Result<String, String>> {
        Cli::parse(std::env::args_os().collect())
    }

    fn parse(words: Vec<OsString>) -> Result<Cli, Result<String, String>> {
        let (words, groups) = match words.get(1) {
            Some(command) if command == "run" => sources::split(words).map_err(Err)?,
            _ => (words, Groups::new()),
        };
        let mut command = Cli::command();
        if !groups.is_empty() {
            // Behind its first word, what looks like a flag is one of the command's.
            command = command.mut_subcommand("run", |run| {
                run.mut_arg("words", |words| {
                    words.trailing_var_arg(true).allow_hyphen_values(true)
                })
            });
        }
        let matches = command.try_get_matches_from(words);
        let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
        let mut cli = cli.map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.render().to_string()),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Err("no command given (try: remuda run --help)".into())
            }
            _ => Err(told(&error)),
        })?;
        if let Command::Run(args) = &mut cli.command {
            args.jobs.groups = groups;
        }
        Ok(cli)
    }
}

/// Flags that other programs have, and what does the same here.
const ELSEWHERE: [(&[&str], &str); 12] = [
    (&["--jobs", "-j", "-P", "--max-jobs"], "--max-procs"),
    (
        &["--sshlogin", "-S", "--hosts", "--sshloginfile"],
        "--launch",
    ),
    (&["--bar", "--eta"], "--progress"),
    (&["--ungroup", "-u"], "--line-buffer"),
    (&["--halt-on-error"], "--halt"),
    (&["--time-limit", "--max-time"], "--timeout"),
    (&["--retry", "--tries", "--max-retries"], "--retries"),
    (&["--max-fails", "--fail-fast"], "--halt now,fail=1"),
    (&["--log", "--log-file"], "--joblog"),
    (&["--output", "-o", "--outdir"], "--results"),
    (
        &["--priority", "--procs", "--cpus", "--name"],
        "a field of a jsonl file",
    ),
    (&["--delimiter", "-d"], "--null, or --colsep"),
];

/// What is wrong, in one line, with the right flag where one of another program was given.
fn told(error: &clap::Error) -> String {
    let unknown = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => Some(flag.as_str()),
        _ => None,
    };
    let known = ELSEWHERE
        .iter()
        .find(|(flags, _)| unknown.is_some_and(|flag| flags.contains(&flag)));
    match (known, unknown) {
        (Some((_, ours)), Some(flag)) => format!("there is no {flag}: see {ours} (try --help)"),
        _ => one_line(&error.render().to_string()),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use remuda_cli::jobs;

    use super::*;

    fn run(words: &str) -> Result<RunArgs, String> {
        let words = shlex::split(words).expect("the test's own words are balanced");
        let words = ["remuda".to_owned(), "run".to_owned()]
            .into_iter()
            .chain(words);
        match Cli::parse(words.map(OsString::from).collect()) {
            Ok(Cli {
                command: Command::Run(args),
            }) => Ok(*args),
            Ok(_) => unreachable!("the words begin with run"),
            Err(Ok(help)) => Err(help),
            Err(Err(error)) => Err(error),
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
                .machines
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
            ("--host 0/x", "--host", "from 1 up"),
            ("--host x --launch y", "--host", "cannot be used"),
            ("--host x --machine-procs 2", "--host", "cannot be used"),
            ("--ssh ''", "--ssh", "no program"),
            ("--idle 0", "--idle", "or never"),
            ("--machine-memory 2", "--machine-memory", "its unit"),
            ("--max-pending 0", "--max-pending", "from 1"),
            ("--progress maybe", "--progress", "auto"),
            ("--quiet --verbose", "--quiet", "cannot be used"),
            ("--joblg x", "--joblg", "--joblog"),
            ("--jobs 4", "--jobs", "--max-procs"),
            ("-j4", "-j", "--max-procs"),
            ("--eta", "--eta", "--progress"),
            ("--timeout 0", "--timeout", "above 0"),
            ("--timeout soon", "--timeout", "expected a time"),
            ("--halt often", "--halt", "now,fail=1"),
            ("--resume", "--joblog", "required"),
            ("--line-buffer -k", "--line-buffer", "cannot be used"),
            ("x ::::", "::::", "no file"),
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
        assert_eq!(args.machines.launch().unwrap(), words);
        assert_eq!(run("").unwrap().machines.launch(), None);
    }

    #[test]
    fn a_command_may_be_words_with_flags_of_its_own() {
        let given = |words: &str| match run(words).unwrap().jobs.given().unwrap() {
            Given::Command(command, groups) => (String::from_utf8(command).unwrap(), groups.len()),
            Given::File(file) => (format!("{file:?}"), 0),
        };
        assert_eq!(
            given("-k gzip -9 --best {} ::: a b"),
            ("gzip -9 --best {}".into(), 1)
        );
        assert_eq!(given("'echo {}' ::: a ::: b"), ("echo {}".into(), 2));
        assert_eq!(given("::: 'echo a'"), (String::new(), 1));
        assert_eq!(given("-a f 'echo {}'"), ("echo {}".into(), 1));
        assert_eq!(given("f"), ("Some(\"f\")".into(), 0));
        assert_eq!(given("-"), ("None".into(), 0));
        let error = run("a.txt b.txt").unwrap().jobs.given().unwrap_err();
        assert!(error.contains("and not b.txt as well"), "{error}");
    }

    #[test]
    fn the_format_follows_the_name_unless_told() {
        let format = |words: &str| run(words).unwrap().jobs.format();
        assert_eq!(format("a.txt"), jobs::Format::Lines);
        assert_eq!(format("a.JSONL"), jobs::Format::Jsonl);
        assert_eq!(format("--format jsonl -"), jobs::Format::Jsonl);
        assert_eq!(format("--format lines a.jsonl"), jobs::Format::Lines);
    }
}
