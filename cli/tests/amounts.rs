//! What jobs take of a machine besides procs, and which machines they run on: memory, GPUs, kinds of a cluster file.
#[path = "support/readme.rs"]
mod readme;
mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use support::{Dir, REMUDA, Run, remuda};

/// Two kinds of machine on this computer, by the command that a user would write for others.
fn cluster(dir: &Dir, more: &str) -> String {
    let kind = |name: &str, procs: u32, rest: &str| {
        format!(
            "[[kind]]\nname = \"{name}\"\nlabels = [\"any\"]\nprocs = {procs}\nmax = 1\nlaunch = \"env WHERE={name} {REMUDA} \
             worker --procs {{procs}} --memory {{memory}}MiB --gpus {{gpus}}\"\n{rest}\n"
        )
    };
    let small = kind("small", 4, "memory = \"1GiB\"");
    let big = kind("big", 2, "memory = \"8GiB\"\ngpus = 2");
    dir.write("cluster.toml", format!("{more}\n{small}\n{big}"))
}

#[test]
fn jobs_run_on_the_kinds_that_they_ask_for() {
    let dir = Dir::new();
    let file = cluster(&dir, "");
    let jobs: String = [
        r#""kind": "small""#,
        r#""kind": "big""#,
        r#""memory": "2GiB""#,
        r#""gpus": 1"#,
        r#""kind": "any", "procs": 3"#,
    ]
    .iter()
    .map(|fields| format!("{{\"cmd\": \"echo $REMUDA_JOB on $WHERE\", {fields}}}\n"))
    .collect();
    let words = ["--cluster", &file, "--format", "jsonl", "-"];
    let finished = Run::start(remuda(&words), &jobs).finish();
    finished.ends(
        0,
        "5 jobs: 5 ok, 0 failed; 0 lost and run again; 2 machines started, ",
    );
    let expected = [
        "1 on small",
        "2 on big",
        "3 on big",
        "4 on big",
        "5 on small",
    ];
    assert_eq!(finished.sorted(), expected);
}

#[test]
fn what_no_kind_has_is_refused_before_anything_starts() {
    let dir = Dir::new();
    let file = cluster(&dir, "");
    for (fields, reason) in [
        (
            r#""kind": "huge""#,
            "kind \"huge\": none is called so (there are: small, any, big)",
        ),
        (
            r#""memory": "9GiB""#,
            "memory 9GiB is more than a machine has (limit 8GiB)",
        ),
        (
            r#""kind": "small", "gpus": 1"#,
            "gpus 1 is more than a machine has (limit 0)",
        ),
    ] {
        let job = format!("{{\"cmd\": \"echo ran\", {fields}}}\n");
        let jobs = dir.write("jobs.jsonl", &job);
        for (words, input, name) in [
            (["--cluster", &file, &jobs].to_vec(), "", jobs.as_str()),
            (
                ["--cluster", &file, "--format", "jsonl", "-"].to_vec(),
                job.as_str(),
                "standard input",
            ),
        ] {
            let finished = Run::start(remuda(&words), input).finish();
            assert_eq!(
                (finished.status, finished.out.as_str()),
                (Some(2), ""),
                "{}",
                finished.err
            );
            finished.says(&format!("{name}: line 1: {reason}"));
        }
    }
    let wrong = dir.write("wrong.toml", "[[kind]]\nname = \"a\"\nproc = 3\n");
    let finished = support::run(&["--cluster", &wrong], "true\n");
    assert_eq!(finished.status, Some(2));
    finished.says(
        "wrong.toml, line 3: unknown field `proc`, expected one of `name`, `labels`, `procs`, ",
    );
}

#[test]
fn a_worker_that_has_less_than_its_kind_does_not_start() {
    let template = format!("{REMUDA} worker --memory 1GiB");
    let words = [
        "--launch",
        &template,
        "--machine-procs",
        "1",
        "--machine-memory",
        "2GiB",
    ];
    let finished = support::run(&words, "true\n");
    finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run; ");
    finished.says("it offers 1024 memory_mib, and 2048 are needed");
}

#[test]
fn no_two_jobs_have_one_gpu_at_a_time() {
    let dir = Dir::new();
    // Each holds its devices by a directory of their name, which only one can make.
    let job = "set -e; IFS=,; for gpu in $CUDA_VISIBLE_DEVICES; do mkdir HELD/$gpu; done; sleep 0.05; \
               for gpu in $CUDA_VISIBLE_DEVICES; do rmdir HELD/$gpu; echo $gpu; done";
    let job = job.replace("HELD", &dir.text("held"));
    std::fs::create_dir(dir.at("held")).unwrap();
    let mut jobs: String = (0..30)
        .map(|number| format!("{{\"cmd\": \"{job}\", \"gpus\": {}}}\n", 1 + number % 3))
        .collect();
    // One that asks for none sees none, and one that has the machine to itself sees all.
    jobs += "{\"cmd\": \"echo none=$CUDA_VISIBLE_DEVICES\"}\n";
    jobs += "{\"cmd\": \"echo all=$CUDA_VISIBLE_DEVICES\", \"machine\": true}\n";
    let words = [
        "--format",
        "jsonl",
        "--machine-procs",
        "8",
        "--max-procs",
        "8",
        "-",
    ];
    let mut command = remuda(&words);
    command.env("CUDA_VISIBLE_DEVICES", "0,GPU-1,2");
    let finished = Run::start(command, &jobs).finish();
    finished.ends(0, "32 jobs: 32 ok, 0 failed; ");
    let mut counts = BTreeMap::new();
    for line in finished.out.lines() {
        *counts.entry(line).or_insert(0) += 1;
    }
    assert_eq!(counts.remove("none="), Some(1), "{}", finished.out);
    assert_eq!(counts.remove("all=0,GPU-1,2"), Some(1), "{}", finished.out);
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        ["0", "2", "GPU-1"]
    );
    assert_eq!(counts.values().sum::<i32>(), 60);
    // Without a job that asks, each sees what the worker sees.
    let mut command = remuda(&[]);
    command.env("CUDA_VISIBLE_DEVICES", "5");
    let finished = Run::start(command, "echo $CUDA_VISIBLE_DEVICES\n").finish();
    assert_eq!(finished.out, "5\n");
}

#[test]
fn gpus_are_those_that_the_driver_of_the_cards_lists() {
    let dir = Dir::new();
    let script = "#!/bin/sh\n[ \"$*\" = -L ] || exit 1\necho 'GPU 0: T4 (UUID: GPU-a)'\necho 'GPU 1: T4 (UUID: GPU-b)'\n";
    let program = dir.write("nvidia-smi", script);
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let job =
        |gpus: u32| format!("{{\"cmd\": \"echo $CUDA_VISIBLE_DEVICES\", \"gpus\": {gpus}}}\n");
    let with = |jobs: &str| {
        let mut command = remuda(&["--format", "jsonl", "-"]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", dir.path().display()));
        command.env_remove("CUDA_VISIBLE_DEVICES");
        Run::start(command, jobs).finish()
    };
    let finished = with(&job(2));
    finished.ends(0, "1 job: 1 ok, 0 failed; ");
    assert_eq!(finished.out, "0,1\n");
    let finished = with(&job(3));
    assert_eq!(finished.status, Some(2));
    finished.says("gpus 3 is more than a machine has (limit 2)");
}

/// Takes so many MiB until the file is there.
fn takes(mib: u32, file: &str) -> String {
    format!(
        "python3 -c \\\"import os,time\\nx=b'1'*({mib}<<20)\\nwhile not os.path.exists('{file}'): time.sleep(0.05)\\\""
    )
}

#[test]
fn more_memory_than_was_asked_for_is_noted_or_ends_the_job() {
    let dir = Dir::new();
    let (log, end) = (dir.text("log"), dir.text("end"));
    // The greedy one is looked at while the other sleeps, and both end.
    let greedy = takes(200, &end);
    let modest = format!("sleep 2; touch {end}");
    let jobs = format!(
        "{{\"cmd\": \"{greedy}\", \"memory\": \"100MiB\", \"name\": \"greedy\"}}\n{{\"cmd\": \"{modest}\", \"memory\": \"100MiB\", \
         \"name\": \"modest\"}}\n"
    );
    let words = [
        "--format",
        "jsonl",
        "--machine-procs",
        "2",
        "--joblog",
        &log,
        "--max-procs",
        "2",
        "-",
    ];
    let finished = Run::start(remuda(&words), &jobs).finish();
    finished.ends(0, "2 jobs: 2 ok, 0 failed; ");
    let peak = |name: &str| {
        let lines = dir.joblog("log");
        let line = lines.iter().find(|line| line["name"] == name).unwrap();
        line["peak_memory"].as_str().map(str::to_owned)
    };
    let noted: remuda_cli::memory::MemoryMib = peak("greedy").unwrap().parse().unwrap();
    assert!((200..400).contains(&noted.0), "{noted}");
    assert_eq!(peak("modest"), None);

    // Now the same is ended, though nothing else would end it.
    std::fs::remove_file(&end).unwrap();
    let jobs = jobs.replace(&format!("sleep 2; touch {end}"), "sleep 0.1");
    let words = [&words[..8], &["--enforce-memory", "-"]].concat();
    let finished = Run::start(remuda(&words), &jobs).finish();
    finished.ends(1, "2 jobs: 1 ok, 1 failed; ");
    finished.says("job greedy failed: killed, as it took ");
    finished.says(" MiB of memory and asked for 100");

    // That is a failure as others are.
    let again = format!("[ $REMUDA_ATTEMPT = 2 ] || {greedy}");
    let jobs = format!("{{\"cmd\": \"{again}\", \"memory\": \"100MiB\", \"retries\": 1}}\n");
    let words = ["--format", "jsonl", "--enforce-memory", "-"];
    let finished = Run::start(remuda(&words), &jobs).finish();
    finished.ends(0, "1 job: 1 ok, 0 failed; ");
    finished.says("; 1 failed and tried again; ");
}

#[test]
fn a_dry_run_names_the_kinds_of_machine_and_asks_none() {
    let dir = Dir::new();
    let trace = dir.text("trace");
    let ssh = format!("sh -c 'echo asked >> {trace}'");
    let words = [
        "--dry-run",
        "--host",
        "2/one",
        "--host",
        "two",
        "--ssh",
        &ssh,
        "echo",
        ":::",
        "a",
    ];
    let finished = support::run(&words, "");
    assert_eq!(
        (finished.status, finished.out.as_str()),
        (Some(0), "echo a\n")
    );
    finished.says("would run 1 job on machines of these kinds:\n");
    finished.says("\n  one: one machine of 2 procs, started by: sh -c ");
    finished.says("\n  two: one machine of as many procs as they have, started by: sh -c ");
    assert!(!dir.at("trace").exists());
}

#[test]
fn the_cluster_file_of_the_readme_is_one() {
    let dir = Dir::new();
    let text = readme::file("cluster.toml");
    let file = dir.write("cluster.toml", text);
    // No kind of it is asked, as the job is refused before: no machine has so much.
    let jobs = "{\"cmd\": \"true\", \"kind\": \"no such kind\"}\n";
    let jobs = dir.write("jobs.jsonl", jobs);
    let finished = support::run(&["--cluster", &file, &jobs], "");
    assert_eq!(finished.status, Some(2));
    finished.says("none is called so (there are: here, big, amd, many)");
}
