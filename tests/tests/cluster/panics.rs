//! A system that panics: it counts as the failure of what it was doing, and nothing hangs or leaks.

use remuda::{Config, MachineId, Outcome};
use remuda_driver::{CallError, Options, RequestError, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{
    SHORT, cluster, cluster_with, config, gone, idle, lease, one_machine, procs, rests,
};

fn quick() -> (Config, Options) {
    let config = one_machine(2)
        .start_backoff_base(SHORT / 10)
        .poll_interval(SHORT / 10)
        .silent_polls(2);
    let mut options = Options::default();
    options.kill_timeout = SHORT;
    (config, options)
}

async fn a_panic_in_start_or_name_is_a_failed_start<R: Runtime>(runtime: R) {
    for what in ["start", "name"] {
        let system = Scripted::default();
        system.book().panics.push(what);
        let (config, options) = quick();
        let cluster = cluster_with(&runtime, &system, config, options);
        let error = within(&runtime, "it fails", cluster.request(procs(1))).await;
        let Err(RequestError::NoMachines(why)) = error else {
            panic!("{error:?}");
        };
        assert!(why.contains("panicked"), "{why}");
        assert_eq!(system.book().starts, 4);
        // A machine that came up before the panic does not stay.
        eventually(&runtime, "all have ended", || system.alive() == 0).await;
        system.book().panics.clear();
        rests(&runtime, &cluster, &system).await;
        drop(cluster);
        gone(&runtime, &system).await;
    }
}

async fn a_panic_in_poll_is_an_unanswered_poll<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().panics.push("poll");
    let (config, options) = quick();
    let cluster = cluster_with(&runtime, &system, config, options);
    // The machine may be lost before its lease is seen here.
    let first = within(&runtime, "an answer", cluster.request(procs(1))).await;
    assert!(matches!(first, Ok(_) | Err(RequestError::Lost(_))));
    drop(first);
    eventually(&runtime, "it is lost", || {
        cluster.counts().machines.lost == 1 && system.logged("kill m0")
    })
    .await;
    assert_eq!(system.book().polls, 2);
    system.book().panics.clear();
    rests(&runtime, &cluster, &system).await;
}

async fn a_panic_in_a_call_is_no_answer<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 2).await;
    let call = lease.call::<_, ()>("panic", &());
    let error = within(&runtime, "it resolves", call).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Unreachable(why) if why.contains("panicked")),
        "{error:?}"
    );
    let call = lease.call::<_, ()>("panic", &());
    lease.finish(Outcome::Ok);
    within(&runtime, "it resolves", call).await.unwrap_err();
    assert!(idle(&cluster, &system));
    rests(&runtime, &cluster, &system).await;
}

/// Nobody would know when it is dead: it is killed and counted lost.
async fn a_panic_in_stopped_is_a_loss<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().panics.push("stopped");
    let cluster = cluster(&runtime, &system, one_machine(2));
    let request = cluster.request(procs(2));
    let first = within(&runtime, "an answer", request).await;
    assert!(matches!(first, Ok(_) | Err(RequestError::Lost(_))));
    eventually(&runtime, "it is lost", || {
        cluster.counts().machines.lost == 1
    })
    .await;
    assert!(system.logged("kill m0"), "{:?}", system.book().log);
    assert!(
        cluster.machines()[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("panicked")
    );
    drop(first);
    system.book().panics.clear();
    rests(&runtime, &cluster, &system).await;
}

async fn a_panic_in_stop_is_answered_by_a_kill<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().panics.push("stop");
    let (config, mut options) = quick();
    options.stop_timeout = SHORT;
    let cluster = cluster_with(&runtime, &system, config, options);
    drop(lease(&runtime, &cluster, 2).await);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    assert_eq!(system.book().log, ["stop m0", "kill m0"]);
    drop(cluster);
    gone(&runtime, &system).await;
}

async fn a_panic_in_kill_gives_the_machine_up<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().panics.push("kill");
    system.book().stubborn = true;
    let (config, mut options) = quick();
    options.stop_timeout = SHORT;
    let cluster = cluster_with(&runtime, &system, config, options);
    drop(lease(&runtime, &cluster, 2).await);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    assert_eq!(system.book().log, ["stop m0", "kill m0"]);
    drop(cluster);
    gone(&runtime, &system).await;
}

async fn a_panic_in_discard_changes_nothing<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().panics.push("discard");
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 2).await;
    lease.assign(remuda::TaskId(3)).unwrap();
    cluster.discard(MachineId(0), remuda::TaskId(3)).unwrap();
    eventually(&runtime, "it was told", || system.logged("discard t3 m0")).await;
    assert_eq!(lease.call("echo", &1_u8).await, Ok(1_u8));
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

on_both_adapters!(
    a_panic_in_start_or_name_is_a_failed_start,
    a_panic_in_poll_is_an_unanswered_poll,
    a_panic_in_a_call_is_no_answer,
    a_panic_in_stopped_is_a_loss,
    a_panic_in_stop_is_answered_by_a_kill,
    a_panic_in_kill_gives_the_machine_up,
    a_panic_in_discard_changes_nothing,
);
