//! Calls on a worker process, and what they print.

use std::time::Duration;

use futures::future::join_all;
use remuda::{Outcome, Resources};
use remuda_driver::{CallError, Runtime};
use remuda_tests::{eventually, on_both_adapters};
use remuda_worker::wire::MAX_FRAME;
use remuda_worker::{Exec, Exit};

use crate::support::{ProcessLease, cluster, gather, lease, mark, pid};

async fn a_call_gives_its_result_or_what_the_function_says<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 1, 1, &mark());
    let lease = lease(&cluster, 1).await;
    assert_eq!(lease.call("square", &7_u64).await, Ok(49_u64));
    let error = lease.call::<_, u64>("square", &u64::MAX).await;
    let text = "18446744073709551615 squared is too large";
    assert_eq!(error, Err(CallError::Remote(text.into())));
    let error = lease.call::<_, ()>("fail", "no, thank you").await;
    assert_eq!(error, Err(CallError::Remote("no, thank you".into())));
    let error = lease.call::<_, ()>("panic", "at the disco").await;
    let text = "panicked: at the disco";
    assert_eq!(error, Err(CallError::Remote(text.into())));
    // The same process goes on.
    assert_eq!(lease.call("square", &8_u64).await, Ok(64_u64));
    lease.finish(Outcome::Ok);
    assert_eq!(cluster.counts().machines.lost, 0);
    cluster.shutdown().await;
}

fn invalid<T: std::fmt::Debug>(result: Result<T, CallError>) -> String {
    match result {
        Err(CallError::Invalid(text)) => text,
        other => panic!("expected a call that cannot be, not {other:?}"),
    }
}

async fn what_cannot_be_called_or_read_is_said<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 1, 1, &mark());
    let lease = lease(&cluster, 1).await;
    let text = invalid(lease.call::<_, ()>("cube", &1_u64).await);
    assert!(
        text.contains("has no function `cube`; it has `both`, `complain`"),
        "{text}"
    );

    let text = invalid(lease.call::<_, ()>("fail", &"x".repeat(MAX_FRAME)).await);
    assert!(text.contains("over the limit of 1048576"), "{text}");

    let error = lease.call::<_, Vec<u8>>("zeros", &MAX_FRAME).await;
    let Err(CallError::Remote(text)) = error else {
        panic!("expected a remote error, not {error:?}");
    };
    assert!(
        text.contains("which a frame of at most 1048576 does not hold"),
        "{text}"
    );

    let text = invalid(lease.call::<_, String>("square", &7_u64).await);
    assert!(
        text.contains("the result is not a alloc::string::String"),
        "{text}"
    );

    let error = lease.call::<_, u64>("square", "seven").await;
    let Err(CallError::Remote(text)) = error else {
        panic!("expected a remote error, not {error:?}");
    };
    assert!(text.contains("the argument of \"square\""), "{text}");

    assert_eq!(lease.call("square", &7_u64).await, Ok(49_u64));
    lease.finish(Outcome::Ok);
    assert_eq!(cluster.counts().machines.lost, 0);
    cluster.shutdown().await;
}

async fn output_comes_in_order_and_stays_apart<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 1, 1, &mark());
    let lease = lease(&cluster, 1).await;
    let (stdout, stderr, result) = gather(lease.call::<_, ()>("both", &3000_u32)).await;
    assert_eq!(result, Ok(()));
    let lines = |word: &str| {
        (0..3000)
            .map(|n| format!("{word} {n}\n"))
            .collect::<String>()
    };
    assert!(stdout == lines("out").into_bytes());
    assert!(stderr == lines("err").into_bytes());

    let job = Exec::shell("for n in 1 2 3; do echo out $n; echo err $n >&2; done; exit 3");
    let (stdout, stderr, exit) = gather(lease.call("exec", &job)).await;
    assert_eq!(exit, Ok(Exit::Code(3)));
    assert_eq!(stdout, b"out 1\nout 2\nout 3\n");
    assert_eq!(stderr, b"err 1\nerr 2\nerr 3\n");

    // Much more than the window.
    let (stdout, _, result) = gather(lease.call::<_, ()>("print", &5_000_001_u64)).await;
    assert_eq!(result, Ok(()));
    assert_eq!(stdout.len(), 5_000_001);
    assert!(
        stdout
            .iter()
            .enumerate()
            .all(|(at, &byte)| usize::from(byte) == at % 251)
    );

    // Unread output holds nothing up.
    assert_eq!(lease.call::<_, ()>("print", &5_000_001_u64).await, Ok(()));
    lease.finish(Outcome::Ok);
    cluster.shutdown().await;
}

async fn sixty_four_calls_run_at_once<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 64, 1, &mark());
    let leases = join_all((0..64).map(|_| lease(&cluster, 1))).await;
    assert_eq!(cluster.counts().running, 64);
    // Each returns only when all of them run.
    let calls = leases
        .iter()
        .map(|lease| lease.call::<_, ()>("meet", &64_u32));
    assert!(
        join_all(calls)
            .await
            .into_iter()
            .all(|result| result == Ok(()))
    );
    // And all print at once, through one pipe.
    let calls = leases
        .iter()
        .map(|lease| gather(lease.call::<_, ()>("print", &300_000_u64)));
    for (stdout, _, result) in join_all(calls).await {
        assert_eq!((stdout.len(), result), (300_000, Ok(())));
        assert!(
            stdout
                .iter()
                .enumerate()
                .all(|(at, &byte)| usize::from(byte) == at % 251)
        );
    }
    leases
        .into_iter()
        .for_each(|lease| lease.finish(Outcome::Ok));
    cluster.shutdown().await;
}

async fn pipes_that_are_full_both_ways_hold_nobody_up<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 8, 1, &mark());
    let lease = lease(&cluster, 8).await;
    let args = (vec![1_u8; MAX_FRAME - 100], 3_000_000_u64);
    let calls: Vec<_> = (0..8)
        .map(|_| lease.call::<_, usize>("swallow", &args))
        .collect();
    // Nobody reads for a while, so that all that can fill up is full.
    remuda_tests::sleep(&runtime, Duration::from_millis(200)).await;
    for (stdout, _, result) in join_all(calls.into_iter().map(gather)).await {
        assert_eq!((stdout.len(), result), (3_000_000, Ok(MAX_FRAME - 100)));
    }
    lease.finish(Outcome::Ok);
    cluster.shutdown().await;
}

async fn a_reader_that_takes_its_time_holds_up_its_own_call_alone<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 2, 1, &mark());
    let lease = lease(&cluster, 2).await;
    let mut slow = lease.call::<_, ()>("print", &2_000_000_u64);
    let first = slow.output().await.expect("it prints").bytes.len();
    for _ in 0..3 {
        let (stdout, _, result) = gather(lease.call::<_, ()>("print", &1_000_000_u64)).await;
        assert_eq!((stdout.len(), result), (1_000_000, Ok(())));
    }
    let (rest, _, result) = gather(slow).await;
    assert_eq!((first + rest.len(), result), (2_000_000, Ok(())));
    cluster.shutdown().await;
}

async fn polls_bring_figures_and_counters<R: Runtime>(runtime: R) {
    let config = crate::support::config(1, 1).poll_interval(Duration::from_millis(20));
    let system = crate::support::system(&runtime, 1, &mark(), &["serve"]);
    let options = crate::support::options();
    let cluster = remuda_driver::Cluster::new(runtime.clone(), system, config, options).unwrap();
    let lease = lease(&cluster, 1).await;
    for n in [2_i64, 3] {
        assert_eq!(lease.call("count", &("apples", n)).await, Ok(()));
    }
    eventually(&runtime, "the counters arrive", || {
        let figures = cluster.machines().pop().expect("one machine").figures;
        figures.counters == Some(vec![("apples".into(), 5)])
    })
    .await;
    let status = cluster.machines().pop().expect("one machine");
    let memory = status.figures.memory.expect("this system has memory");
    assert!(memory.total > 1 << 20 && memory.used > 0 && memory.used <= memory.total);
    let disk = status.figures.disk.expect("this is on a disk");
    assert!(disk.total > 0 && disk.used <= disk.total);
    let load = status.figures.load.expect("there are load averages");
    assert!(load.iter().all(|load| (0.0..1e6).contains(load)));
    assert!(
        status.to_string().ends_with(" counters apples:5"),
        "{status}"
    );
    assert_eq!(
        (status.used, status.offer),
        (Resources::procs(1), Resources::procs(1))
    );
    cluster.shutdown().await;
}

async fn a_discard_reaches_the_worker_and_its_failure_is_only_logged<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 1, 1, &mark());
    let mut lost = cluster.lost_tasks();
    let lease: ProcessLease<R> = lease(&cluster, 1).await;
    for task in [11, 12, 13] {
        lease.assign(remuda::TaskId(task)).unwrap();
    }
    cluster.discard(lease.id(), remuda::TaskId(12)).unwrap();
    assert_eq!(
        lost.next().await.map(|lost| lost.task),
        Some(remuda::TaskId(12))
    );
    let limit = runtime.now() + crate::support::PATIENCE;
    while lease.call::<_, Vec<u64>>("discarded", &()).await != Ok(vec![12]) {
        assert!(runtime.now() < limit, "the worker never heard of it");
    }
    // The others go with their machine, in order.
    crate::support::send(pid(&lease), rustix::process::Signal::KILL);
    assert_eq!(
        lost.next().await.map(|lost| lost.task),
        Some(remuda::TaskId(11))
    );
    assert_eq!(
        lost.next().await.map(|lost| lost.task),
        Some(remuda::TaskId(13))
    );
    drop(lease);
    cluster.shutdown().await;
}

on_both_adapters!(
    a_call_gives_its_result_or_what_the_function_says,
    what_cannot_be_called_or_read_is_said,
    output_comes_in_order_and_stays_apart,
    sixty_four_calls_run_at_once,
    pipes_that_are_full_both_ways_hold_nobody_up,
    a_reader_that_takes_its_time_holds_up_its_own_call_alone,
    polls_bring_figures_and_counters,
    a_discard_reaches_the_worker_and_its_failure_is_only_logged,
);
