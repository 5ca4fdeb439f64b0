//! `remuda minimise`: a run cut down to the fewest events that still show a failure.
mod candidate;
mod check;
mod failure;
mod forms;
mod rust;
mod whole;

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressStyle};
use remuda::{MachineId, RequestId};
use remuda_sim::find::Find;
use remuda_sim::shrink::{self, Run, Verdict};

use crate::replay::input::Input;
use crate::signals;
use crate::values::{id, machine, seconds};
use candidate::manager;
use check::{Check, Said};
use failure::{Failure, Known};
use forms::{Forms, Stem};

/// Exit status of a search that a signal ended.
const INTERRUPTED: u8 = 130;

/// Cut a run down to the fewest events that still show a failure, with small ids and plain values.
///
/// FILE is anything that `remuda replay` reads. What the failure is, --find or --check says. Events
/// are left out, ids become small, times, procs, priorities and the config plain, as long as the
/// failure is still there; in the end no single event can be left out. The same FILE and the same
/// answers of the check give the same result, byte for byte.
///
/// With --check each candidate is written to a file as a scenario in JSON lines, with the actions of
/// this version, and COMMAND is run by `sh -c`; the path is $1, and also in REMUDA_SCENARIO. Exit
/// status 0 says that the failure is still there; any other, a signal or a time-out, that it is not.
/// (Other than with `git bisect run`: there 0 says that all is well.)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = HELP)]
#[command(group(ArgGroup::new("failure").required(true).args(["find", "check"])))]
pub(crate) struct MinimiseArgs {
    /// The journal or scenario; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The failure is one that this program knows.
    ///
    /// Example: remuda minimise run.journal --find loss
    #[arg(long, value_enum, value_name = "WHAT")]
    find: Option<Known>,

    /// The failure is there if this command exits with status 0; $1 is a candidate's path.
    ///
    /// Example: --check 'remuda replay "$1" --events | grep -q probation'
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,

    /// Take a check that runs longer than this for one that says no.
    ///
    /// It is killed with all its process group. Example: --check-timeout 5
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, conflicts_with = "find")]
    check_timeout: Duration,

    /// With --find loss: the loss of this request, which may get another number.
    ///
    /// Example: --find loss --request 812
    #[arg(long, value_name = "N", value_parser = |text: &str| id(text, 'r').map(RequestId), conflicts_with = "check")]
    request: Option<RequestId>,

    /// With --find loss: a loss with this machine, which may get another number.
    ///
    /// Example: --find loss --machine 3
    #[arg(long, value_name = "N", value_parser = machine, conflicts_with = "check")]
    machine: Option<MachineId>,

    /// Write OUT.jsonl (a scenario), OUT.txt (a golden script) and OUT.rs (a test).
    ///
    /// Without it the script is printed. Example: -o loss
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Overwrite files that are there.
    ///
    /// Example: -o loss --force
    #[arg(long, requires = "output")]
    force: bool,
}

const HELP: &str = "\
Examples:
  remuda minimise run.journal --find loss -o loss
  remuda replay loss.jsonl
  remuda minimise run.journal --check 'my-embedding --scenario \"$1\" | grep -q wrong'

What is written:
  OUT.jsonl  the events with the actions of this version, for remuda replay
  OUT.txt    the same for people, in the form of the golden scripts
  OUT.rs     a #[test] that needs the crate remuda alone
With --find panic and violation, OUT.txt and OUT.rs have the actions that the rules ask for, so
that the test fails until the bug is mended.

Exit status:
  0    it was cut down
  1    the result could not be written, or the check could not be run any more
  2    wrong use, not a file that can be cut down, or the whole run does not show the failure,
       or a run of no events does, by the check
  130  interrupted: the smallest so far was written; a second Ctrl-C ends at once";

/// Cuts down; gives the exit status.
///
/// # Errors
/// One line: what of the input or the use is wrong. Of a check that says no, also its last output.
pub(crate) fn minimise(args: &MinimiseArgs) -> Result<u8, String> {
    if (args.request.is_some() || args.machine.is_some()) && args.find != Some(Known::Loss) {
        return Err("--request and --machine say which loss: use them with --find loss".into());
    }
    let stem = args.output.as_ref();
    let stem = stem.map(|out| Stem::new(out, args.force, &args.file));
    let stem = stem.transpose()?;
    let stopped = signals::flag().map_err(|error| format!("cannot start: {error}"))?;
    let input = Input::read(&args.file)?;
    let (run, cut) = whole::run(&input).map_err(|error| format!("{}: {error}", input.name))?;
    if let Some(cut) = cut {
        say(&input.name, &cut);
    }
    let began = Instant::now();
    let mut failure = match failure(args, &input, &run, &stopped) {
        Ok(Some(failure)) => failure,
        Ok(None) => {
            say(
                &input.name,
                "interrupted before the check of the whole run ended",
            );
            return Ok(INTERRUPTED);
        }
        Err(error) => return Err(format!("{}: {error}", input.name)),
    };
    let mut search = Search::new(run.events.len());
    let events = run.events.len();
    let fails_with = match &failure {
        Failure::Known(_, found) => found.events,
        Failure::Check(_) => events,
    };
    let small = shrink::minimise(run, fails_with, |run| {
        if stopped.load(Ordering::Relaxed) {
            return Verdict::Stop;
        }
        search.judge(&mut failure, run)
    });
    search.bar.finish_and_clear();
    let Search {
        tried,
        played,
        trouble,
        ..
    } = search;
    if small.events.is_empty() {
        return Err(format!(
            "{}: the check says that even a run of no events fails: let it exit with status 0 only where the failure is",
            input.name
        ));
    }
    let forms = Forms::new(&input.name, events, &failure, small);
    let written = match &stem {
        Some(stem) => stem.write(&forms)?,
        None => match print(&forms) {
            Ok(()) => String::new(),
            Err(error) => {
                say("standard output", &error.to_string());
                return Ok(1);
            }
        },
    };
    let (left, what, secs) = (forms.events(), forms.what(), began.elapsed().as_secs_f64());
    let ended = match (&trouble, stopped.load(Ordering::Relaxed)) {
        (Some(trouble), _) => format!("{trouble}: the smallest so far; "),
        (None, true) => "interrupted: the smallest so far; ".to_owned(),
        (None, false) => String::new(),
    };
    say(
        &input.name,
        &format!(
            "{ended}{events} events cut down to {left}: {what}; {tried} runs tried, {played} events played, {secs:.1} s{written}"
        ),
    );
    Ok(match (trouble, stopped.load(Ordering::Relaxed)) {
        (Some(_), _) => 1,
        (None, true) => INTERRUPTED,
        (None, false) => 0,
    })
}

/// Prints a line on standard error; an error of that is ignored, since standard error may be closed.
fn say(name: &str, text: &str) {
    let _ = writeln!(io::stderr(), "remuda: {name}: {text}");
}

fn print(forms: &Forms) -> io::Result<()> {
    match write!(io::stdout().lock(), "{}", forms.script()) {
        // A reader that left early has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The failure as the whole run shows it; none if a signal came first.
///
/// # Errors
/// The whole run does not show it.
fn failure(
    args: &MinimiseArgs,
    input: &Input,
    run: &Run,
    stopped: &Arc<AtomicBool>,
) -> Result<Option<Failure>, String> {
    if let Some(command) = &args.check {
        let mut check = Check::new(command.clone(), args.check_timeout, stopped.clone())?;
        return match check.of(run)? {
            Said::Yes => Ok(Some(Failure::Check(check))),
            Said::Stopped => Ok(None),
            Said::No(why) => Err(format!(
                "the check says that the whole run does not fail: it {why}, and status 0 would say that it fails{}",
                check.last_output()
            )),
        };
    }
    let known = args.find.expect("one of the two is required");
    let (find, missing) = match known {
        Known::Panic => (
            Find::Panic,
            "the manager does not panic: see --find violation",
        ),
        Known::Violation => (
            Find::Violation,
            "nothing in it breaks a rule: the manager decides as the model does, and its invariants hold",
        ),
        Known::Loss => (
            Find::Loss {
                request: args.request,
                machine: args.machine,
            },
            match (args.request, args.machine) {
                (None, None) => "no request and no task is lost in it with its machine",
                _ => "that loss is not in it: see remuda replay FILE --events",
            },
        ),
        Known::Divergence => {
            let (find, recorded) = whole::divergence(input)?;
            let again =
                "it does not diverge a second time: nondeterminism, which cannot be cut down";
            let mut found = find.first(run, &manager).ok_or(again)?;
            found.what = format!("the last event is answered otherwise than recorded: {recorded}");
            return Ok(Some(Failure::Known(known, found)));
        }
    };
    let found = find.first(run, &manager).ok_or(missing)?;
    Ok(Some(Failure::Known(known, found)))
}

/// How far it is, and how that is shown.
struct Search {
    bar: ProgressBar,
    events: usize,
    left: usize,
    tried: u64,
    played: u64,
    /// Why the check can be run no more.
    trouble: Option<String>,
}

impl Search {
    fn new(events: usize) -> Search {
        // It shows itself on a terminal alone.
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.expect("the template is well formed"));
        Search {
            bar,
            events,
            left: events,
            tried: 0,
            played: 0,
            trouble: None,
        }
    }

    fn judge(&mut self, failure: &mut Failure, run: &Run) -> Verdict {
        let all = run.events.len();
        let verdict = match failure {
            Failure::Known(_, found) => match found.again(run, &manager) {
                Some(found) => Verdict::Fails(found.events),
                None => Verdict::Passes,
            },
            Failure::Check(check) => match check.of(run) {
                Ok(Said::Yes) => Verdict::Fails(all),
                Ok(Said::No(_)) => Verdict::Passes,
                Ok(Said::Stopped) => Verdict::Stop,
                Err(trouble) => {
                    self.trouble = Some(trouble);
                    Verdict::Stop
                }
            },
        };
        self.tried += 1;
        self.played += all as u64;
        if let Verdict::Fails(left) = verdict {
            self.left = left;
        }
        let Search {
            events,
            left,
            tried,
            ..
        } = self;
        self.bar.set_message(format!(
            "{left} of {events} events left, {tried} runs tried"
        ));
        verdict
    }
}
