//! `remuda replay`: a run again, event by event, from its journal or from a scenario.
mod compare;
pub(crate) mod decisions;
mod divergence;
pub(crate) mod explain;
pub(crate) mod findings;
pub(crate) mod fleet;
pub(crate) mod input;
pub(crate) mod items;
mod lines;
pub(crate) mod lives;
pub(crate) mod names;
mod owed;
pub(crate) mod picture;
pub(crate) mod play;
pub(crate) mod player;
pub(crate) mod scenario;
mod select;
pub(crate) mod simulate;
pub(crate) mod span;
pub(crate) mod tally;
mod tui;
pub(crate) mod waits;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use remuda::{Config, Packing, Policy, RequestId};
use remuda_tokio::{Keep, harmless};
use serde_json::json;

use crate::recover;
use crate::values::id;
use divergence::Cause;
use findings::{Findings, kind_names};
use input::Input;
use lines::Lines;
use picture::Pictures;
use play::{End, NoWatch, Played, play};
use select::{Point, Selection};
use tally::Tally;

/// Replay a recorded run event by event, check that it goes the same way, and tell what it comes to.
///
/// FILE is a journal that `remuda run --journal FILE` wrote, or a scenario in JSON lines: a header
/// with a config, then an event a line, by hand or from another system's log:
///
///   {"config": {"machine_procs": 4, "max_procs": 16}}
///   {"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}}}
///   {"time": "1.5s", "event": {"up": {"machine": 0}}}
///   {"time": "2s", "event": {"done": {"request": 1, "machine": 0, "outcome": "ok"}}}
///
/// An event may have "actions", as --json prints them, to be compared. Durations are texts such as
/// "10s", or seconds. The file is read into memory whole. The config may have kinds of machine:
///
///   {"config": {"max_procs": 200, "policy": "fit", "kinds": [
///     {"capacity": [8, 32768], "max": 20, "idle": "120s"}, {"capacity": [32, 131072, 4], "cost": 12}]}}
///
/// (on one line). A submit may ask for {"amounts": [2, 4096]} or "machine", and say "kinds": [1],
/// "prefer", "avoid", "give_up": "60s". The other events are cancel, join, start_failed, stopped,
/// drain, keep, set_limits, set_max_procs, assign_task, discard_task, once, once_done, forget_once,
/// polled, timer and shutdown: --json of a run shows them. The policy is "fit" unless it says
/// "bigslice", or says none and has hashes, as recordings of the first edition do.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = HELP)]
#[command(group(ArgGroup::new("moment").args(["explain", "owed"])))]
pub(crate) struct ReplayArgs {
    /// The journal or scenario; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print each event with its number, time and actions, a line each, in place of the summary.
    ///
    /// Example: remuda replay run.journal --events --from 1m30s
    #[arg(long)]
    events: bool,

    /// Print the same as JSON lines, a scenario that can be replayed, with a summary as the last.
    ///
    /// It lists the waits of each priority; a printed table has ranges if there are more than 12 priorities.
    /// Example: remuda replay run.journal --json > run.jsonl
    #[arg(long)]
    json: bool,

    /// Step through it on the screen, forwards and backwards: machines, queue, timeline and log.
    ///
    /// The keys stand at the bottom. Example: remuda replay run.journal --tui
    #[arg(long, conflicts_with_all = ["events", "json", "from", "to", "request", "machine"])]
    tui: bool,

    /// Say why this request waits at --at (else at the end): its rank, each machine's reason, and what would place it.
    ///
    /// Example: remuda replay run.journal --at 1m30s --explain 7
    #[arg(long, value_name = "N", value_parser = |text: &str| id(text, 'r').map(RequestId))]
    #[arg(conflicts_with_all = ["events", "tui", "from", "to", "request", "machine"])]
    explain: Option<RequestId>,

    /// List what was asked for and not answered by --at (else by the end), the oldest first, each with its age.
    ///
    /// Starts, stops, grants that run, once-work, polls. Example: remuda replay run.journal --owed
    #[arg(long)]
    #[arg(conflicts_with_all = ["events", "tui", "from", "to", "request", "machine", "diff"])]
    owed: bool,

    /// The time or event after which --explain or --owed looks; what comes later is not replayed.
    ///
    /// Examples: --at 90s, --at '#1000'
    #[arg(long, value_name = "TIME|#EVENT", requires = "moment")]
    at: Option<Point>,

    /// Compare with this run of the same requests, under another config or of another version.
    ///
    /// Tells who was placed earlier or later and by how much, and the first decision that differs; with --request of
    /// that one alone. Example: remuda replay old.jsonl --diff new.jsonl
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["events", "tui", "explain", "from", "to", "machine", "with"])]
    diff: Option<PathBuf>,

    /// What if the config had been another? Compares the recorded workload under both.
    ///
    /// Requests come when they came and are held as long as they were, machines start and are lost as they did. With
    /// --events, --json, --tui, --explain, or a selection, shows the run as it would have been. A field of a kind is
    /// k0.max, say; all fields are those of a scenario. Examples: --with max_procs=64,probation=10s,
    /// --with policy=fit,packing=first_fit,patience=2,k0.idle=60s, --with 'kinds=[{"capacity":[8]},{"capacity":[32],"cost":3}]'
    #[arg(long, value_name = "FIELD=VALUE,…")]
    with: Option<String>,

    #[command(flatten)]
    pictures: Pictures,

    #[command(flatten)]
    selection: Selection,
}

const HELP: &str = "\
Examples:
  remuda run --journal run.journal jobs.txt
  remuda replay run.journal
  remuda replay run.journal --request 7
  remuda replay run.journal --html run.html
  remuda replay run.journal --at 1m30s --explain 7
  remuda replay run.journal --owed

Everything up to --to is replayed and checked; --from, --request and --machine say what is printed.

Exit status:
  0  every event led to the recorded actions, as far as these are known (a journal that is cut,
     as that of a killed run may be, is checked to its last whole frame)
  1  a divergence: the first event that differs, the actions, the state before it, and which of
     four causes it is: corrupt file, other config, other version of the rules, nondeterminism
  2  wrong use, or not a file that can be replayed";

impl ReplayArgs {
    /// Whether a run is to be looked at, rather than summed up.
    fn looks(&self) -> bool {
        self.events
            || self.json
            || self.tui
            || self.explain.is_some()
            || self.owed
            || self.pictures.wanted()
            || self.selection != Selection::default()
    }
}

/// Replays; gives the exit status.
///
/// # Errors
/// One line: the input cannot be read, or the output not be written.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, String> {
    args.pictures.check(&args.file)?;
    let mut input = Input::read(&args.file)?;
    let mut comparison = None;
    if let Some(changes) = &args.with {
        let config = scenario::changed(&input.head.config, changes);
        let config = config.map_err(|error| format!("--with: {error}"))?;
        if args.looks() {
            input = compare::made(&input, config, changes)?;
        } else {
            comparison = Some(compare::what_if(&input, config, changes)?);
        }
    }
    if let Some(other) = &args.diff {
        comparison = Some(compare::diff(&input, &Input::read(other)?)?);
    }
    if args.tui {
        return tui::show(&input);
    }
    args.pictures.draw(&input, &args.selection)?;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let printed = match &comparison {
        Some(comparison) => {
            let request = args.selection.request();
            compare::print(comparison, args.json, request, &mut out).map(|()| 0)
        }
        None => print(args, &input, &mut out),
    };
    match printed.and_then(|status| out.flush().map(|()| status)) {
        Ok(status) => Ok(status),
        // A reader that left early has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(format!("standard output: {error}")),
    }
}

fn print(args: &ReplayArgs, input: &Input, out: &mut impl Write) -> io::Result<u8> {
    let begun = Instant::now();
    if args.explain.is_some() || args.owed {
        let played = play(input, &Selection::up_to(args.at), &mut NoWatch)?;
        let fits = matches!(played.end, End::Whole | End::Selected | End::Unreadable(_));
        if let Some(manager) = played.manager.as_ref().filter(|_| fits) {
            match args.explain.map(|request| manager.explain(request)) {
                None => owed::print(manager, args.json, out)?,
                Some(explanation) if args.json => {
                    writeln!(out, "{}", json!({ "explanation": explanation }))?;
                }
                Some(explanation) => {
                    let recorded = explain::Recorded::of(input);
                    let known = recorded.known();
                    explain::print(&explanation, manager, &known, played.events, out)?;
                }
            }
        }
        return print_end(args, input, &played, out);
    }
    if args.json {
        writeln!(out, "{}", scenario::head_line(&input.head))?;
    }
    // They are of a whole run.
    let whole = args.selection == Selection::default();
    let mut findings = whole.then(|| Findings::new(kind_names(&input.head)));
    let played = if args.json || args.events || args.selection.picks() {
        let lines = Lines::new(&mut *out, args.json, args.selection);
        let mut watch = (lines, &mut findings);
        let played = play(input, &args.selection, &mut watch)?;
        let (mut lines, findings) = watch;
        if args.json {
            let mut tally = lines.tally.json();
            if let Some(findings) = findings {
                tally["findings"] = json!(findings.list());
            }
            writeln!(lines.out(), "{}", json!({ "summary": tally }))?;
        }
        played
    } else {
        let mut watch = (Tally::default(), &mut findings);
        let played = play(input, &args.selection, &mut watch)?;
        print_head(input, out)?;
        write!(out, "{}", watch.0)?;
        if let Some(findings) = &findings {
            findings::print(&findings.list(), out)?;
        }
        played
    };
    let secs = begun.elapsed().as_secs_f64();
    let status = print_end(args, input, &played, out)?;
    out.flush()?;
    let Played { events, equal, .. } = played;
    let rate = events as f64 / secs.max(1e-9);
    let name = &input.name;
    // Standard error may be closed: that is no failure of the replay.
    let _ = writeln!(
        io::stderr(),
        "remuda: {name}: {events} events replayed, {equal} of them compared and equal; {secs:.3} s, {rate:.0} events/s"
    );
    Ok(status)
}

fn print_head(input: &Input, out: &mut impl Write) -> io::Result<()> {
    let head = &input.head;
    write!(out, "run          ")?;
    match (&head.crate_version, head.rules) {
        (Some(version), Some(rules)) => write!(out, "by remuda {version}, rules {rules}")?,
        _ => write!(out, "of unknown origin")?,
    }
    let origin = head.origin.map(i128::from);
    if let Some(Ok(origin)) = origin.map(Timestamp::from_nanosecond) {
        write!(out, "; time 0s is {origin:.3}")?;
    }
    writeln!(out)?;
    let shown = |label: &&remuda::journal::Label| !label.name.starts_with(recover::OWN);
    for label in head.labels.iter().filter(shown) {
        let name = harmless(&label.name, Keep::Start(100));
        let value = harmless(&label.value, Keep::Start(1000));
        writeln!(out, "label        {name}: {value}")?;
    }
    print_config(&head.config, out)
}

fn print_config(config: &Config, out: &mut impl Write) -> io::Result<()> {
    write!(out, "config       ")?;
    if config.policy == Policy::Bigslice {
        write!(out, "policy bigslice, ")?;
    }
    if let [kind] = config.kinds[..] {
        write!(out, "machine_procs {}, ", kind.capacity.proc_count())?;
    }
    match config.max_procs {
        u64::MAX => write!(out, "no limit of procs")?,
        max_procs => write!(out, "max_procs {max_procs}")?,
    }
    writeln!(
        out,
        ", probation {}, back-off {} to {}, silent_polls {}, polls {}, summaries {}",
        span::exact(config.probation),
        span::exact(config.start_backoff_base),
        span::exact(config.start_backoff_cap),
        config.silent_polls,
        span::exact(config.poll_interval),
        span::exact(config.summary_interval),
    )?;
    if config.policy != Policy::Bigslice {
        let packing = match config.packing_in_use() {
            Packing::FirstFit => "first fit",
            _ => "best fit",
        };
        writeln!(
            out,
            "             {packing}, patience {}, settle {}, flaps {}",
            config.patience,
            span::exact(config.settle),
            config.flaps,
        )?;
    }
    for line in scenario::kind_lines(config) {
        writeln!(out, "             {line}")?;
    }
    Ok(())
}

/// Says how it ended; the exit status.
fn print_end(
    args: &ReplayArgs,
    input: &Input,
    played: &Played,
    out: &mut impl Write,
) -> io::Result<u8> {
    let (events, name) = (played.events, &input.name);
    let mut say = |text: String, status: u8| {
        out.flush()?;
        let _ = writeln!(io::stderr(), "remuda: {name}: {text}");
        Ok(status)
    };
    match &played.end {
        End::Whole | End::Selected => Ok(0),
        End::NoBeginning => say(
            "it begins in mid-run with a snapshot that this version cannot use: replay it with the version that wrote it"
                .into(),
            1,
        ),
        End::Unreadable(error) => match Cause::of_error(error, input) {
            None => say(
                format!("{error}, as when its writer is killed; it was replayed to event #{events}"),
                0,
            ),
            Some(cause) => say(
                format!(
                    "{error}, after event #{events}; cause: {}: {}",
                    cause.name(),
                    cause.why()
                ),
                1,
            ),
        },
        End::Diverged(divergence) if args.json => {
            let actions = divergence.actions();
            let line = json!({ "divergence": {
                "number": divergence.number,
                "time": divergence.time.to_string(),
                "event": divergence.event(),
                "recorded": actions.and_then(|(recorded, _)| recorded),
                "replayed": actions.map(|(_, replayed)| replayed),
                "state": divergence.state,
                "cause": divergence.cause.name(),
                "why": divergence.cause.why(),
            }});
            writeln!(out, "{line}")?;
            Ok(1)
        }
        End::Diverged(divergence) => {
            writeln!(out, "{divergence}")?;
            Ok(1)
        }
    }
}
