//! The template system with real commands, on both adapters. A worker is a file here: what has started it has made the file,
//! and it has ended when the file is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use remuda::{Config, Kind, MachineId, Resources};
use remuda_driver::{
    CallError, Cluster, Figures, Invocation, Options, RequestError, Runtime, Start, StartError,
    System, TemplateSystem,
};
use remuda_tests::{eventually, on_both_adapters, sleep, within};

struct Files<R> {
    runtime: R,
    dir: PathBuf,
}

impl<R> Files<R> {
    fn worker(&self, id: u64) -> PathBuf {
        self.dir.join(id.to_string())
    }
}

impl<R: Runtime> System for Files<R> {
    type Machine = u64;

    async fn start(&self, start: Start) -> Result<u64, StartError> {
        while !self.worker(start.id.0).exists() {
            sleep(&self.runtime, Duration::from_millis(5)).await;
        }
        start.booting();
        Ok(start.id.0)
    }
    async fn stopped(&self, &machine: &u64) -> String {
        while self.worker(machine).exists() {
            sleep(&self.runtime, Duration::from_millis(5)).await;
        }
        "its file is gone".into()
    }
    async fn stop(&self, machine: &u64) {
        self.kill(machine);
    }
    fn kill(&self, &machine: &u64) {
        let _ = fs::remove_file(self.worker(machine));
    }
    async fn poll(&self, _: &u64) -> Figures {
        Figures::default()
    }
    async fn call(&self, _: &u64, call: Invocation) -> Result<Vec<u8>, CallError> {
        Ok(call.args)
    }
}

/// A directory with a start command and a stop command, and what they were called with, a line a call.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn system<R: Runtime>(&self, runtime: &R, start: &str) -> TemplateSystem<R, Files<R>> {
        let dir = self.path().display().to_string();
        let files = Files {
            runtime: runtime.clone(),
            dir: self.path().to_owned(),
        };
        let shell = |script: &str, words: &[&str]| {
            let script = format!("cd {dir}; {script}");
            let words = ["sh", "-c", &script, "sh"]
                .into_iter()
                .chain(words.iter().copied());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let words: &[&str] = match start.contains("$2") {
            true => &["{first}", "{last_index}", "{key}"],
            false => &["{first}"],
        };
        let stop = shell(
            "echo stop \"$@\" >> log",
            &["-q", "{handle}_{index}", "m{machine}"],
        );
        TemplateSystem::new(runtime.clone(), files, shell(start, words))
            .value("key", "a key")
            .stop(&stop)
    }

    /// The calls so far.
    fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

/// Notes the call, makes the workers, and prints a handle and more.
const START: &str = "echo start $1 $2 $3 >> log; touch $(seq $1 $(($1 + $2))); echo h$1; echo more";

/// A cluster that has so many machines of a proc always.
fn cluster<R: Runtime>(
    runtime: &R,
    system: TemplateSystem<R, Files<R>>,
    machines: u32,
) -> Cluster<R, TemplateSystem<R, Files<R>>> {
    let config = Config::empty()
        .kind(Kind::new(Resources::procs(1)).min(machines).max(machines))
        .max_procs(u64::from(machines))
        .start_backoff_base(Duration::from_millis(20))
        .start_backoff_cap(Duration::from_millis(50));
    Cluster::new(runtime.clone(), system, config, Options::default()).unwrap()
}

async fn one_call_starts_all_and_one_ends_all<R: Runtime>(runtime: R) {
    let place = Place::new();
    let cluster = cluster(&runtime, place.system(&runtime, START), 3);
    eventually(&runtime, "three machines", || {
        cluster.counts().machines.ok == 3
    })
    .await;
    assert_eq!(place.log(), ["start 0 2 a key"]);
    within(&runtime, "the end", cluster.shutdown()).await;
    // The shutdown has waited for this.
    let log = place.log();
    assert_eq!(log.len(), 2, "{log:?}");
    let mut words: Vec<&str> = log[1].split(' ').collect();
    words.sort_unstable();
    assert_eq!(
        words,
        ["-q", "h0_0", "h0_1", "h0_2", "m0", "m1", "m2", "stop"]
    );
}

async fn a_machine_that_is_lost_is_ended_and_another_is_started<R: Runtime>(runtime: R) {
    let place = Place::new();
    let cluster = cluster(&runtime, place.system(&runtime, START), 2);
    eventually(&runtime, "two machines", || {
        cluster.counts().machines.ok == 2
    })
    .await;
    fs::remove_file(place.path().join("1")).unwrap();
    eventually(&runtime, "both calls", || place.log().len() == 3).await;
    let mut log = place.log();
    log.sort_unstable();
    assert_eq!(
        log,
        ["start 0 1 a key", "start 2 0 a key", "stop -q h0_1 m1"]
    );
    within(&runtime, "the end", cluster.shutdown()).await;
    let log = place.log();
    let stops: Vec<&String> = log.iter().filter(|line| line.starts_with("stop")).collect();
    assert!(stops.iter().any(|line| line.contains("h0_0")), "{log:?}");
    assert!(stops.iter().any(|line| line.contains("h2_0")), "{log:?}");
    let of_the_lost = stops.iter().filter(|line| line.contains("h0_1"));
    assert_eq!(of_the_lost.count(), 1, "{log:?}");
}

async fn a_command_that_starts_one_machine_is_run_for_each<R: Runtime>(runtime: R) {
    let place = Place::new();
    let start = "echo start $1 >> log; touch $1; echo h$1";
    let cluster = cluster(&runtime, place.system(&runtime, start), 3);
    eventually(&runtime, "three machines", || {
        cluster.counts().machines.ok == 3
    })
    .await;
    let mut log = place.log();
    log.sort_unstable();
    assert_eq!(log, ["start 0", "start 1", "start 2"]);
    within(&runtime, "the end", cluster.shutdown()).await;
    let log = place.log().join(" ");
    for handle in ["h0_0", "h1_0", "h2_0"] {
        assert!(log.contains(handle), "{log}");
    }
}

async fn what_a_given_up_start_has_started_is_ended<R: Runtime>(runtime: R) {
    let place = Place::new();
    let start = "touch begun; sleep 0.5; echo start $1 $2 >> log; echo h$1";
    let cluster = cluster(&runtime, place.system(&runtime, start), 2);
    eventually(&runtime, "the command", || {
        place.path().join("begun").exists()
    })
    .await;
    // There is no handle yet.
    within(&runtime, "the end", cluster.shutdown()).await;
    let log = place.log();
    assert_eq!(log[0], "start 0 1");
    assert!(
        log[1].contains("h0_0") && log[1].contains("h0_1"),
        "{log:?}"
    );
}

async fn a_worker_in_the_background_of_its_command_is_no_reason_to_wait<R: Runtime>(runtime: R) {
    let place = Place::new();
    let start =
        "echo start $1 $2 >> log; (sleep 1; touch $(seq $1 $(($1 + $2))); sleep 30) & echo h$1";
    let cluster = cluster(&runtime, place.system(&runtime, start), 1);
    eventually(&runtime, "the machine", || {
        cluster.counts().machines.ok == 1
    })
    .await;
    within(&runtime, "the end", cluster.shutdown()).await;
    assert_eq!(place.log(), ["start 0 0", "stop -q h0_0 m0"]);
}

/// Only the handle says how to end what was started: there is no machine without it.
async fn a_worker_that_is_there_first_waits_for_its_command<R: Runtime>(runtime: R) {
    let place = Place::new();
    let start = "touch $1; : $2; sleep 0.5; echo through >> log; echo h$1";
    let cluster = cluster(&runtime, place.system(&runtime, start), 1);
    eventually(&runtime, "the machine", || {
        cluster.counts().machines.ok == 1
    })
    .await;
    assert_eq!(place.log(), ["through"]);
    within(&runtime, "the end", cluster.shutdown()).await;
    assert_eq!(place.log(), ["through", "stop -q h0_0 m0"]);
}

async fn a_worker_whose_command_fails_after_it_is_kept<R: Runtime>(runtime: R) {
    let place = Place::new();
    let start = "touch $1; : $2; sleep 0.5; exit 3";
    let cluster = cluster(&runtime, place.system(&runtime, start), 1);
    eventually(&runtime, "the machine", || {
        cluster.counts().machines.ok == 1
    })
    .await;
    assert_eq!(cluster.machines()[0].id, MachineId(0));
    within(&runtime, "the end", cluster.shutdown()).await;
    assert_eq!(place.log(), Vec::<String>::new());
}

async fn a_command_that_fails_is_a_failed_start<R: Runtime>(runtime: R) {
    for (start, said) in [
        (
            "echo bad partition $2 >&2; exit 3",
            "it ended (exit status: 3); it printed: bad partition 0",
        ),
        ("kill -9 $$; : $2", "it ended (signal: 9 (SIGKILL))"),
        (": $2", "it printed no handle on its standard output"),
    ] {
        let place = Place::new();
        let cluster = cluster(&runtime, place.system(&runtime, start), 1);
        let request = cluster.request(Resources::procs(1));
        let error = within(&runtime, "an error", request).await.unwrap_err();
        let RequestError::NoMachines(error) = error else {
            panic!("{error}");
        };
        assert!(
            error.starts_with("`sh -c cd ") && error.contains(said),
            "{error}"
        );
        within(&runtime, "the end", cluster.shutdown()).await;
        assert_eq!(place.log(), Vec::<String>::new());
    }
}

async fn what_the_command_reads_is_filled_in<R: Runtime>(runtime: R) {
    let place = Place::new();
    let start = "cat > manifest; : $2; touch $1; echo h$1";
    let system = place
        .system(&runtime, start)
        .input("id: {first}\ncount: {count}\n{other}\n");
    let cluster = cluster(&runtime, system, 1);
    eventually(&runtime, "the machine", || {
        cluster.counts().machines.ok == 1
    })
    .await;
    let manifest = fs::read_to_string(place.path().join("manifest")).unwrap();
    assert_eq!(manifest, "id: 0\ncount: 1\n{other}\n");
    assert_eq!(cluster.machines()[0].id, MachineId(0));
    within(&runtime, "the end", cluster.shutdown()).await;
}

async fn a_command_that_runs_on_after_its_worker_is_there_is_no_late_start<R: Runtime>(runtime: R) {
    let place = Place::new();
    let system = place.system(
        &runtime,
        "echo start >> log; touch $1; : $2; sleep 1; echo h$1",
    );
    let config = Config::empty()
        .kind(Kind::new(Resources::procs(1)).min(1).max(1))
        .start_backoff_base(Duration::from_millis(20));
    let mut options = Options::default();
    options.start_timeout = Duration::from_millis(200);
    let cluster = Cluster::new(runtime.clone(), system, config, options).unwrap();
    eventually(&runtime, "the machine", || {
        cluster.counts().machines.ok == 1
    })
    .await;
    assert_eq!(cluster.machines()[0].id, MachineId(0));
    assert_eq!(place.log(), ["start"]);
    within(&runtime, "the end", cluster.shutdown()).await;
}

async fn machines_of_an_earlier_driver_that_had_ended_are_ended<R: Runtime>(runtime: R) {
    let place = Place::new();
    let (told, ended) = mpsc::channel();
    let system = place
        .system(&runtime, START)
        .on_ended(move |machine| told.send(machine).unwrap());
    system.ended(MachineId(4), "a worker\n1 h3".into());
    system.ended(MachineId(7), "\n0 h7".into());
    for none in ["a worker", "", "a worker\nx h1", "\n9 h9"] {
        system.ended(MachineId(8), none.into());
    }
    within(&runtime, "the command", system.finished()).await;
    assert_eq!(place.log(), ["stop -q h3_1 h7_0 m4 m7"]);
    assert_eq!(ended.try_iter().collect::<Vec<_>>(), [4, 7].map(MachineId));
}

on_both_adapters!(
    machines_of_an_earlier_driver_that_had_ended_are_ended,
    a_command_that_runs_on_after_its_worker_is_there_is_no_late_start,
    one_call_starts_all_and_one_ends_all,
    a_machine_that_is_lost_is_ended_and_another_is_started,
    a_command_that_starts_one_machine_is_run_for_each,
    what_a_given_up_start_has_started_is_ended,
    a_worker_in_the_background_of_its_command_is_no_reason_to_wait,
    a_worker_that_is_there_first_waits_for_its_command,
    a_worker_whose_command_fails_after_it_is_kept,
    a_command_that_fails_is_a_failed_start,
    what_the_command_reads_is_filled_in,
);
