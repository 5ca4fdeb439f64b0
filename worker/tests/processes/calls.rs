//! Calls to a worker that is a real process: results, errors, output under credits, cancellation.

use crate::support::{Driver, GRACE, await_sleepers, eventually, unique};
use remuda_worker::wire::{Failure, FromWorker, MAX_CHUNK, ToWorker, Usage, WINDOW};
use remuda_worker::{Exec, Exit, Gpus, JOB, Job, JobEnd, Program};
use std::time::Duration;

#[test]
fn a_typed_call_gives_its_result() {
    let mut driver = Driver::start();
    let call = driver.call("square", &12u64);
    assert_eq!(driver.finish(call).value::<u64>(), 144);
}

#[test]
fn a_functions_error_and_its_panic_are_remote_errors_and_the_worker_goes_on() {
    let mut driver = Driver::start();
    let call = driver.call("square", &u64::MAX);
    assert_eq!(
        driver.finish(call).error(),
        format!("{} squared is too large", u64::MAX)
    );
    let call = driver.call("panic", &"of the test");
    assert_eq!(driver.finish(call).error(), "panicked: of the test");
    let call = driver.call("square", &3u64);
    assert_eq!(driver.finish(call).value::<u64>(), 9);
}

#[test]
fn what_does_not_fit_is_a_remote_error_that_names_the_function() {
    let mut driver = Driver::start();
    let call = driver.call("square", &"a text is no number");
    assert!(
        driver
            .finish(call)
            .error()
            .contains("the argument of \"square\"")
    );
    let call = driver.call("count", &7u64);
    assert!(
        driver
            .finish(call)
            .error()
            .contains("the argument of \"count\" is not of its type")
    );
    let call = driver.call("zeros", &(1usize << 20));
    assert_eq!(
        driver.finish(call).error(),
        "the result of \"zeros\" is 1048579 bytes long, which a frame of at most 1048576 does not hold"
    );
    driver.send(&ToWorker::Call {
        call: 99,
        function: 77,
        args: Vec::new(),
    });
    assert_eq!(
        driver.finish(99).error(),
        "there is no function 77: the worker has 11"
    );
}

#[test]
fn calls_run_side_by_side() {
    let mut driver = Driver::start();
    let slow = driver.call("spin", &());
    for x in 0..5u64 {
        let call = driver.call("square", &x);
        assert_eq!(driver.finish(call).value::<u64>(), x * x);
    }
    driver.send(&ToWorker::Cancel { call: slow });
    assert_eq!(driver.finish(slow).result, Err(Failure::Cancelled));
}

#[test]
fn code_that_prints_or_reads_cannot_touch_the_protocol() {
    let mut driver = Driver::start();
    let call = driver.call("print", &"Hello!");
    let ended = driver.finish(call);
    assert_eq!(ended.text(), ("Hello!", "Hello!"));
    let call = driver.call("read_line", &());
    assert_eq!(
        driver.finish(call).value::<String>(),
        "",
        "standard input is /dev/null"
    );
    driver.send(&ToWorker::Goodbye);
    assert_eq!(driver.until_end(), [FromWorker::Goodbye]);
    assert_eq!(
        driver.complaint().matches("Hello!\n").count(),
        3,
        "println, eprintln and echo go to standard error"
    );
}

#[test]
fn a_function_that_writes_waits_for_credits() {
    let mut driver = Driver::start();
    let length = 3 * WINDOW as usize + 5;
    let call = driver.call("write", &length);
    let first = driver.window(call);
    assert_eq!(driver.next_within(Duration::from_millis(100)), None);
    driver.send(&ToWorker::Credit { call, bytes: 1 });
    assert_eq!(driver.output(call).len(), 1);
    driver.send(&ToWorker::Credit {
        call,
        bytes: WINDOW,
    });
    let rest = driver.finish(call);
    assert_eq!(first.len() + 1 + rest.stdout.len(), length);
    rest.value::<()>();
}

#[test]
fn a_function_that_waits_for_credits_hears_of_its_cancellation() {
    let mut driver = Driver::start();
    let call = driver.call("write", &(1usize << 30));
    driver.window(call);
    driver.send(&ToWorker::Cancel { call });
    assert_eq!(driver.finish(call).result, Err(Failure::Cancelled));
}

#[test]
fn polls_are_answered_with_every_figure_also_while_a_call_is_stuck() {
    let mut driver = Driver::start();
    for (name, n) in [("b", 2i64), ("a", 40), ("a", 2)] {
        let call = driver.call("count", &(name, n));
        driver.finish(call).value::<()>();
    }
    // More output than pipe and window hold, and nobody reads.
    let call = driver.exec("head -c 10000000 /dev/zero");
    std::thread::sleep(Duration::from_millis(200));
    driver.send(&ToWorker::Poll { poll: 7 });
    let mut output = 0;
    let figures = loop {
        match driver.next() {
            FromWorker::Output { bytes, .. } => output += bytes.len(),
            FromWorker::Figures { poll: 7, figures } => break figures,
            other => panic!("unexpected {other:?}"),
        }
    };
    assert!(output <= WINDOW as usize);
    assert_eq!(
        figures.counters,
        Some(vec![("a".into(), 42), ("b".into(), 2)])
    );
    assert!(figures.load.is_some());
    for usage in [figures.memory, figures.disk] {
        assert!(
            matches!(usage, Some(Usage { used, total }) if used <= total && total > 0),
            "{usage:?}"
        );
    }
    driver.send(&ToWorker::Cancel { call });
    // The rest of the window, then the confirmation.
    assert_eq!(driver.finish(call).result, Err(Failure::Cancelled));
}

#[test]
fn discards_are_answered_and_say_what_failed() {
    let mut driver = Driver::start();
    for task in [2, 3, 13, 4] {
        driver.send(&ToWorker::Discard { task });
    }
    let answers: Vec<_> = (0..4).map(|_| driver.next()).collect();
    let expected = [
        (2, None),
        (3, Some("3 is odd")),
        (13, Some("panicked: unlucky")),
        (4, None),
    ];
    let expected = expected.map(|(task, error)| FromWorker::Discarded {
        task,
        error: error.map(Into::into),
    });
    assert_eq!(answers, expected);
}

#[test]
fn a_process_gives_its_outputs_and_its_exit() {
    let mut driver = Driver::start();
    assert_eq!(
        driver.run("echo out; echo err >&2; exit 3"),
        (Exit::Code(3), "out\n".into(), "err\n".into())
    );
    assert_eq!(driver.run("kill -9 $$").0, Exit::Signal(9));
    assert_eq!(
        driver.run("cat").0,
        Exit::Code(0),
        "standard input is at its end"
    );
    // A process may close its outputs long before it ends.
    assert_eq!(
        driver.run("exec >&- 2>&-; sleep 0.1; exit 4").0,
        Exit::Code(4)
    );
}

#[test]
fn a_process_has_its_environment_and_directory() {
    let mut driver = Driver::start();
    let exec = Exec {
        env: vec![("GREETING".into(), "hello = you".into())],
        dir: Some("/usr".into()),
        ..Exec::shell(
            "echo \"$GREETING\"; pwd; env | grep -c REMUDA_GUARD; echo $REMUDA_WORKER | wc -c",
        )
    };
    let call = driver.call("exec", &exec);
    assert_eq!(
        driver.finish(call).text(),
        ("hello = you\n/usr\n0\n33\n", "")
    );
    let call = driver.call("exec", &Exec::argv(["printf", "%s|", "a b", "$HOME"]));
    assert_eq!(driver.finish(call).text(), ("a b|$HOME|", ""));
}

#[test]
fn a_process_that_cannot_be_started_is_a_remote_error_that_says_why() {
    let mut driver = Driver::start();
    let mut error = |exec: Exec| {
        let call = driver.call("exec", &exec);
        driver.finish(call).error().to_owned()
    };
    assert_eq!(
        error(Exec::argv(["/no/such/program"])),
        "cannot start \"/no/such/program\": No such file or directory (os error 2)"
    );
    assert_eq!(
        error(Exec::argv([""; 0])),
        "cannot start a job without a program"
    );
    let nameless = Exec {
        env: vec![("A=B".into(), "1".into())],
        ..Exec::shell("true")
    };
    assert_eq!(
        error(nameless),
        "cannot start /bin/sh: \"A=B\" is no name of a variable"
    );
    assert!(error(Exec::shell("nul\0byte")).starts_with("cannot start /bin/sh: "));
    assert!(
        error(Exec {
            program: Program::Argv(vec!["/".into()]),
            ..Exec::shell("")
        })
        .contains("\"/\"")
    );
}

#[test]
fn what_a_machine_lacks_is_not_the_jobs_failure() {
    let mut driver = Driver::start();
    let elsewhere = Exec {
        dir: Some("/no/such/place".into()),
        ..Exec::shell("true")
    };
    let call = driver.call("exec", &elsewhere);
    assert_eq!(
        driver.finish(call).machine(),
        "cannot start /bin/sh in \"/no/such/place\": there is no such directory"
    );
    // From here on it can open no file.
    let pid = rustix::process::Pid::from_raw(driver.pid());
    let limit = |open: u64| {
        let limit = rustix::process::Rlimit {
            current: Some(open),
            maximum: Some(1024),
        };
        rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).expect("ours");
    };
    limit(3);
    for exec in [Exec::shell("true"), Exec::argv(["true"])] {
        let call = driver.call("exec", &exec);
        let ended = driver.finish(call);
        let said = ended.machine();
        assert!(said.contains("Too many open files"), "{said}");
    }
    limit(1024);
    assert_eq!(driver.run("echo on").1, "on\n");
}

#[test]
fn a_gigabyte_of_output_costs_a_few_megabytes() {
    let mut driver = Driver::start();
    driver.run("true");
    let before = peak_kib(driver.pid());
    let call = driver.exec("head -c 1G /dev/zero");
    let mut length = 0;
    loop {
        match driver.next() {
            FromWorker::Output { bytes, .. } => {
                assert!(bytes.len() <= MAX_CHUNK);
                length += bytes.len();
                let credit = u32::try_from(bytes.len()).expect("a chunk");
                driver.send(&ToWorker::Credit {
                    call,
                    bytes: credit,
                });
            }
            FromWorker::Reply { result, .. } => {
                assert_eq!(
                    postcard::from_bytes::<Exit>(&result.expect("it ran")),
                    Ok(Exit::Code(0))
                );
                break;
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(length, 1 << 30);
    let grown = peak_kib(driver.pid()) - before;
    assert!(grown < 4 * 1024, "the worker's memory grew by {grown} KiB");
}

/// The most memory a process has had.
fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux says so");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[test]
fn output_stops_at_the_window_and_goes_on_with_credits_to_the_last_byte() {
    let mut driver = Driver::start();
    // The process is long dead when its last bytes, which the pipe holds, are asked for.
    let length = WINDOW as usize + 50_000;
    let call = driver.exec(&format!("head -c {length} /dev/zero"));
    driver.window(call);
    assert_eq!(driver.next_within(Duration::from_millis(400)), None);
    driver.send(&ToWorker::Credit {
        call,
        bytes: WINDOW,
    });
    assert_eq!(driver.finish(call).stdout.len(), 50_000);
}

#[test]
fn a_job_ends_when_its_process_does_although_others_hold_its_pipes() {
    let seconds = unique();
    let mut driver = Driver::start();
    let (exit, stdout, _) = driver.run(&format!("sleep {seconds} & sleep {seconds} & echo done"));
    assert_eq!((exit, stdout.as_str()), (Exit::Code(0), "done\n"));
    await_sleepers(&seconds, 0);
}

#[test]
fn a_background_process_that_never_stops_writing_does_not_keep_the_job() {
    let mut driver = Driver::start();
    for _ in 0..3 {
        let (exit, ..) = driver.run("yes & exit 5");
        assert_eq!(exit, Exit::Code(5));
    }
}

#[test]
fn what_left_group_and_session_outlives_its_job_and_its_worker() {
    let seconds = unique();
    let mut driver = Driver::start();
    let call = driver.exec(&format!(
        "setsid sleep {seconds} >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done"
    ));
    assert_eq!(driver.finish(call).value::<Exit>(), Exit::Code(0));
    driver.send(&ToWorker::Goodbye);
    driver.until_end();
    await_sleepers(&seconds, 1);
    let sleeper = crate::support::processes()
        .into_iter()
        .find(|process| process.command.contains(&seconds));
    let pid =
        rustix::process::Pid::from_raw(sleeper.expect("it was just seen").pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("ours");
}

#[test]
fn a_cancelled_job_may_clean_up_and_its_group_is_gone_before_the_reply() {
    let seconds = unique();
    let mut driver = Driver::start();
    let call = driver.exec(&format!(
        "trap 'exit 0' TERM; sleep {seconds} & echo ready; wait"
    ));
    assert_eq!(driver.output(call), b"ready\n");
    await_sleepers(&seconds, 1);
    driver.send(&ToWorker::Cancel { call });
    assert_eq!(driver.finish(call).result, Err(Failure::Cancelled));
    await_sleepers(&seconds, 0);
}

#[test]
fn a_job_that_ignores_sigterm_is_killed_also_when_its_output_is_stuck() {
    let seconds = unique();
    let mut driver = Driver::start();
    let call = driver.exec(&format!("trap '' TERM; sleep {seconds} & yes"));
    driver.window(call);
    await_sleepers(&seconds, 1);
    driver.send(&ToWorker::Cancel { call });
    assert_eq!(driver.finish(call).result, Err(Failure::Cancelled));
    await_sleepers(&seconds, 0);
}

#[test]
fn a_job_that_is_to_end_gets_sigterm_and_what_it_still_prints_counts() {
    let seconds = unique();
    let mut driver = Driver::start();
    let call = driver.exec(&format!(
        "trap 'echo bye; exit 7' TERM; sleep {seconds} & echo ready; wait"
    ));
    assert_eq!(driver.output(call), b"ready\n");
    let grace_ms = 60_000;
    driver.send(&ToWorker::End { call, grace_ms });
    let ended = driver.finish(call);
    assert_eq!(ended.text(), ("bye\n", ""));
    assert_eq!(ended.value::<Exit>(), Exit::Code(7));
    await_sleepers(&seconds, 0);
}

#[test]
fn a_job_that_will_not_end_is_killed_after_its_grace() {
    let seconds = unique();
    let mut driver = Driver::start();
    let call = driver.exec(&format!(
        "trap '' TERM; echo ready; sleep {seconds}; echo on"
    ));
    assert_eq!(driver.output(call), b"ready\n");
    let began = std::time::Instant::now();
    driver.send(&ToWorker::End {
        call,
        grace_ms: 300,
    });
    assert_eq!(driver.finish(call).value::<Exit>(), Exit::Signal(9));
    assert!(began.elapsed().as_millis() >= 300);
    // The shorter of two times counts, and a cancel ends it within less.
    for message in [
        |call| ToWorker::End {
            call,
            grace_ms: 100,
        },
        |call| ToWorker::Cancel { call },
    ] {
        let call = driver.exec(&format!("trap '' TERM; echo ready; sleep {seconds}"));
        assert_eq!(driver.output(call), b"ready\n");
        let grace_ms = 600_000;
        driver.send(&ToWorker::End { call, grace_ms });
        driver.send(&message(call));
        driver.finish(call);
    }
    await_sleepers(&seconds, 0);
}

#[test]
fn a_job_that_was_told_to_end_has_ended_so_though_its_worker_leaves() {
    let seconds = unique();
    let mut driver = Driver::launch(|command| {
        command.env(GRACE, "1");
    });
    driver.open();
    driver.send(&ToWorker::Welcome { silence_ms: 0 });
    let job = Job {
        exec: Exec::shell(format!("echo ready; exec sleep {seconds}")),
        gpus: Gpus::AsTheWorker,
        memory_mib: 0,
        enforce_memory: false,
    };
    let call = driver.call(JOB, &job);
    assert_eq!(driver.output(call), b"ready\n");
    let worker = rustix::process::Pid::from_raw(driver.pid()).expect("a process");
    rustix::process::kill_process(worker, rustix::process::Signal::TERM).expect("it runs");
    let said = driver.next();
    assert!(matches!(said, FromWorker::Leaving { .. }), "{said:?}");
    let grace_ms = 60_000;
    driver.send(&ToWorker::End { call, grace_ms });
    let end: JobEnd = driver.finish(call).value();
    assert_eq!(end.exit, Exit::Signal(15));
    await_sleepers(&seconds, 0);
}

#[test]
fn a_job_reads_the_file_it_was_given() {
    let mut driver = Driver::start();
    let mut reads = |dir: Option<&str>, stdin: &str| {
        let exec = Exec {
            dir: dir.map(Into::into),
            stdin: Some(stdin.into()),
            ..Exec::shell("head -c 4")
        };
        let call = driver.call("exec", &exec);
        driver.finish(call)
    };
    assert_eq!(
        reads(Some("/proc/self"), "/proc/version").text(),
        ("Linu", "")
    );
    assert_eq!(reads(Some("/proc"), "version").text(), ("Linu", ""));
    assert_eq!(
        reads(None, "/no/such/file").error(),
        "cannot start /bin/sh: its input \"/no/such/file\": No such file or directory (os error 2)"
    );
    // A word need not be text.
    let odd = std::os::unix::ffi::OsStringExt::from_vec(vec![0xff]);
    let words: [remuda_worker::Word; 3] =
        ["printf".into(), "%s".into(), std::ffi::OsString::into(odd)];
    let call = driver.call("exec", &Exec::argv(words));
    assert_eq!(driver.finish(call).stdout, [0xff]);
}

#[test]
fn a_cancel_or_credit_for_a_call_that_is_not_there_is_passed_over() {
    let mut driver = Driver::start();
    driver.send(&ToWorker::Cancel { call: 5 });
    driver.send(&ToWorker::End {
        call: 5,
        grace_ms: 5,
    });
    driver.send(&ToWorker::Credit { call: 5, bytes: 5 });
    assert_eq!(driver.run("echo on").1, "on\n");
}

#[test]
fn nothing_of_a_job_is_left_open_in_the_worker() {
    let mut driver = Driver::start();
    driver.run("true");
    let open = |driver: &Driver| {
        std::fs::read_dir(format!("/proc/{}/fd", driver.pid()))
            .expect("it runs")
            .count()
    };
    let before = open(&driver);
    for _ in 0..50 {
        driver.run("echo a; echo b >&2");
    }
    // A call that comes while the thread of the one before is not yet idle has a thread, and a pipe to wake it, of its own.
    eventually("few more descriptors", || {
        (open(&driver) <= before + 10).then_some(())
    });
    let worker = driver.pid();
    assert_eq!(
        crate::support::processes()
            .iter()
            .filter(|process| process.parent == worker)
            .count(),
        1,
        "the guard alone"
    );
}
