//! F6: the same events give the same actions, byte for byte: in another process, and on a manager that was written down
//! and read again at any point. Of builds without and with optimisation, `scripts/same-bytes.sh` shows the same.

#[path = "support/runs.rs"]
mod runs;

use std::path::Path;
use std::process::Command;

use remuda::{Event, Instant, Manager};
use remuda_sim::Script;

use runs::{assert_same, run_of};

const EVENTS: usize = 200;

fn manager(config: remuda::Config) -> Manager {
    Manager::new(config).expect("a valid config")
}

/// The scripts of many runs, and the serialised managers at their ends.
fn written_down() -> Vec<u8> {
    let mut bytes = Vec::new();
    for seed in 0..300 {
        let run = run_of(seed, EVENTS, |_| {});
        let mut manager = manager(run.config.clone());
        let script = Script::new(run.config, &run.events).played_on(&mut manager);
        bytes.extend(script.to_string().into_bytes());
        bytes.extend(frozen(&manager));
    }
    bytes
}

/// Names the file for a process that is to write and say no more.
const CHILD: &str = "REMUDA_SIM_WRITES_TO";

#[test]
fn f06_in_another_process_every_byte_is_the_same() {
    let bytes = written_down();
    if let Some(file) = std::env::var_os(CHILD) {
        std::fs::write(file, bytes).expect("the file that the parent named");
        return;
    }
    assert!(bytes.len() > 1_000_000, "{} bytes", bytes.len());
    let me = std::env::current_exe().expect("the test has a name");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("runs-of-{}", std::process::id()));
    let child = Command::new(me)
        .args(["--exact", "f06_in_another_process_every_byte_is_the_same"])
        .env(CHILD, &file)
        .output()
        .expect("the test can be started");
    assert!(child.status.success(), "{child:?}");
    let theirs = std::fs::read(&file).expect("the child wrote it");
    std::fs::remove_file(&file).expect("it is there");
    assert!(theirs == bytes, "the processes differ");
}

fn frozen(manager: &Manager) -> Vec<u8> {
    postcard::to_allocvec(manager).expect("a manager can be written")
}

fn thawed(bytes: &[u8]) -> Manager {
    postcard::from_bytes(bytes).expect("what was written can be read")
}

/// Steps of both, of which the second is always the one that was read last.
#[test]
fn f06_a_manager_read_from_its_bytes_at_every_event_of_200_runs_goes_on_as_the_original() {
    let mut read = 0;
    for seed in 0..200 {
        let run = run_of(seed, EVENTS, |_| {});
        let mut original = manager(run.config);
        let mut copy = original.clone();
        for (index, (now, event)) in run.events.iter().enumerate() {
            let bytes = frozen(&copy);
            copy = thawed(&bytes);
            read += 1;
            // Slots and heaps may differ inside; what is logical may not, nor how it is written.
            assert_same(&copy, &original, format_args!("seed {seed}, event {index}"));
            assert!(bytes == frozen(&original), "seed {seed}, event {index}");
            let (said, expected) = (copy.handle(*event, *now), original.handle(*event, *now));
            assert_eq!(said, expected, "seed {seed}, event {index}: {event:?}");
        }
        assert_eq!(copy.check_invariants(), Ok(()), "seed {seed}");
    }
    assert_eq!(read, 200 * EVENTS);
}

/// The rest of a run, from every event on: reading once more on the way could hide what only shows later.
#[test]
fn f06_and_goes_on_so_to_the_end_of_the_run_without_being_read_again() {
    for seed in 1000..1015 {
        let run = run_of(seed, EVENTS, |_| {});
        let mut original = manager(run.config);
        let mut answers = Vec::new();
        let mut copies: Vec<Manager> = Vec::new();
        for (now, event) in &run.events {
            copies.push(thawed(&frozen(&original)));
            answers.push(original.handle(*event, *now));
        }
        for (from, mut copy) in copies.into_iter().enumerate() {
            let rest: &[(Instant, Event)] = &run.events[from..];
            for (n, (now, event)) in rest.iter().enumerate() {
                let said = copy.handle(*event, *now);
                assert_eq!(
                    said,
                    answers[from + n],
                    "seed {seed}, read at {from}, event {}",
                    from + n
                );
            }
            assert_same(
                &copy,
                &original,
                format_args!("seed {seed}, read at {from}"),
            );
        }
    }
}
