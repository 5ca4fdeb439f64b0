//! Programs that are no proper workers: a start that fails or a machine that is lost, with a clear word, and the driver
//! goes on with another machine.

use std::time::Duration;

use futures::future::join_all;
use remuda::{MachineId, Resources};
use remuda_driver::{CallError, Cluster, ProcessSystem, RequestError, Runtime};
use remuda_tests::{eventually, on_both_adapters};

use crate::support::{
    FUNCTIONS, ProcessCluster, await_nothing, cluster, config, lease, mark, options, procs, reason,
    served_by, system, template,
};

/// A cluster of one machine at a time, of which the first does as `mode` says.
fn one_bad_machine<R: Runtime>(runtime: &R, mark: &str, mode: &[&str]) -> ProcessCluster<R> {
    let system = system(runtime, 2, mark, mode).hello_timeout(Duration::from_secs(20));
    Cluster::new(runtime.clone(), system, config(2, 1), options()).expect("a cluster")
}

/// What is said of a first machine that does not start; the second serves.
async fn start_error<R: Runtime>(runtime: &R, mode: &[&str]) -> String {
    let mark = mark();
    let cluster = one_bad_machine(runtime, &mark, mode);
    assert_eq!(served_by(&cluster).await, MachineId(1), "{mode:?}");
    assert_eq!(cluster.counts().machines.lost, 0, "{mode:?}");
    let error = cluster.last_start_error();
    cluster.shutdown().await;
    await_nothing(runtime, &mark).await;
    // The command is named in front.
    let (command, what) = error
        .split_once("`: ")
        .expect("the command is in backquotes");
    assert!(command.contains("test-worker {procs} {machine}"), "{error}");
    what.to_owned()
}

/// What is said of a first machine that is lost; the second serves.
async fn loss<R: Runtime>(runtime: &R, mode: &[&str]) -> String {
    let mark = mark();
    let cluster = one_bad_machine(runtime, &mark, mode);
    assert_eq!(served_by(&cluster).await, MachineId(1), "{mode:?}");
    assert_eq!(cluster.counts().machines.lost, 1, "{mode:?}");
    assert_eq!(cluster.last_start_error(), "");
    let reason = reason(runtime, &cluster, MachineId(0)).await;
    cluster.shutdown().await;
    await_nothing(runtime, &mark).await;
    reason
}

async fn a_program_that_is_no_worker_is_a_failed_start_with_a_clear_word<R: Runtime>(runtime: R) {
    let cases: [(&[&str], &str); 8] = [
        (
            &["many-names"],
            "it has 500000 functions, over the limit of 1000",
        ),
        (
            &["exit", "3"],
            "it ended (exit status: 3) before its hello; it printed: cannot find the moon",
        ),
        (
            &["noise"],
            "no worker's hello in the first 65536 bytes; they end \"one line of noise\\none line",
        ),
        (
            &["banner", "65537"],
            "no worker's hello in the first 65536 bytes; they end \"bbbbbbbb",
        ),
        (
            &["version"],
            "the worker speaks version 3 of the protocol, we speak 2",
        ),
        (&["no-hello"], "its first frame is no hello"),
        (
            &["long-hello"],
            "frame of 1048577 bytes, over the limit of 1048576",
        ),
        (&["half-hello"], "it ended (exit status: 0) amid its hello"),
    ];
    let errors = join_all(cases.map(|(mode, _)| start_error(&runtime, mode))).await;
    for ((mode, expected), error) in cases.iter().zip(errors) {
        assert!(error.starts_with(expected), "{mode:?}: {error:?}");
        assert!(error.len() < 1000, "{mode:?}: {} bytes", error.len());
        let plain = |c: char| c == '\n' || c == '…' || c.is_ascii_graphic() || c == ' ';
        assert!(error.chars().all(plain), "{mode:?}: {error:?}");
        // What belongs to the protocol is not shown as printed.
        let prints = ["exit", "noise", "banner"].contains(&mode[0]);
        assert_eq!(
            error.contains("it printed: "),
            prints,
            "{mode:?}: {error:?}"
        );
    }
}

async fn f09_a_worker_that_offers_less_is_a_failed_start_and_ends<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = one_bad_machine(&runtime, &mark, &["fewer"]);
    assert_eq!(served_by(&cluster).await, MachineId(1));
    let error = cluster.last_start_error();
    let (name, what) = error.split_once(": ").expect("its name stands before");
    assert!(name.starts_with("m0 (pid "), "{error}");
    assert_eq!(what, "it offers 1 procs, and 2 are needed");
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn r04_a_worker_that_offers_less_may_be_admitted<R: Runtime>(runtime: R) {
    let mark = mark();
    let mut options = options();
    options.admit_less = true;
    let system = system(&runtime, 2, &mark, &["fewer"]);
    let cluster = Cluster::new(runtime.clone(), system, config(2, 1), options).expect("a cluster");
    assert_eq!(served_by(&cluster).await, MachineId(0));
    assert_eq!(cluster.machines()[0].offer, Resources::procs(1));
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn s19_other_functions_are_a_failed_start_that_names_the_difference<R: Runtime>(runtime: R) {
    let error = start_error(&runtime, &["others"]).await;
    let lacks: Vec<_> = FUNCTIONS.iter().filter(|&&name| name != "exec").collect();
    let lacks: Vec<_> = lacks.iter().map(|name| format!("`{name}`")).collect();
    let lacks = lacks.join(", ");
    assert_eq!(
        error,
        format!("its functions differ: it lacks {lacks} and has `cube` besides")
    );
}

async fn a_hello_that_never_comes_is_a_failed_start_that_shows_the_banner<R: Runtime>(runtime: R) {
    let mark = mark();
    let system = system(&runtime, 2, &mark, &["mute"]).hello_timeout(Duration::from_secs(2));
    let cluster = Cluster::new(runtime.clone(), system, config(2, 1), options()).unwrap();
    assert_eq!(served_by(&cluster).await, MachineId(1));
    let error = cluster.last_start_error();
    assert!(
        error.ends_with(": it said no hello within 2s; it printed: Password:"),
        "{error}"
    );
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_worker_that_its_template_queues_is_timed_when_its_output_begins<R: Runtime>(runtime: R) {
    let mark = mark();
    let template = |prints: &str| {
        let script = format!("sleep 1; {prints}exec \"$@\"");
        let mut words = vec!["sh".into(), "-c".into(), script, mark.clone()];
        words.extend(template(&mark, &["serve"]));
        words
    };
    let mut options = options();
    options.start_timeout = Duration::from_millis(900);
    let short = Duration::from_millis(400);
    for prints in ["", "echo ready; "] {
        let system = ProcessSystem::new(runtime.clone(), template(prints)).queued();
        let system = system.hello_timeout(short);
        let cluster = Cluster::new(runtime.clone(), system, config(2, 1), options.clone());
        let cluster = cluster.expect("a cluster");
        assert_eq!(served_by(&cluster).await, MachineId(0));
        cluster.shutdown().await;
    }
    // One that begins and does not go on, and one that ends in the queue.
    for (prints, said) in [
        (
            "echo ready; sleep 9; ",
            "it said no hello within 400ms; it printed: ready",
        ),
        ("exit 3; ", "it ended (exit status: 3) before its hello"),
    ] {
        let system = ProcessSystem::new(runtime.clone(), template(prints)).queued();
        let system = system.hello_timeout(short);
        let cluster = Cluster::new(runtime.clone(), system, config(2, 1), options.clone());
        let cluster = cluster.expect("a cluster");
        // The start goes on when its request has expired.
        let request = cluster.request(procs(1)).timeout(short).await;
        assert_eq!(request.unwrap_err(), RequestError::Expired);
        eventually(&runtime, said, || {
            cluster.last_start_error().ends_with(said)
        })
        .await;
        cluster.shutdown().await;
    }
    await_nothing(&runtime, &mark).await;
}

async fn a_banner_of_up_to_64_kib_is_passed_over<R: Runtime>(runtime: R) {
    for length in ["1", "65536"] {
        let cluster = one_bad_machine(&runtime, &mark(), &["banner", length]);
        assert_eq!(served_by(&cluster).await, MachineId(0));
        assert_eq!(cluster.last_start_error(), "");
        cluster.shutdown().await;
    }
}

/// A client that does not read: the worker has its credits and no more.
async fn output_without_credits_is_a_breach_of_the_protocol<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = one_bad_machine(&runtime, &mark, &["flood"]);
    let first = lease(&cluster, 1).await;
    let call = first.call::<_, u64>("square", &7_u64);
    eventually(&runtime, "the machine is lost", || first.is_lost()).await;
    let reason = reason(&runtime, &cluster, MachineId(0)).await;
    let expected = "it broke the protocol: it sent 65536 bytes of output with ";
    assert!(reason.starts_with(expected), "{reason}");
    assert!(matches!(call.await, Err(CallError::Lost(_))));
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_breach_of_the_protocol_loses_the_machine_with_a_clear_word<R: Runtime>(runtime: R) {
    let cases: [(&[&str], &str); 11] = [
        (
            &["empty-chunks"],
            "it broke the protocol: it sent an empty chunk of output",
        ),
        (
            &["garbage"],
            "it broke the protocol: frame of 542393671 bytes, over the limit of 1048576",
        ),
        (&["malformed"], "it broke the protocol: malformed frame"),
        (
            &["long-frame"],
            "it broke the protocol: frame of 1048577 bytes, over the limit of 1048576",
        ),
        (
            &["half-frame"],
            "its process ended (exit status: 0); the stream ended after 5 of a frame's 205 bytes",
        ),
        (
            &["two-hellos"],
            "it broke the protocol: it said hello twice",
        ),
        (
            &["wrong-reply"],
            "it broke the protocol: it answered a call that does not run",
        ),
        (
            &["wrong-output"],
            "it broke the protocol: it sent output of a call that does not run",
        ),
        (
            &["big-chunk"],
            "it broke the protocol: it sent a chunk of 65537 bytes, over the limit of 65536",
        ),
        (
            &["die"],
            "its process ended (exit status: 7); it printed: these are my last words",
        ),
        (&["close"], "it closed its output"),
    ];
    let reasons = join_all(cases.map(|(mode, _)| loss(&runtime, mode))).await;
    for ((mode, expected), reason) in cases.iter().zip(reasons) {
        assert!(reason.starts_with(expected), "{mode:?}: {reason:?}");
    }
}

async fn standard_error_is_drained_and_only_its_tail_is_kept<R: Runtime>(runtime: R) {
    let mark = mark();
    // Far more than a pipe holds, before the hello and during a call, without a line's end.
    let cluster = one_bad_machine(&runtime, &mark, &["stderr", "3000000"]);
    let lease = lease(&cluster, 2).await;
    assert_eq!(lease.id(), MachineId(0));
    assert_eq!(lease.call("complain", &3_000_000_usize).await, Ok(()));
    crate::support::send(crate::support::pid(&lease), rustix::process::Signal::KILL);
    let reason = reason(&runtime, &cluster, MachineId(0)).await;
    assert!(reason.ends_with("xxx and that is all"), "{reason}");
    assert!(reason.len() < 3000, "{} bytes", reason.len());
    drop(lease);
    cluster.shutdown().await;
}

async fn a_template_that_cannot_start_anything_fails_requests_with_the_reason<R: Runtime>(
    runtime: R,
) {
    let cases: [(&[&str], &str); 3] = [
        (
            &["sh", "-c", "exit 3"],
            "`sh -c exit 3`: it ended (exit status: 3) before its hello",
        ),
        (
            &["/no/such/program"],
            "`/no/such/program`: it cannot be run: No such file or directory (os error 2)",
        ),
        (&[], "the launch template is empty"),
    ];
    for (template, expected) in cases {
        let template = template.iter().map(|&word| word.to_owned()).collect();
        let system = ProcessSystem::new(runtime.clone(), template).functions(FUNCTIONS);
        let cluster = Cluster::new(runtime.clone(), system, config(1, 2), options()).unwrap();
        let error = cluster.request(procs(1)).await.unwrap_err();
        assert_eq!(error, RequestError::NoMachines(expected.into()));
        assert_eq!(cluster.counts().queued, 0);
        cluster.shutdown().await;
    }
}

async fn the_template_is_told_procs_and_machine<R: Runtime>(runtime: R) {
    // The test worker is told both in its first words, and would not serve otherwise.
    let mark = mark();
    let cluster = cluster(&runtime, 3, 2, &mark);
    let leases = [lease(&cluster, 3).await, lease(&cluster, 3).await];
    for lease in &leases {
        let command = std::fs::read(format!("/proc/{}/cmdline", lease.handle().pid())).unwrap();
        let command = String::from_utf8(command).unwrap().replace('\0', " ");
        let words = format!("test-worker 3 {} {mark} serve ", lease.id());
        assert!(command.ends_with(&words), "{command}");
    }
    drop(leases);
    cluster.shutdown().await;
}

on_both_adapters!(
    a_program_that_is_no_worker_is_a_failed_start_with_a_clear_word,
    f09_a_worker_that_offers_less_is_a_failed_start_and_ends,
    r04_a_worker_that_offers_less_may_be_admitted,
    s19_other_functions_are_a_failed_start_that_names_the_difference,
    a_hello_that_never_comes_is_a_failed_start_that_shows_the_banner,
    a_worker_that_its_template_queues_is_timed_when_its_output_begins,
    a_banner_of_up_to_64_kib_is_passed_over,
    output_without_credits_is_a_breach_of_the_protocol,
    a_breach_of_the_protocol_loses_the_machine_with_a_clear_word,
    standard_error_is_drained_and_only_its_tail_is_kept,
    a_template_that_cannot_start_anything_fails_requests_with_the_reason,
    the_template_is_told_procs_and_machine,
);
