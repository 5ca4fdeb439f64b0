//! How a worker ends, and that nothing it started survives it, whoever is killed.

use crate::support::{Driver, await_sleepers, eventually, processes, sleepers, unique};
use remuda_worker::wire::{FromWorker, MAX_FRAME, ToWorker, encode};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::Duration;

/// A job with a process behind a pipe, one in the background, and one that ignores what can be ignored.
fn stubborn_job(seconds: &str) -> String {
    format!(
        "trap '' TERM HUP INT; sleep {seconds} | cat & (sleep {seconds} >/dev/null 2>&1 </dev/null &) ; sleep {seconds}"
    )
}

fn with_stubborn_job(seconds: &str) -> Driver {
    let mut driver = Driver::start();
    driver.exec(&stubborn_job(seconds));
    await_sleepers(seconds, 3);
    driver
}

/// Reads to the end of the worker's stream, which is the proof that its jobs are dead: checked at that very moment.
fn all_dead_at_the_end(driver: &mut Driver, seconds: &str) {
    let messages = driver.until_end();
    assert_eq!(sleepers(seconds), 0, "the stream ended before the jobs");
    let replies = messages
        .iter()
        .filter(|message| matches!(message, FromWorker::Reply { .. }))
        .count();
    assert_eq!(
        replies, 0,
        "that a job was killed with its worker is no result of it"
    );
}

#[test]
fn a_goodbye_is_answered_and_ends_the_jobs() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    driver.send(&ToWorker::Goodbye);
    assert_eq!(driver.until_end(), [FromWorker::Goodbye]);
    assert_eq!(sleepers(&seconds), 0);
    assert_eq!(driver.wait().code(), Some(0));
}

#[test]
fn a_goodbye_lets_the_driver_have_what_was_said_before() {
    let mut driver = Driver::start();
    driver.call("write", &200_000usize);
    // The answer to a poll overtakes the output, so what is read until the call has written all is not all.
    let mut messages = Vec::new();
    eventually("all is written", || {
        driver.send(&ToWorker::Poll { poll: 0 });
        loop {
            match driver.next() {
                FromWorker::Figures { figures, .. } => {
                    return figures
                        .counters
                        .is_some_and(|counters| !counters.is_empty())
                        .then_some(());
                }
                message => messages.push(message),
            }
        }
    });
    driver.send(&ToWorker::Goodbye);
    messages.extend(driver.until_end());
    let output = messages.iter().map(|message| match message {
        FromWorker::Output { bytes, .. } => bytes.len(),
        _ => 0,
    });
    assert_eq!(output.sum::<usize>(), 200_000);
    assert_eq!(messages.last(), Some(&FromWorker::Goodbye));
}

#[test]
fn a_worker_whose_driver_hangs_up_ends_with_its_jobs() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    driver.hang_up();
    all_dead_at_the_end(&mut driver, &seconds);
    assert_eq!(driver.wait().code(), Some(1));
    assert!(driver.complaint().contains("the driver is gone"));
}

#[test]
fn a_driver_that_is_killed_takes_worker_guard_and_jobs_with_it() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    let guard = driver.guard();
    driver.die();
    await_sleepers(&seconds, 0);
    driver.wait();
    await_gone(guard);
}

#[test]
fn a_worker_that_is_killed_takes_its_jobs_with_it_before_its_stream_ends() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    let guard = driver.guard();
    driver.signal(Signal::KILL);
    all_dead_at_the_end(&mut driver, &seconds);
    await_gone(guard);
}

#[test]
fn jobs_that_have_just_been_started_die_with_a_killed_worker_too() {
    // Killed while it starts many: some are not yet noted with the guard.
    for _ in 0..5 {
        let seconds = unique();
        let mut driver = Driver::start();
        for _ in 0..20 {
            driver.exec(&format!("sleep {seconds}"));
        }
        eventually("the first runs", || (sleepers(&seconds) > 0).then_some(()));
        driver.signal(Signal::KILL);
        all_dead_at_the_end(&mut driver, &seconds);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(sleepers(&seconds), 0);
    }
}

#[test]
fn what_a_users_function_has_started_dies_with_the_worker() {
    let seconds = unique();
    let mut driver = Driver::start();
    let call = driver.call("spawn", &format!("sleep {seconds}; true"));
    driver.finish(call).value::<u32>();
    await_sleepers(&seconds, 1);
    driver.signal(Signal::KILL);
    all_dead_at_the_end(&mut driver, &seconds);
}

#[test]
fn a_signal_that_ends_the_worker_ends_the_jobs_like_a_kill() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    // To the whole group, as from a terminal: the guard is not in it.
    rustix::process::kill_process_group(
        Pid::from_raw(driver.pid()).expect("a process"),
        Signal::TERM,
    )
    .expect("there");
    all_dead_at_the_end(&mut driver, &seconds);
}

#[test]
fn a_worker_without_its_guard_ends_itself_and_its_jobs_and_says_why() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    kill_process(
        Pid::from_raw(driver.guard()).expect("a process"),
        Signal::KILL,
    )
    .expect("there");
    all_dead_at_the_end(&mut driver, &seconds);
    assert_eq!(driver.wait().code(), Some(1));
    assert!(driver.complaint().contains("the guard process has ended"));
}

#[test]
fn a_guard_that_is_asked_to_end_stays_until_the_jobs_are_dead() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    let guard = Pid::from_raw(driver.guard()).expect("a process");
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
        kill_process(guard, signal).expect("it is there");
    }
    // Else the worker would have noticed, and ended the jobs itself.
    std::thread::sleep(Duration::from_millis(300));
    assert!(sleepers(&seconds) > 0);
    // Stopped, it is sent a hang-up by the kernel when its worker dies: its group has lost its last relation. In a name space
    // of processes it has not, where the first process is of the same session; then the test does as the kernel does.
    kill_process(guard, Signal::STOP).expect("it is there");
    driver.signal(Signal::KILL);
    for signal in [Signal::HUP, Signal::CONT] {
        let _ = kill_process(guard, signal);
    }
    all_dead_at_the_end(&mut driver, &seconds);
    await_gone(guard.as_raw_nonzero().get());
}

#[test]
fn a_stopped_worker_whose_driver_is_killed_leaves_nothing() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    let guard = driver.guard();
    driver.stop();
    driver.die();
    await_sleepers(&seconds, 0);
    driver.wait();
    await_gone(guard);
}

#[test]
fn a_stopped_worker_that_is_killed_by_its_driver_leaves_nothing() {
    let seconds = unique();
    let mut driver = with_stubborn_job(&seconds);
    driver.stop();
    driver.signal(Signal::KILL);
    all_dead_at_the_end(&mut driver, &seconds);
}

#[test]
fn silence_ends_a_worker_with_its_jobs_and_any_word_keeps_it() {
    let seconds = unique();
    let mut driver = Driver::launch(|_| ());
    driver.open();
    driver.exec(&format!("sleep {seconds}"));
    await_sleepers(&seconds, 1);
    // From here on it wants a word every three seconds, and has one for a while.
    driver.send(&ToWorker::Welcome { silence_ms: 3000 });
    for poll in 0..8 {
        std::thread::sleep(Duration::from_millis(500));
        driver.poll(poll);
    }
    assert_eq!(sleepers(&seconds), 1);
    all_dead_at_the_end(&mut driver, &seconds);
    assert!(
        driver
            .complaint()
            .contains("the driver has been silent for too long")
    );
}

#[test]
fn a_worker_that_was_stopped_for_longer_than_its_silence_reads_before_it_judges() {
    let mut driver = Driver::launch(|_| ());
    driver.open();
    driver.send(&ToWorker::Welcome { silence_ms: 2000 });
    driver.poll(1);
    driver.stop();
    driver.send(&ToWorker::Poll { poll: 2 });
    std::thread::sleep(Duration::from_millis(2500));
    driver.signal(Signal::CONT);
    assert!(matches!(driver.next(), FromWorker::Figures { poll: 2, .. }));
}

#[test]
fn a_worker_that_was_stopped_together_with_its_driver_waits_anew() {
    let mut driver = Driver::launch(|_| ());
    driver.open();
    driver.send(&ToWorker::Welcome { silence_ms: 2000 });
    driver.poll(1);
    driver.stop();
    std::thread::sleep(Duration::from_millis(3000));
    driver.signal(Signal::CONT);
    // It has waited for two seconds and more, but it was not there.
    std::thread::sleep(Duration::from_millis(700));
    driver.poll(2);
    driver.until_end();
    assert!(
        driver
            .complaint()
            .contains("the driver has been silent for too long")
    );
}

#[test]
fn garbage_from_the_driver_ends_the_worker_with_a_clear_word() {
    let oversize = u32::try_from(MAX_FRAME + 1).expect("small").to_le_bytes();
    let cases: [(&[u8], &str); 3] = [
        (
            b"GET / HTTP/1.1\r\n\r\n",
            "frame of 542393671 bytes, over the limit of 1048576",
        ),
        (
            &oversize,
            "frame of 1048577 bytes, over the limit of 1048576",
        ),
        (&[2, 0, 0, 0, 99, 99, b'\n'], "malformed frame"),
    ];
    for (bytes, word) in cases {
        let seconds = unique();
        let mut driver = with_stubborn_job(&seconds);
        driver.send_bytes(bytes);
        all_dead_at_the_end(&mut driver, &seconds);
        let complaint = driver.complaint();
        assert!(complaint.contains(word), "{complaint}");
    }
}

#[test]
fn half_a_frame_and_a_number_used_twice_end_the_worker_with_a_clear_word() {
    let mut driver = Driver::start();
    driver.send_bytes(&[200, 0, 0, 0, 1]);
    driver.hang_up();
    driver.until_end();
    assert!(
        driver
            .complaint()
            .contains("the driver is gone: the stream ended after 5 of a frame's 205 bytes")
    );

    let mut driver = Driver::start();
    for _ in 0..2 {
        driver.send(&ToWorker::Call {
            call: 5,
            function: 7,
            args: Vec::new(),
        });
    }
    driver.call("spin", &());
    let spin = ToWorker::Call {
        call: 0,
        function: 0,
        args: Vec::new(),
    };
    driver.send(&spin);
    driver.until_end();
    assert!(driver.complaint().contains("twice"));
}

#[test]
fn a_driver_that_reads_no_more_does_not_keep_the_worker() {
    // Its pipe is full, its calls wait for credits; still it sees the end of its input.
    let mut driver = Driver::start();
    for _ in 0..4 {
        driver.exec("yes");
    }
    std::thread::sleep(Duration::from_millis(300));
    driver.hang_up();
    driver.wait();
}

#[test]
fn a_worker_at_a_terminal_says_that_it_is_not_for_one() {
    // `script` gives its command a terminal.
    let program = std::env::current_exe().expect("this program");
    let line = format!(
        "{} --exact support::worker_process --nocapture",
        program.display()
    );
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("REMUDA_TEST_WORKER", "1")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else { return }; // There is no `script` here.
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains(": a worker talks to a driver, not to a terminal"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_terminal_as_output_alone_rewrites_no_byte() {
    let mut driver = Driver::behind_a_terminal();
    driver.open();
    driver.send(&ToWorker::Welcome { silence_ms: 0 });
    // Line feeds, tabs, and what a terminal would take for commands of its own.
    let (exit, out, _) =
        driver.run(r"printf 'a\nb\tc\r\n\004\003\021\023\377' | od -An -tx1; printf '1\n2\n'");
    assert_eq!(exit, remuda_worker::Exit::Code(0));
    assert!(out.ends_with("ff\n1\n2\n"), "{out:?}");
    let call = driver.call("zeros", &100_000usize);
    assert_eq!(driver.finish(call).value::<Vec<u8>>().len(), 100_000);
    let call = driver.exec(r"seq 1 20000");
    assert_eq!(driver.finish(call).stdout.len(), 108_894);
}

#[test]
fn a_worker_that_could_not_learn_how_its_jobs_end_does_not_start() {
    // Ignored signals are inherited.
    let mut driver = Driver::launch(|command| {
        let program = command.get_program().to_owned();
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let mut env = std::process::Command::new("env");
        env.arg("--ignore-signal=CHLD")
            .arg(program)
            .args(args)
            .env("REMUDA_TEST_WORKER", "1");
        env.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        *command = env;
    });
    assert_eq!(driver.wait().code(), Some(1));
    assert!(
        driver
            .complaint()
            .contains("cannot start: SIGCHLD is ignored here")
    );
}

#[test]
fn a_worker_in_a_job_of_a_worker_ends_with_the_outer_one() {
    // As when a job runs `remuda run`: the inner worker's jobs have process groups of which the outer one knows nothing.
    let seconds = unique();
    let mut frames = Vec::new();
    let exec = remuda_worker::Exec::shell(format!("sleep {seconds}"));
    let args = postcard::to_allocvec(&exec).expect("an argument");
    let exec_index = 1; // "count" is before it.
    encode(
        &ToWorker::Call {
            call: 0,
            function: exec_index,
            args,
        },
        &mut frames,
    )
    .expect("small");
    let escaped: String = frames.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let program = std::env::current_exe().expect("this program");
    let inner = format!(
        "(printf '{escaped}'; sleep 1000000) | {} --exact support::worker_process --nocapture > /dev/null",
        program.display()
    );
    let mut driver = Driver::start();
    driver.exec(&inner);
    await_sleepers(&seconds, 1);
    driver.signal(Signal::KILL);
    all_dead_at_the_end(&mut driver, &seconds);
}

fn await_gone(pid: i32) {
    eventually("the process ends", || {
        processes()
            .iter()
            .all(|process| process.pid != pid)
            .then_some(())
    });
}
