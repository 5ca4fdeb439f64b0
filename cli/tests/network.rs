//! Workers in a network of their own, which is cut: packets are dropped, or the link is down. Needs root, `ip` and `tc`:
//! `scripts/network.sh` runs it.
mod support;

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use support::{Dir, Finished, REMUDA, Run, wait_for};

/// How a network is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Every packet is dropped.
    Loss,
    /// The link is down.
    Link,
}

/// Two name spaces with a link between them.
struct Network {
    names: [String; 2],
}

fn ip(words: &[&str]) {
    let output = Command::new("ip")
        .args(words)
        .output()
        .expect("there is ip");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {said}", words.join(" "));
}

impl Network {
    const DRIVER: &str = "10.213.77.1";
    const WORKER: &str = "10.213.77.2";

    fn new(name: &str) -> Network {
        let id = std::process::id();
        let network = Network {
            names: [
                format!("remuda-{name}-{id}-d"),
                format!("remuda-{name}-{id}-w"),
            ],
        };
        let [driver, worker] = network.names.each_ref().map(String::as_str);
        ip(&["netns", "add", driver]);
        ip(&["netns", "add", worker]);
        ip(&[
            "-n", driver, "link", "add", "link0", "type", "veth", "peer", "name", "link0", "netns",
            worker,
        ]);
        for (space, address) in [(driver, Network::DRIVER), (worker, Network::WORKER)] {
            ip(&[
                "-n",
                space,
                "address",
                "add",
                &format!("{address}/24"),
                "dev",
                "link0",
            ]);
            ip(&["-n", space, "link", "set", "link0", "up"]);
            ip(&["-n", space, "link", "set", "lo", "up"]);
        }
        network
    }

    /// A command in the driver's name space (0) or the worker's (1).
    fn command(&self, space: usize, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.names[space]])
            .args(words);
        command
    }

    fn cut(&self, cut: Cut) {
        for (space, name) in self.names.iter().enumerate() {
            match cut {
                Cut::Link => ip(&["-n", name, "link", "set", "link0", "down"]),
                Cut::Loss => self.drop_packets(space, "add"),
            }
        }
    }

    fn mend(&self, cut: Cut) {
        for (space, name) in self.names.iter().enumerate() {
            match cut {
                Cut::Link => ip(&["-n", name, "link", "set", "link0", "up"]),
                Cut::Loss => self.drop_packets(space, "del"),
            }
        }
    }

    fn drop_packets(&self, space: usize, change: &str) {
        let words = ["tc", "qdisc", change, "dev", "link0", "root", "blackhole"];
        let status = self.command(space, &words).status();
        assert!(status.expect("there is tc").success());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run with two workers of two procs: one beside the driver, one behind the link, which is cut for `time` while each has
/// two jobs.
fn run_with_cut(
    name: &str,
    cut: Cut,
    reconnect: &str,
    time: Duration,
    job: &str,
) -> (Dir, Finished) {
    let (dir, network) = (Dir::new(), Network::new(name));
    let key = dir.text("key");
    let made = Command::new(REMUDA).args(["key", &key]).status();
    assert!(made.expect("it runs").success());
    let address = format!("{}:7000", Network::DRIVER);
    let jobs = |count: usize| -> String {
        // Of one job no two attempts run at once: each holds its lock while it runs.
        let job = format!(
            "cd {}; exec 9>lock.$REMUDA_JOB; flock -n 9 || echo twice >>twice; \
             echo $REMUDA_ATTEMPT >>ran.$REMUDA_JOB; {job}; echo job $REMUDA_JOB\n",
            dir.path().display()
        );
        job.repeat(count)
    };
    let mut driver = network.command(
        0,
        &[
            REMUDA,
            "run",
            "--listen",
            &address,
            "--key-file",
            &key,
            "--silent-after",
            "60",
        ],
    );
    driver.arg("-");
    let run = Run::start(driver, &jobs(4));
    let worker = |space: usize| {
        let words = [
            REMUDA,
            "worker",
            "--connect",
            &address,
            "--key-file",
            &key,
            "--procs",
            "2",
            "--reconnect",
            reconnect,
        ];
        let mut command = network.command(space, &words);
        Worker(command.stdin(Stdio::null()).spawn().expect("it runs"))
    };
    let workers = [worker(0), worker(1)];
    let started = || (1..=4).all(|job| dir.lines(&format!("ran.{job}")) > 0);
    wait_for("four jobs", started);
    network.cut(cut);
    sleep(time);
    network.mend(cut);
    let finished = run.finish();
    drop(workers);
    (dir, finished)
}

fn nothing_ran_twice_at_once(dir: &Dir, finished: &Finished) {
    assert!(!dir.at("twice").exists(), "a job ran twice at once");
    let printed = ["job 1", "job 2", "job 3", "job 4"];
    assert_eq!(
        finished.sorted(),
        printed,
        "each job's output is printed once"
    );
}

fn no_job_is_lost(name: &str, cut: Cut) {
    let job = "for n in 1 2 3 4 5 6 7 8; do sleep 1; done";
    let (dir, finished) = run_with_cut(name, cut, "20", Duration::from_secs(4), job);
    finished.ends(
        0,
        "4 jobs: 4 ok, 0 failed; 0 lost and run again; 2 machines started, 0 lost; ",
    );
    nothing_ran_twice_at_once(&dir, &finished);
    for job in 1..=4 {
        assert_eq!(dir.lines(&format!("ran.{job}")), 1, "job {job} ran once");
    }
}

fn lost_jobs_run_again(name: &str, cut: Cut) {
    let job = "sleep 5";
    let (dir, finished) = run_with_cut(name, cut, "2", Duration::from_secs(9), job);
    finished.ends(
        0,
        "4 jobs: 4 ok, 0 failed; 2 lost and run again; 2 machines started, 1 lost; ",
    );
    nothing_ran_twice_at_once(&dir, &finished);
}

#[test]
#[ignore = "needs root, ip and tc: scripts/network.sh runs it"]
fn no_job_is_lost_where_packets_are_dropped_for_a_short_time() {
    no_job_is_lost("a", Cut::Loss);
}

#[test]
#[ignore = "needs root, ip and tc: scripts/network.sh runs it"]
fn no_job_is_lost_where_the_link_is_down_for_a_short_time() {
    no_job_is_lost("b", Cut::Link);
}

#[test]
#[ignore = "needs root, ip and tc: scripts/network.sh runs it"]
fn lost_jobs_run_again_and_none_twice_at_once_where_packets_are_dropped_for_long() {
    lost_jobs_run_again("c", Cut::Loss);
}

#[test]
#[ignore = "needs root, ip and tc: scripts/network.sh runs it"]
fn lost_jobs_run_again_and_none_twice_at_once_where_the_link_is_down_for_long() {
    lost_jobs_run_again("d", Cut::Link);
}
