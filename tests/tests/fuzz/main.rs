//! The fuzz targets' committed corpora, played on stable by the same code that the fuzzer calls (scripts/fuzz.sh).
//!
//! `seed-*` are made by hand, in seeds*.rs; `REMUDA_WRITE_SEEDS=1 cargo test -p remuda-tests --test fuzz` writes them. The
//! others are what the fuzzer found on its way, and what once failed.

#[path = "../../../fuzz/src/lib.rs"]
pub mod bodies;
mod seeds;
mod seeds_of_frames;
mod seeds_of_jobs;
mod seeds_of_journals;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use remuda_cli::jobs::JobError;
use remuda_sim::Script;
use seeds::Seed;

fn corpus(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../fuzz/corpus", target]
        .iter()
        .collect()
}

/// The files of a target's corpus; more than its seeds.
fn inputs(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = corpus(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let inputs: BTreeMap<_, _> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    let found = inputs.keys().filter(|name| !name.starts_with("seed-"));
    assert!(found.count() > 0, "{}: nothing but seeds", folder.display());
    inputs
}

/// Plays the corpus of a target, after a look whether the seeds in it are those of seeds.rs.
fn replay(target: &str, seeds: &[Seed], run: fn(&[u8])) {
    let folder = corpus(target);
    if std::env::var_os("REMUDA_WRITE_SEEDS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in seeds {
            fs::write(folder.join(format!("seed-{name}")), bytes).unwrap();
        }
    }
    let inputs = inputs(target);
    for (name, bytes) in seeds {
        let written = inputs.get(&format!("seed-{name}"));
        assert!(
            written == Some(bytes),
            "seed-{name} is not what seeds.rs says: see main.rs for how to write it"
        );
    }
    let written = inputs.keys().filter(|name| name.starts_with("seed-"));
    assert_eq!(written.count(), seeds.len(), "seeds that seeds.rs knows");
    for (name, bytes) in inputs {
        let ended = std::panic::catch_unwind(|| run(&bytes));
        assert!(
            ended.is_ok(),
            "fuzz/corpus/{target}/{name} fails, see above"
        );
    }
}

#[test]
fn events() {
    replay("events", &seeds::events(), bodies::events::run);
}

#[test]
fn bytes() {
    replay("bytes", &seeds::serialised(), bodies::bytes::run);
}

#[test]
fn wire() {
    replay("wire", &seeds_of_frames::wire(), bodies::wire::run);
}

#[test]
fn jobs() {
    replay("jobs", &seeds_of_jobs::files(), bodies::jobs::run);
}

#[test]
fn journal() {
    replay(
        "journal",
        &seeds_of_journals::journals(),
        bodies::journal::run,
    );
}

#[test]
fn the_seeds_hold_every_way_a_journal_can_be_wrong() {
    let ends: BTreeSet<_> = seeds_of_journals::journals()
        .iter()
        .filter_map(|(_, bytes)| bodies::journal::outcome(bytes)?.1)
        .map(|error| kind(&error))
        .collect();
    let expected =
        "NotAJournal Format Config UnknownSetting Cut Corrupt Malformed UnknownFrame UnknownEvent";
    assert_eq!(ends, words(expected));
}

/// The first word of what something is printed as: the name of its kind.
fn kind(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_seeds_hold_every_event_and_lead_to_every_action_notice_and_rejection() {
    let (mut events, mut actions) = (BTreeSet::new(), BTreeSet::new());
    for (_, bytes) in seeds::events() {
        let (config, played) = bodies::events::play(&bytes);
        for step in Script::new(config, &played).played().steps {
            events.insert(kind(&step.event));
            actions.extend(step.actions.iter().map(|action| match action {
                remuda::Action::Notice(notice) => kind(notice),
                remuda::Action::Reject(reject) => kind(reject),
                action => kind(action),
            }));
        }
    }
    let expected = "Submit Cancel Done Join Up StartFailed Stopped Drain Keep SetLimits SetMaxProcs AssignTask DiscardTask Once OnceDone \
        ForgetOnce Polled Timer Shutdown";
    assert_eq!(events, words(expected));
    // All but `Full`, which takes 2^32 records.
    let expected = "Grant Start Stop RequestLost TaskLost DropTask RunOnce OnceReady Poll Cancelled SetTimer ClearTimer \
        Expired Probation Recovered MachineLost Ended Draining Kept Held NoHome StartsFailing Summary \
        UnknownRequest DuplicateRequest NoProcs TooManyProcs TooLarge RequestNotRunning RequestNotThere UnknownMachine \
        MachineStopping JoinId UnknownKind Limits NotInBigslice MachineNotPending \
        MachineNotInService UnexpectedPolled DuplicateWaiter OnceUnknown OnceNotRunning OnceRunning OnceMachineLost";
    assert_eq!(actions, words(expected));
}

#[test]
fn the_seeds_hold_every_frame_and_every_way_a_stream_can_be_wrong() {
    let (mut to, mut from, mut ends) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (_, bytes) in seeds_of_frames::wire() {
        let (worker, driver, opened) = bodies::wire::outcome(&bytes).expect("a seed has a head");
        to.extend(worker.messages.iter().map(kind));
        from.extend(driver.messages.iter().chain(&opened.messages).map(kind));
        ends.extend([worker.end, driver.end, opened.end]);
    }
    let wrong: BTreeSet<_> = ends
        .iter()
        .filter_map(|end| end.as_ref().err())
        .map(kind)
        .collect();
    assert_eq!(
        to,
        words("Welcome Call Credit Cancel Discard Poll Goodbye End")
    );
    assert_eq!(
        from,
        words("Hello Output Reply Figures Discarded Goodbye Leaving")
    );
    assert_eq!(
        wrong,
        words("TooLong Malformed Truncated Version NoMagic NoHello")
    );
}

#[test]
fn the_seeds_hold_every_syntax_of_a_jobs_file_and_every_problem() {
    let (mut good, mut problems) = (BTreeSet::new(), BTreeSet::new());
    for (_, bytes) in seeds_of_jobs::files() {
        match bodies::jobs::outcome(&bytes).expect("a seed has a head") {
            Ok(jobs) => good.extend(
                jobs.iter()
                    .flat_map(|job| [kind(&job.command), kind(&job.size)]),
            ),
            Err(JobError { problem, .. }) => {
                problems.insert(kind(&problem));
            }
        }
    }
    assert_eq!(good, words("Shell Argv Procs Machine"));
    let expected = "NotUtf8 Json Nul EmptyCommand BadName NoProcs Procs Memory Gpus Together Kind PartAndMachine NoObject Field";
    assert_eq!(problems, words(expected));
}
