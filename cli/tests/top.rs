//! `remuda top`: a run that goes on, on a terminal, which tmux is.
#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/tmux.rs"]
mod tmux;

use std::fs;
use std::process::{Command, Output, Stdio};

use served::Served;
use support::{Dir, REMUDA, kill, wait_for};
use tmux::Tmux;

const JOB: &str = r#""cmd": "until [ -e go ]; do sleep 0.05; done"}"#;

fn start(dir: &Dir) -> Served {
    let names = ["build", "test", "pack"];
    let lines = names.map(|name| format!("{{\"name\": \"{name}\", {JOB}\n"));
    let jobs = dir.write("jobs.jsonl", lines.concat());
    let words = ["--max-procs", "2", "--machine-procs", "1", &jobs];
    let served = Served::start(&words, dir);
    served.until("two jobs run", |it| it["running"] == 2 && it["queued"] == 1);
    served
}

fn top(words: &[&str]) -> Output {
    let mut command = Command::new(REMUDA);
    let command = command.arg("top").args(words).stdin(Stdio::null());
    command.output().expect("it runs")
}

#[test]
fn it_follows_a_run_on_a_terminal_to_its_end() {
    let dir = Dir::new();
    let served = start(&dir);
    let address = served.local();
    let Some(tmux) = Tmux::start(
        &dir,
        &["sh", "-c", &format!("{REMUDA} top {address}; read _")],
    ) else {
        return;
    };
    tmux.shows("2 run, 0 ok");
    tmux.shows("build");
    tmux.shows("queue: 1 wait");
    tmux.shows("machines: 2");
    assert!(tmux.screen().contains("pack"), "{}", tmux.screen());
    // Another size is drawn at once.
    let _ = tmux.run(&["resize-window", "-x", "70", "-y", "24"]);
    wait_for("the smaller screen", || {
        let screen = tmux.screen();
        screen.lines().count() <= 24
            && screen.contains("queue: 1 wait")
            && screen.contains("q quit")
    });
    let _ = tmux.run(&["resize-window", "-x", "120", "-y", "36"]);
    // A machine is lost.
    kill(served.run.workers()[0], rustix::process::Signal::KILL);
    tmux.shows("machines lost: 1 by stopped");
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
    tmux.shows("the run has ended");
    tmux.press(&["q"]);
    // The terminal is as it was: what it says at the end stands on the shell's own screen.
    tmux.shows(&format!("remuda: {address}: the run has ended"));
}

#[test]
fn control_c_leaves_the_run_and_the_terminal_as_they_are() {
    let dir = Dir::new();
    let served = start(&dir);
    let script = format!(
        "{REMUDA} top {}; stty -a; echo left; read _",
        served.local()
    );
    let Some(tmux) = Tmux::start(&dir, &["sh", "-c", &script]) else {
        return;
    };
    tmux.shows("queue: 1 wait");
    tmux.press(&["C-c"]);
    tmux.shows("left");
    let screen = tmux.screen();
    assert!(
        screen.contains(" echo ") && screen.contains(" icanon "),
        "{screen}"
    );
    assert!(!screen.contains("queue: 1 wait"), "{screen}");
    assert_eq!(served.state()["running"], 2);
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
}

#[test]
fn without_a_terminal_it_prints_once_or_says_so() {
    let dir = Dir::new();
    let served = start(&dir);
    let port = served.local().rsplit(':').next().unwrap().to_owned();
    let refused = top(&[&port]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("needs a terminal") && said.contains("--once"),
        "{said}"
    );
    let printed = top(&[&port, "--once"]);
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    for part in [
        "1 wait, 2 run, 0 ok",
        "build",
        "test",
        "queue: 1 wait",
        "pack",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));

    // There is no run any more; and no run is there where something else listens.
    let refused = top(&[&port, "--once"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("no run is served there") && said.contains("--serve"),
        "{said}"
    );
    for reads in [true, false] {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap().to_string();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = other.accept().unwrap();
            // Without it, the connection is reset if what was asked is there by then.
            if reads {
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            }
            let _ = std::io::Write::write_all(&mut stream, b"220 mail.example ESMTP\r\n");
        });
        let refused = top(&[&address, "--once"]);
        answering.join().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("no run answers there"), "{said}");
    }
    let refused = top(&["nowhere", "--once"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("expected a port"), "{said}");
}
