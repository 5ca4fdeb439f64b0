//! How a cluster ends: asked to, or because nobody holds it any more.

use futures::future::join;
use futures::task::noop_waker;
use remuda::Demand;
use remuda_driver::{CallError, Options, RequestError, Runtime, StartError};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{
    SHORT, block_on, cluster, cluster_with, config, gone, idle, lease, one_machine, procs, queued,
};

/// Waits neither for an end nor for a death.
fn hasty() -> Options {
    let mut options = Options::default();
    options.stop_timeout = SHORT;
    options.kill_timeout = SHORT;
    options
}

async fn s22_a_shutdown_ends_what_waits_and_what_runs<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 2).await;
    let call = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    let waiting = queued(&cluster, procs(1), &noop_waker());
    let shutdowns = join(cluster.shutdown(), cluster.shutdown());
    within(&runtime, "both shutdowns end", shutdowns).await;
    assert_eq!(waiting.await.unwrap_err(), RequestError::Shutdown);
    assert_eq!(call.await, Err(CallError::Lost("stopped".into())));
    assert!(lease.is_lost());
    assert_eq!(system.book().log, ["wait m0", "stop m0"]);
    within(&runtime, "a third ends", cluster.shutdown()).await;
    let late = cluster.request(procs(9)).await.unwrap_err();
    assert!(matches!(late, RequestError::Rejected(_)), "{late}");
    let late = cluster.request(Demand::Machine).await.unwrap_err();
    assert_eq!(late.to_string(), "the cluster was shut down");
    assert!(idle(&cluster, &system));
    drop((lease, cluster));
    gone(&runtime, &system).await;
}

async fn s22_a_cluster_that_never_had_a_machine_ends_at_once<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    within(&runtime, "the shutdown ends", cluster.shutdown()).await;
    drop(cluster);
    gone(&runtime, &system).await;
}

async fn s22_one_that_does_not_end_is_killed<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().stubborn = true;
    let cluster = cluster_with(&runtime, &system, config(), hasty());
    let both = (
        lease(&runtime, &cluster, 2).await,
        lease(&runtime, &cluster, 2).await,
    );
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    let mut log = system.book().log.clone();
    log[..2].sort_unstable();
    log[2..].sort_unstable();
    assert_eq!(log, ["stop m0", "stop m1", "kill m0", "kill m1"]);
    assert_eq!(cluster.machines()[0].reason.as_deref(), Some("killed"));
    drop((both, cluster));
    gone(&runtime, &system).await;
}

async fn s22_one_that_does_not_die_is_given_up<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().stubborn = true;
    system.book().immortal = true;
    let cluster = cluster_with(&runtime, &system, config(), hasty());
    let lease = lease(&runtime, &cluster, 2).await;
    let call = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    assert_eq!(system.book().log, ["wait m0", "stop m0", "kill m0"]);
    assert!(matches!(call.await, Err(CallError::Lost(why)) if why.contains("given up")));
    drop((lease, cluster));
    gone(&runtime, &system).await;
}

async fn the_last_handle_shuts_down<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    drop(lease(&runtime, &cluster, 2).await);
    let clone = cluster.clone();
    drop(cluster);
    assert_eq!(clone.counts().machines.ok, 1);
    // A thread that belongs to no runtime.
    std::thread::spawn(move || drop(clone)).join().unwrap();
    eventually(&runtime, "it is told to stop", || system.logged("stop m0")).await;
    gone(&runtime, &system).await;
}

async fn leases_keep_their_cluster_alive<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 2).await;
    system.book().hold_starts = true;
    let request = queued(&cluster, procs(2), &noop_waker());
    drop(cluster);
    assert_eq!(lease.call("echo", &5_u64).await, Ok(5_u64));
    system.book().hold_starts = false;
    system.release_starts();
    let other = within(&runtime, "a request does, too", request).await;
    drop(lease);
    let echoed = other.as_ref().unwrap().call("echo", &6_u64).await;
    assert_eq!(echoed, Ok(6_u64));
    assert!(!system.logged("stop m0"));
    drop(other);
    eventually(&runtime, "both are told to stop", || {
        system.logged("stop m0") && system.logged("stop m1")
    })
    .await;
    gone(&runtime, &system).await;
}

/// The call ends with the machine.
async fn a_call_alone_keeps_nothing_alive<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 2).await;
    system.book().hold_cancels = true;
    let call = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "it runs", || system.book().calls == 1).await;
    drop((lease, cluster));
    let error = within(&runtime, "the call ends", call).await;
    assert_eq!(error, Err(CallError::Lost("stopped".into())));
    system.book().held_calls.clear();
    gone(&runtime, &system).await;
}

async fn a_cluster_may_be_used_from_a_thread_without_a_runtime<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let (done, finished) = futures::channel::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        block_on(async {
            let lease = cluster.request(procs(1)).await.unwrap();
            let mut call = lease.call::<_, ()>("print", &5_u8);
            while call.output().await.is_some() {}
            call.await.unwrap();
            cluster.shutdown().await;
        });
        drop(done);
    });
    within(&runtime, "the thread ends", finished)
        .await
        .unwrap_err();
    thread.join().unwrap();
    gone(&runtime, &system).await;
}

async fn s22_no_timer_keeps_an_ended_cluster<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().start_error = Some(StartError::new("no such host"));
    // A back-off and a summary that are hours away.
    let hours = std::time::Duration::from_secs(7200);
    let config = config()
        .start_backoff_base(hours)
        .start_backoff_cap(hours)
        .summary_interval(hours);
    let cluster = cluster(&runtime, &system, config);
    let request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "the start failed", || {
        cluster.last_start_error() == "no such host"
    })
    .await;
    drop((cluster, request));
    gone(&runtime, &system).await;
}

on_both_adapters!(
    s22_a_shutdown_ends_what_waits_and_what_runs,
    s22_a_cluster_that_never_had_a_machine_ends_at_once,
    s22_one_that_does_not_end_is_killed,
    s22_one_that_does_not_die_is_given_up,
    the_last_handle_shuts_down,
    leases_keep_their_cluster_alive,
    a_call_alone_keeps_nothing_alive,
    a_cluster_may_be_used_from_a_thread_without_a_runtime,
    s22_no_timer_keeps_an_ended_cluster,
);
