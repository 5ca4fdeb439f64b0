//! `remuda run` on hosts by ssh, each story with a real sshd: unlike sizes, hosts that refuse, banners, cut connections.
#[path = "support/readme.rs"]
mod readme;
#[path = "support/sshd.rs"]
mod sshd;
mod support;

use std::process::Command;

use rustix::process::Signal;

use sshd::Sshd;
use support::{Dir, REMUDA, Run, kill, mark, remuda, wait_for, with_word};

/// Host blocks that tell the remote side by which name it was called: `$WHERE`.
fn names(names: &[&str]) -> String {
    let blocks = names.iter();
    let blocks = blocks.map(|name| format!("Host {name}\n  SetEnv WHERE={name}\n"));
    blocks.collect()
}

/// As many jobs, each of which ends when all have begun, and then does something: with one proc less they never would.
fn meeting_of(count: usize, dir: &Dir, then: &str) -> String {
    let at = dir.path().display();
    let wait = format!("while [ $(ls {at} | wc -l) -lt {count} ]; do sleep 0.1; done");
    format!("touch {at}/$REMUDA_JOB; {wait}; {then}\n").repeat(count)
}

/// A command line of the README, with `ssh` and `remuda` as the test has them.
fn as_in_the_readme(server: &Sshd, command: &str) -> Command {
    let ssh = format!("exec /usr/bin/{} \"$@\"", server.ssh());
    server.install("here/ssh", &ssh);
    server.install("here/remuda", &format!("exec {REMUDA} \"$@\""));
    let here = server.dir().text("here");
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", command])
        .current_dir(server.dir().path());
    shell.env("PATH", format!("{here}:{}", std::env::var("PATH").unwrap()));
    shell
}

#[test]
fn four_hosts_of_unlike_sizes_by_the_command_of_the_readme() {
    let Some(server) = Sshd::start("four hosts", "AcceptEnv WHERE") else {
        return;
    };
    server.write_client(&names(&["build1", "build2", "build3"]), &[]);
    // The third has one core for us, and says so when it is asked.
    let one = format!("[ \"$WHERE\" = build3 ] && exec taskset -c 0 {REMUDA} \"$@\"");
    server.install("bin/remuda", &format!("{one}\nexec {REMUDA} \"$@\""));
    let mut command = as_in_the_readme(&server, &readme::command("hosts"));
    let cores = std::thread::available_parallelism().unwrap().get();
    let all = 8 + 4 + 1 + cores;
    let meeting = Dir::new();
    server
        .dir()
        .write("jobs.txt", meeting_of(all, &meeting, "echo ${WHERE-here}"));
    command.env_remove("WHERE");
    let finished = Run::start(command, "").finish();
    let summary = format!(
        "{all} jobs: {all} ok, 0 failed; 0 lost and run again; 4 machines started, 0 lost; "
    );
    finished.ends(0, &summary);
    let on = |host: &str| finished.out.lines().filter(|line| *line == host).count();
    let sizes = ["build1", "build2", "build3", "here"].map(on);
    assert_eq!(sizes, [8, 4, 1, cores], "{}", finished.out);
}

#[test]
fn jobs_of_a_cut_connection_run_again_elsewhere() {
    let Some(server) = Sshd::start("a cut connection", "") else {
        return;
    };
    let (ssh, mark) = (server.ssh(), mark());
    let log = server.dir().text("log");
    let words = [
        "--ssh", &ssh, "--host", "1/a", "--host", "1/b", "--joblog", &log,
    ];
    // The first attempt would sleep for long; the second does not.
    let job = format!("[ $REMUDA_ATTEMPT = 2 ] || sleep {mark}; echo done\n");
    let run = Run::start(remuda(&words), &(job + "sleep 1\n" + "true\n"));
    wait_for("the job to run", || with_word(&mark).len() == 1);
    let session = {
        // From the sleeper up to the process that serves its connection.
        let mut pid = with_word(&mark)[0].to_string();
        let connections = server.connections();
        loop {
            let all = support::processes();
            let process = all.iter().find(|it| it.pid.to_string() == pid).unwrap();
            if connections.contains(&process.pid) {
                break process.pid;
            }
            pid = process.parent.clone();
        }
    };
    kill(session, Signal::KILL);
    let finished = run.finish();
    finished.ends(0, "3 jobs: 3 ok, 0 failed; 1 lost and run again; ");
    assert_eq!(finished.out, "done\n");
    wait_for("the job of the cut connection to be gone", || {
        with_word(&mark).is_empty()
    });
}

#[test]
fn a_host_that_is_set_aside_is_not_used_again() {
    let Some(server) = Sshd::start("a host set aside", "AcceptEnv WHERE") else {
        return;
    };
    server.write_client(&names(&["ill", "well"]), &[]);
    let ssh = server.ssh();
    let words = [
        "--ssh",
        &ssh,
        "--host",
        "1/ill",
        "--host",
        "1/well",
        "--suspect",
        "3",
    ];
    let jobs = "sleep 0.02; [ $WHERE = well ] && echo ran\n".repeat(60);
    let finished = Run::start(remuda(&words), &jobs).finish();
    finished.ends(0, "60 jobs: 60 ok, 0 failed; 0 lost and run again; ");
    assert!(
        finished
            .summary()
            .contains("; 2 machines started, 0 lost; "),
        "{}",
        finished.err
    );
    finished.says("is set aside: 3 jobs in a row failed there and went well elsewhere\n");
    assert_eq!(finished.out, "ran\n".repeat(60));
}

#[test]
fn what_is_printed_before_a_worker_is_no_part_of_the_protocol() {
    let banner = Dir::new();
    let path = banner.write("banner", "Authorised users only\n".repeat(40));
    let forced = "ForceCommand echo forced; echo forced >&2; eval \"$SSH_ORIGINAL_COMMAND\"";
    let Some(server) = Sshd::start("a banner", &format!("Banner {path}\n{forced}")) else {
        return;
    };
    server
        .dir()
        .write("home/.bashrc", "echo noise; echo noise >&2\n");
    let ssh = server.ssh();
    let words = ["--ssh", &ssh, "--host", "a", "--host", "2/b"];
    let finished = Run::start(remuda(&words), &support::echoes(20)).finish();
    finished.ends(0, "20 jobs: 20 ok, 0 failed; 0 lost and run again; ");
    assert_eq!(finished.sorted(), support::echoed(20));
}

#[test]
fn a_host_that_refuses_is_told_with_what_to_do_and_the_others_go_on() {
    // `passwords` is refused its key, and would be asked for a password.
    let more = "PasswordAuthentication yes\nKbdInteractiveAuthentication yes\nAcceptEnv WHERE";
    let Some(server) = Sshd::start("hosts that refuse", more) else {
        return;
    };
    let (locked, other) = (server.dir().text("locked"), server.dir().text("host"));
    let client = format!(
        "Host stranger\n  UserKnownHostsFile /dev/null\nHost locked\n  IdentityFile {locked}\nHost passwords\n  IdentityFile \
         {other}\nHost nowhere\n  HostName 127.0.0.1\n  Port 1\n"
    );
    server.write_client(&(client + &names(&["bare"])), &["locked", "passwords"]);
    server.install(
        "bin/remuda-or-not",
        "[ \"$WHERE\" = bare ] && exit 127\nexec remuda \"$@\"",
    );
    let ssh = server.ssh();
    let hosts = [
        "1/stranger",
        "locked",
        "1/passwords",
        "bare",
        "nowhere",
        "2/good",
    ];
    let hosts = hosts.map(|host| ["--host", host]).concat();
    let words = [
        &["--ssh", &ssh, "--remote-bin", "remuda-or-not"][..],
        &hosts,
    ]
    .concat();
    let finished = Run::start(remuda(&words), &"sleep 0.2\n".repeat(10)).finish();
    finished.ends(
        0,
        "10 jobs: 10 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
    for (host, said) in [
        (
            "stranger",
            "the key of stranger is not known here, or has changed: connect once by hand, `ssh stranger`",
        ),
        ("locked", "a key with a passphrase must be in an ssh-agent"),
        (
            "passwords",
            "`ssh -o BatchMode=yes passwords true` must work",
        ),
        (
            "bare",
            "there is no remuda on the PATH of bare: copy it, `scp \"$(command -v remuda)\" bare:`",
        ),
        ("nowhere", "Connection refused"),
    ] {
        let mut lines = finished.err.split("warning: ");
        let told = lines.any(|line| line.contains(&format!("{host}: ")) && line.contains(said));
        assert!(told, "{host}: no {said:?} in:\n{}", finished.err);
    }
}

#[test]
fn where_no_host_lets_in_the_run_ends_and_says_why() {
    let Some(server) = Sshd::start("no host", "") else {
        return;
    };
    server.write_client("Host *\n  UserKnownHostsFile /dev/null\n", &[]);
    let ssh = server.ssh();
    let words = ["--ssh", &ssh, "--host", "a", "--host", "2/b"];
    let finished = Run::start(remuda(&words), "true\n").finish();
    finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run; ");
    finished.says("no machine could be started: ");
    finished.says("Host key verification failed");
}

#[test]
fn few_hosts_are_started_at_a_time() {
    // It refuses a third connection that has not logged in yet.
    let Some(server) = Sshd::start("a few at a time", "MaxStartups 2") else {
        return;
    };
    let hosts: String = (1..=12)
        .map(|number| format!("1/h{number}  # of twelve\n\n"))
        .collect();
    let hosts = server.dir().write("hosts", hosts);
    let ssh = server.ssh();
    let words = [
        "--ssh",
        &ssh,
        "--hosts",
        &hosts,
        "--max-pending",
        "2",
        "--verbose",
    ];
    let meeting = Dir::new();
    let finished = Run::start(remuda(&words), &meeting_of(12, &meeting, "true")).finish();
    finished.ends(
        0,
        "12 jobs: 12 ok, 0 failed; 0 lost and run again; 12 machines started, 0 lost; ",
    );
    let log = server.text("sshd.log");
    assert!(
        !log.contains("MaxStartups") && !log.contains("drop connection"),
        "{log}"
    );
    // The order of the file is the order of ids.
    for number in 0..12 {
        finished.says(&format!("m{number} on h{}", number + 1));
    }
}
