//! Runs that are recorded: what the journal holds when a run ends well, is killed, or meets a full disk.
mod support;

use remuda::Manager;
use remuda::journal::{Body, Error, Reader, hash};
use rustix::process::Signal;

use support::{Dir, Run, echoed, echoes, kill, remuda, run, wait_for};

/// Replays a journal as far as it goes; how many events, and why it ends if not at its end.
fn replayed(bytes: &[u8]) -> (u64, Option<Error>) {
    let reader = Reader::new(bytes).unwrap();
    let mut manager = Manager::new(reader.header().config.clone()).unwrap();
    let mut events = 0;
    for frame in reader {
        match frame {
            Ok(frame) => {
                if let Body::Event(recorded) = frame.body {
                    let actions = manager.handle(recorded.event, recorded.time);
                    assert_eq!(hash(&actions), recorded.hash, "{recorded:?}");
                    events = recorded.number;
                }
            }
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

#[test]
fn a_journal_of_a_killed_run_is_readable_to_the_last_flush() {
    let dir = Dir::new();
    let journal = dir.text("journal");
    let words = ["--journal", &journal, "--journal-flush", "0.1"];
    let words = [&words[..], &["--max-procs", "2", "--machine-procs", "1"]].concat();
    let mut run = Run::start(remuda(&words), &echoes(20_000));
    let written = || std::fs::metadata(&journal).map_or(0, |file| file.len());
    wait_for("a thousand events", || written() > 20_000);
    run.signal(Signal::KILL);
    wait_for("the driver's end", || run.is_over());
    let (events, error) = replayed(&std::fs::read(&journal).unwrap());
    assert!(events > 500, "{events} events");
    // It may have been in the midst of a write.
    assert!(matches!(error, None | Some(Error::Cut { .. })), "{error:?}");
}

#[test]
fn a_full_disk_ends_the_journal_with_a_notice_and_not_the_run() {
    let words = ["--journal", "/dev/full", "--max-procs", "2"];
    let finished = run(&words, &echoes(50));
    finished.ends(0, "50 jobs: 50 ok, 0 failed; ");
    finished.says("remuda: --journal /dev/full: No space left on device");
    finished.says("it ends there, the run went on\n");
    assert_eq!(finished.sorted(), echoed(50));
}

#[test]
fn workers_that_are_killed_are_in_the_journal_of_a_run() {
    let dir = Dir::new();
    let journal = dir.text("journal");
    let words = ["--journal", &journal, "--joblog", &dir.text("log")];
    let words = [&words[..], &["--max-procs", "2", "--machine-procs", "1"]].concat();
    let run = Run::start(remuda(&words), &echoes(1000));
    wait_for("jobs to end", || dir.lines("log") >= 200);
    kill(run.workers()[0], Signal::KILL);
    run.finish().ends(0, "1000 jobs: 1000 ok, 0 failed; ");
    let bytes = std::fs::read(&journal).unwrap();
    let (events, error) = replayed(&bytes);
    assert!(events > 2000 && error.is_none(), "{events} {error:?}");
    let topics: Vec<_> = Reader::new(&bytes)
        .unwrap()
        .filter_map(|frame| match frame.unwrap().body {
            Body::Note(note) => Some(note.topic.to_owned()),
            _ => None,
        })
        .collect();
    for topic in ["name", "stopped"] {
        assert!(topics.iter().any(|it| it == topic), "{topic} of {topics:?}");
    }
}

#[test]
fn a_journal_that_cannot_be_is_refused_before_anything_starts() {
    let dir = Dir::new();
    let jobs = dir.write("jobs", "touch started\n");
    for (words, said) in [
        (
            vec!["--journal", "/no/such/file", &jobs],
            "/no/such/file: No such file",
        ),
        (vec!["--journal", &jobs, &jobs], "it is the job file itself"),
        (
            vec!["--journal", "/tmp/both", "--joblog", "/tmp/both", &jobs],
            "it is the job log too",
        ),
        (vec!["--journal-flush", "1", &jobs], "--journal <FILE>"),
    ] {
        let finished = run(&words, "");
        assert_eq!(finished.status, Some(2), "{}", finished.err);
        finished.says(said);
    }
    let kept = std::fs::read_to_string(&jobs).unwrap();
    assert_eq!(kept, "touch started\n");
}
