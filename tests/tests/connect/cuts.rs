//! Connections that are cut: for a short time nobody notices, after a long one the jobs are dead before they run elsewhere.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use remuda::MachineId;
use remuda_driver::{CallError, Options, Runtime};
use remuda_tests::{eventually, on_both_adapters, sleep, within};
use remuda_worker::{Exec, Exit};

use crate::support::{
    Joined, KeyFile, MachineLease, Machines, Mode, Relay, alive, await_nothing, cluster_with,
    joining, listen, mark, procs,
};

/// A cluster of one worker behind a relay.
async fn relayed<R: Runtime>(
    runtime: &R,
    mark: &str,
    key: &KeyFile,
    reconnect: Duration,
) -> (Machines<R>, Relay, Joined, MachineLease<R>) {
    let listener = listen(runtime, key);
    let relay = Relay::new(listener.address());
    // The driver says something all the time, whether it is answered or not.
    let config = joining()
        .poll_interval(Duration::from_millis(100))
        .silent_polls(0);
    let mut options = Options::default();
    options.poll_timeout = Duration::from_millis(100);
    let cluster = cluster_with(runtime, &listener, config, options);
    let worker = Joined::start(mark, relay.address, key, reconnect, "");
    let lease = cluster.request(procs(1)).await.expect("a lease");
    // The port stays open as long as the relay is there.
    std::mem::forget(listener);
    (cluster, relay, worker, lease)
}

async fn output_that_is_cut_again_and_again_is_complete<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let (cluster, relay, worker, lease) =
        relayed(&runtime, &mark, &key, Duration::from_secs(30)).await;
    let length = 6_000_000_u64;
    let mut call = lease.call::<_, ()>("print", &length);
    let (mut read, mut next_cut) = (0_u64, 100_000);
    while let Some(chunk) = call.output().await {
        for byte in &chunk.bytes {
            assert_eq!(u64::from(*byte), read % 251, "byte {read}");
            read += 1;
        }
        if read >= next_cut && next_cut < 2_000_000 {
            next_cut += 190_000;
            relay.cut();
        }
    }
    assert_eq!(read, length);
    assert_eq!(call.await, Ok(()));
    assert!(relay.connections() > 5, "{}", relay.connections());
    assert_eq!(cluster.counts().machines.ok, 1);
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

async fn calls_under_cuts_are_answered_once_each<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let (cluster, relay, worker, lease) =
        relayed(&runtime, &mark, &key, Duration::from_secs(30)).await;
    let lease = &lease;
    let call = |n: u64| async move {
        let large = vec![7_u8; 30_000];
        let length = lease.call::<_, usize>("swallow", &(large, 2000_u64)).await;
        (n, length)
    };
    let mut calls: FuturesUnordered<_> = (0..16).map(call).collect();
    let (mut made, mut answered) = (16, 0);
    while let Some((n, length)) = calls.next().await {
        assert_eq!(length, Ok(30_000), "call {n}");
        answered += 1;
        if answered % 25 == 0 {
            relay.cut();
        }
        if made < 300 {
            calls.push(call(made));
            made += 1;
        }
    }
    assert_eq!(answered, 300);
    assert!(relay.connections() > 5, "{}", relay.connections());
    assert_eq!(cluster.counts().machines.ok, 1);
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

/// Nothing arrives for a while, and no end of a connection either.
async fn a_job_lives_through_a_short_silence<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let (cluster, relay, worker, lease) =
        relayed(&runtime, &mark, &key, Duration::from_secs(8)).await;
    let job = Exec::shell(
        "n=0; while [ $n -lt 60 ]; do echo $n; n=$((n+1)); sleep 0.1; done; echo $REMUDA_X",
    );
    let mut call = lease.call::<_, Exit>("exec", &job);
    let mut output = call.output().await.expect("it begins").bytes;
    relay.set(Mode::Swallow);
    sleep(&runtime, Duration::from_secs(4)).await;
    relay.set(Mode::Pass);
    while let Some(chunk) = call.output().await {
        output.extend(chunk.bytes);
    }
    let expected: String = (0..60).map(|n| format!("{n}\n")).collect();
    assert_eq!(String::from_utf8_lossy(&output), expected + "\n");
    assert_eq!(call.await, Ok(Exit::Code(0)));
    assert!(
        relay.connections() > 1,
        "it came back on another connection"
    );
    assert_eq!(lease.id(), MachineId::joined(0));
    assert_eq!(cluster.counts().machines.ok, 1);
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

/// Whichever side no longer hears the other: the worker has ended its jobs when the driver says that they are lost.
async fn lost_jobs_are_dead<R: Runtime>(runtime: &R, mode: Mode) {
    let (mark, key) = (mark(), KeyFile::new());
    let (cluster, relay, worker, lease) =
        relayed(runtime, &mark, &key, Duration::from_secs(2)).await;
    let call = lease.call::<_, Exit>("exec", &Exec::shell(format!("sleep {mark}")));
    let sleeping = format!("sleep {mark} ");
    let sleeps = || {
        alive(&mark)
            .iter()
            .any(|process| process.command == sleeping)
    };
    eventually(runtime, "the job runs", sleeps).await;
    relay.set(mode);
    if mode == Mode::Refuse {
        relay.cut();
    }
    let lost = within(runtime, "the loss", call).await;
    assert!(!sleeps(), "the job is dead");
    let Err(CallError::Lost(why)) = lost else {
        panic!("expected a loss, not {lost:?}");
    };
    assert_eq!(why, "it was out of reach for 7s");
    let said = worker.said(runtime).await;
    assert!(said.contains("was out of reach for 2s"), "{said}");
    await_nothing(runtime, &mark).await;
    cluster.shutdown().await;
}

async fn a_job_is_dead_before_a_long_silence_is_over<R: Runtime>(runtime: R) {
    lost_jobs_are_dead(&runtime, Mode::Swallow).await;
}

async fn a_job_is_dead_where_only_the_driver_hears_nothing<R: Runtime>(runtime: R) {
    lost_jobs_are_dead(&runtime, Mode::SwallowWorkers).await;
}

async fn a_job_is_dead_where_connections_are_refused<R: Runtime>(runtime: R) {
    lost_jobs_are_dead(&runtime, Mode::Refuse).await;
}

on_both_adapters!(
    output_that_is_cut_again_and_again_is_complete,
    calls_under_cuts_are_answered_once_each,
    a_job_lives_through_a_short_silence,
    a_job_is_dead_before_a_long_silence_is_over,
    a_job_is_dead_where_only_the_driver_hears_nothing,
    a_job_is_dead_where_connections_are_refused,
);
