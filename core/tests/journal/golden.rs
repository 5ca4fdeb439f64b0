//! Golden files: journals of each format, which stay readable for ever.
//!
//! `REMUDA_WRITE_JOURNAL=1` writes those of the newest format that are not there yet. A file that was
//! released is never written again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use remuda::journal::{Body, Index, Reader};
use remuda::{Action, Config, Event, Manager};

use crate::{Taped, read, replay, replay_all, story};

fn path(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journals");
    PathBuf::from(folder).join(name)
}

/// The bytes of a golden file of the newest format, which `taped` must be the story of.
fn golden(name: &str, taped: &Taped) -> Vec<u8> {
    let path = path(name);
    if std::env::var_os("REMUDA_WRITE_JOURNAL").is_some() && !path.exists() {
        fs::write(&path, &taped.bytes).unwrap();
    }
    fs::read(path).unwrap()
}

/// Plays what follows each snapshot, from that snapshot.
fn replay_from_snapshots(bytes: &[u8]) -> Vec<Manager> {
    let index = Index::new(bytes).unwrap();
    assert_eq!(index.error(), None);
    let replays = index.snapshots().iter().map(|frozen| {
        let mut reader = Reader::new(bytes).unwrap();
        reader.resume(frozen).unwrap();
        let thawed = frozen.thaw().unwrap();
        assert!(frozen.is(&thawed));
        replay(thawed, reader)
    });
    replays.collect()
}

#[test]
fn the_journal_of_format_1_is_read_as_it_was_written_and_replays_under_bigslices_policy() {
    let bytes = fs::read(path("format-1.journal")).unwrap();
    let reader = Reader::new(&bytes).unwrap();
    let header = reader.header();
    assert_eq!((header.format, header.rules), (1, 1));
    assert_eq!(header.crate_version, "0.1.0");
    assert_eq!(header.config, Config::bigslice_machines(4, 8));
    assert_eq!(header.origin, Some(1_764_000_000_000_000_000));
    let mut notes = reader.filter_map(|frame| match frame.unwrap().body {
        Body::Note(note) => Some(note.text),
        _ => None,
    });
    assert_eq!(notes.next(), Some("build7"));

    let (events, error) = read(&bytes);
    assert_eq!(error, None);
    let told: Vec<_> = events.iter().map(|one| (one.time, one.event)).collect();
    assert_eq!(told, story::of_format_1());
    // Every hash and the snapshot in its midst are compared.
    let manager = replay_all(&bytes);
    assert_eq!(manager.check_invariants(), Ok(()));
    assert_eq!(replay_from_snapshots(&bytes).len(), 1);
}

fn check_format_2(name: &str, taped: &Taped) {
    let bytes = golden(name, taped);
    assert_eq!(read(&bytes), (taped.events.clone(), None));
    let reader = Reader::new(&bytes).unwrap();
    assert_eq!((reader.header().format, reader.header().rules), (2, 2));
    let config = reader.header().config.clone();
    assert!(Manager::new(config).unwrap().config() == taped.manager.config());
    assert!(replay_all(&bytes) == taped.manager);
    let replays = replay_from_snapshots(&bytes);
    assert!(!replays.is_empty());
    assert!(replays.iter().all(|manager| *manager == taped.manager));
}

#[test]
fn the_journal_of_format_2_is_read_as_it_was_written() {
    let taped = story::golden();
    assert_eq!(*taped.manager.config(), story::golden_config());
    check_format_2("format-2.journal", &taped);
}

#[test]
fn the_journal_of_format_2_under_bigslices_policy_is_read_as_it_was_written() {
    check_format_2("format-2-bigslice.journal", &story::golden_bigslice());
}

/// What there is of a printed event or action beside its figures: names of variants, and `Some`s.
fn shape(printed: &str) -> String {
    let words = printed.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    names.collect::<Vec<_>>().join(" ")
}

fn shape_of_event(event: &Event) -> String {
    shape(&format!("{event:?}"))
}

fn shape_of_action(action: &Action) -> String {
    let printed = format!("{action:?}");
    // Those that have a number of their own for other kinds than the first.
    let by_kind = printed.starts_with("Start {") || printed.contains("StartsFailing");
    match by_kind && !printed.contains("kind: k0") {
        true => shape(&printed) + " OtherKind",
        false => shape(&printed),
    }
}

#[test]
fn the_golden_stories_have_every_event_and_every_action() {
    let tapes = [story::golden(), story::golden_bigslice()];
    let all = |shapes: &dyn Fn(&Taped) -> Vec<String>| -> BTreeSet<String> {
        tapes.iter().flat_map(shapes).collect()
    };
    let events = all(&|taped| {
        let events = taped.events.iter();
        events.map(|one| shape_of_event(&one.event)).collect()
    });
    let actions = all(&|taped| taped.actions.iter().map(shape_of_action).collect());
    let missing = |names: &[&str], there: &BTreeSet<String>| -> Vec<String> {
        let names = names.iter().map(ToString::to_string);
        names.filter(|name| !there.contains(name)).collect()
    };
    assert_eq!(missing(EVENTS, &events), [""; 0], "{events:#?}");
    assert_eq!(missing(ACTIONS, &actions), [""; 0], "{actions:#?}");
}

const EVENTS: &[&str] = &[
    "AssignTask",
    "Cancel",
    "DiscardTask",
    "Done None Ok",
    "Done Some Ok",
    "Done Some Remote",
    "Done Some Unreachable",
    "Done Some Unused",
    "Drain None",
    "Drain Some",
    "ForgetOnce",
    "Join None",
    "Join Some",
    "Keep",
    "Once",
    "OnceDone MachineLost",
    "OnceDone Ok",
    "OnceDone Remote",
    "OnceDone Unreachable",
    "Polled",
    "SetLimits Limits Some",
    "SetMaxProcs",
    "Shutdown",
    "StartFailed None",
    "StartFailed Some AtCapacity",
    "StartFailed Some RetryAfter",
    "Stopped",
    // Demand, then prefer, avoid, give_up.
    "Submit Submit Amounts None None None",
    "Submit Submit Amounts None None Some",
    "Submit Submit Amounts None Some None",
    "Submit Submit Amounts Some None None",
    "Submit Submit Machine None None None",
    "Timer",
    "Up None",
    "Up Some",
];

/// All but `Full`, for which a manager would have to hold two thousand million requests.
const ACTIONS: &[&str] = &[
    "Cancelled",
    "ClearTimer",
    "DropTask",
    "Expired",
    "Grant",
    "Notice Draining None",
    "Notice Draining Some",
    "Notice Ended",
    "Notice Held",
    "Notice Kept",
    "Notice MachineLost Silence",
    "Notice MachineLost Stopped",
    "Notice NoHome",
    "Notice Probation",
    "Notice Recovered Success",
    "Notice Recovered Timeout",
    "Notice StartsFailing",
    "Notice StartsFailing OtherKind",
    "Notice Summary",
    "OnceReady MachineLost",
    "OnceReady Ok",
    "OnceReady Remote",
    "OnceReady Unreachable",
    "Poll",
    "Reject DuplicateRequest",
    "Reject DuplicateWaiter",
    "Reject JoinId",
    "Reject Limits",
    "Reject MachineNotInService",
    "Reject MachineNotPending",
    "Reject MachineStopping",
    "Reject NoProcs",
    "Reject NotInBigslice",
    "Reject OnceMachineLost",
    "Reject OnceNotRunning",
    "Reject OnceRunning",
    "Reject OnceUnknown",
    "Reject RequestNotRunning",
    "Reject RequestNotThere",
    "Reject TooLarge",
    "Reject TooManyProcs",
    "Reject UnexpectedPolled",
    "Reject UnknownKind",
    "Reject UnknownMachine",
    "Reject UnknownRequest",
    "RequestLost Drained",
    "RequestLost Silence",
    "RequestLost Stopped",
    "RunOnce",
    "SetTimer",
    "Start",
    "Start OtherKind",
    "Stop",
    "TaskLost",
];
