//! Workers that connect back to a run: `--listen`, `worker --connect`, `key`.
#[path = "support/connected.rs"]
mod connected;
mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;

use connected::{Worker, address, key};
use support::{Dir, Finished, REMUDA, Run, echoed, echoes, mark, remuda, run, wait_for, with_word};

#[test]
fn jobs_run_on_workers_that_connect_and_these_end_with_the_run() {
    let (dir, address) = (Dir::new(), address());
    let key = key(&dir);
    let words = ["--listen", &address, "--key-file", &key, "-"];
    // Also those that are there before the run.
    let mut workers = vec![Worker::start(&address, &key, &["--procs", "2"])];
    let run = Run::start(remuda(&words), &echoes(300));
    workers.push(Worker::start(
        &address,
        &key,
        &["--procs", "2", "--kind", "0"],
    ));
    let finished = run.finish();
    finished.ends(0, "300 jobs: 300 ok, 0 failed; ");
    finished.says(&format!("workers connect to {address}"));
    assert_eq!(finished.sorted(), echoed(300));
    let ends: Vec<_> = workers.into_iter().map(Worker::ended).collect();
    assert_eq!(ends[0], (Some(0), String::new()));
}

/// What the README tells to type, with another port.
#[test]
fn the_command_of_the_readme_runs() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).expect("it is there");
    let (_, block) = readme
        .split_once("<!-- command: connect -->\n```sh\n")
        .expect("it is there");
    let (script, _) = block.split_once("```").expect("it has an end");
    let address = address();
    let port = address.rsplit(':').next().expect("a port");
    assert_eq!(script.matches("7000").count(), 2);
    let dir = Dir::new();
    let bin = std::path::Path::new(REMUDA).parent().expect("a folder");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut command = Command::new("sh");
    command.args(["-euc", &script.replace("7000", port)]);
    command.env("PATH", path).current_dir(dir.path());
    let finished = Run::start(command, "").finish();
    finished.ends(0, "100 jobs: 100 ok, 0 failed; ");
}

#[test]
fn launched_machines_and_connected_ones_share_the_jobs() {
    let (dir, address) = (Dir::new(), address());
    let key = key(&dir);
    let launch = format!("{REMUDA} worker --procs {{procs}}");
    let words = [
        "--listen",
        &address,
        "--key-file",
        &key,
        "--launch",
        &launch,
        "--machine-procs",
        "1",
        "--joblog",
        &dir.text("log"),
        "-",
    ];
    let worker = Worker::start(&address, &key, &["--procs", "1", "--kind", "connected"]);
    let jobs = "sleep 0.05\n".repeat(150);
    let finished = Run::start(remuda(&words), &jobs).finish();
    finished.ends(0, "150 jobs: 150 ok, 0 failed; ");
    let machines: Vec<String> = dir
        .joblog("log")
        .iter()
        .map(|line| line["machine"].as_str().expect("a name").to_owned())
        .collect();
    assert!(
        machines.iter().any(|machine| machine.starts_with('m')),
        "{machines:?}"
    );
    assert!(
        machines.iter().any(|machine| machine.starts_with('j')),
        "{machines:?}"
    );
    drop(worker);
}

#[test]
fn a_key_is_made_once_and_refused_where_others_can_read_it() {
    let dir = Dir::new();
    let file = key(&dir);
    let mode = |path: &str| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&file), 0o600);
    let again = Command::new(REMUDA)
        .args(["key", &file])
        .output()
        .expect("it runs");
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));

    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&file, open).expect("it is ours");
    let mend =
        format!("its mode is 644, so others can read or change it (mend it: chmod 600 {file})");
    let refused = |finished: &Finished| {
        assert_eq!(finished.status, Some(2), "{}", finished.err);
        finished.says(&mend);
    };
    refused(&run(
        &["--listen", &address(), "--key-file", &file, "-"],
        "true\n",
    ));
    let (status, said) = Worker::start("127.0.0.1:1", &file, &[]).ended();
    assert_eq!(status, Some(2));
    assert!(said.contains(&mend), "{said}");
}

#[test]
fn what_is_wrong_with_the_flags_is_one_line() {
    let dir = Dir::new();
    let key = key(&dir);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    for (words, says) in [
        (vec!["--listen", "7000"], "--key-file"),
        (vec!["--key-file", &key], "--listen"),
        (vec!["--listen", "nowhere", "--key-file", &key], "--listen"),
        (
            vec!["--listen", &taken, "--key-file", "/no/such/key"],
            "/no/such/key",
        ),
        (
            vec!["--listen", "192.0.2.1:7000", "--key-file", &key],
            "--listen 192.0.2.1:7000",
        ),
        (
            vec!["--start", "make {first}", "--stop", "delete {first}"],
            "{machine} is the number of one",
        ),
    ] {
        let finished = run(&words, "true\n");
        assert_eq!(finished.status, Some(2), "{words:?}: {}", finished.err);
        assert_eq!(
            finished.err.lines().count(),
            1,
            "{words:?}: {}",
            finished.err
        );
        finished.says(says);
    }
}

#[test]
fn a_worker_without_a_driver_gives_up_in_time() {
    let (dir, address) = (Dir::new(), address());
    let key = key(&dir);
    let (status, said) = Worker::start(&address, &key, &["--reconnect", "0.5"]).ended();
    assert_eq!(status, Some(1));
    assert!(
        said.contains(&format!("cannot connect to the driver at {address}: ")),
        "{said}"
    );
}

#[test]
fn jobs_of_connected_workers_end_when_the_run_is_interrupted_or_killed() {
    for signal in [Signal::INT, Signal::KILL] {
        let (dir, address, mark) = (Dir::new(), address(), mark());
        let key = key(&dir);
        let words = ["--listen", &address, "--key-file", &key, "-"];
        let worker = Worker::start(&address, &key, &["--procs", "1", "--reconnect", "2"]);
        let run = Run::start(remuda(&words), &format!("sleep {mark}\n"));
        wait_for("the job", || !with_word(&mark).is_empty());
        run.signal(signal);
        let (status, said) = worker.ended();
        wait_for("the job's end", || with_word(&mark).is_empty());
        match signal {
            Signal::INT => {
                run.finish().ends(130, "1 job: 0 ok");
                assert_eq!((status, said), (Some(0), String::new()));
            }
            _ => {
                assert_eq!(status, Some(1));
                assert!(said.contains("was out of reach for 2s"), "{said}");
            }
        }
    }
}
