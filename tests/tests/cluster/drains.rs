//! Machines that are drained.

use futures::task::noop_waker;
use remuda::{Health, MachineId, Outcome, Reject};
use remuda_driver::{CallError, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{SHORT, cluster, config, lease, one_machine, procs, queued, rests};

async fn d01_a_drained_machine_ends_when_nothing_runs_there<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let held = lease(&runtime, &cluster, 1).await;
    cluster.drain(held.id(), None).unwrap();
    let status = &cluster.machines()[0];
    assert!(
        matches!(status.health, Some(Health::Draining { .. })),
        "{status:?}"
    );
    assert!(status.to_string().ends_with(" (draining)"), "{status}");
    // It is replaced, and what runs there goes on.
    let other = lease(&runtime, &cluster, 1).await;
    assert_eq!(other.id(), MachineId(1));
    assert_eq!(held.call("echo", &5_u64).await, Ok(5_u64));
    assert!(!system.logged("stop m0"));
    // Kept, it is granted again; drained once more, it ends with its last lease.
    cluster.keep(held.id()).unwrap();
    assert_eq!(cluster.machines()[0].health, Some(Health::Ok));
    cluster.drain(held.id(), None).unwrap();
    held.finish(Outcome::Ok);
    eventually(&runtime, "it has ended", || {
        cluster.counts().machines.ended == 1
    })
    .await;
    assert!(system.logged("stop m0"));
    // It is not lost.
    assert_eq!(cluster.counts().machines.lost, 0);
    assert_eq!(cluster.machines().len(), 1);
    let never = cluster.drain(MachineId(9), None).unwrap_err();
    assert!(matches!(never, Reject::UnknownMachine { .. }), "{never}");
    drop(other);
    rests(&runtime, &cluster, &system).await;
}

async fn d01_at_the_end_of_a_drain_the_machine_is_stopped_whatever_runs<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(1));
    let held = lease(&runtime, &cluster, 1).await;
    let call = held.call::<_, ()>("wait", &());
    cluster
        .drain(held.id(), Some(runtime.now() + SHORT))
        .unwrap();
    let lost = within(&runtime, "the call ends", call).await;
    assert_eq!(lost, Err(CallError::Lost("stopped".into())));
    assert!(held.is_lost());
    assert_eq!(cluster.counts().machines.ended, 1);
    assert_eq!(cluster.counts().machines.probation, 0);
    drop(held);
    rests(&runtime, &cluster, &system).await;
}

async fn d01_a_machine_that_still_starts_is_given_up<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(1));
    let request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    system.book().hold_starts = false;
    cluster.drain(MachineId(0), None).unwrap();
    // Its procs are free once the start is given up, and another machine is started.
    let lease = within(&runtime, "a grant", request).await.unwrap();
    assert!(system.book().held_starts[0].is_canceled());
    assert_eq!(lease.id(), MachineId(1));
    assert_eq!(cluster.counts().machines.ended, 1);
    assert_eq!(cluster.last_start_error(), "");
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

/// The start is over in the very moment in which it is given up.
async fn d01_a_machine_that_comes_up_although_it_was_given_up_is_stopped<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(1));
    let request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    system.book().hold_starts = false;
    system.release_starts();
    cluster.drain(MachineId(0), None).unwrap();
    // With threads of its own, a runtime may have it up, and granted, before the drain.
    let lease = within(&runtime, "a grant", request).await.unwrap();
    drop(lease);
    let ended = || cluster.counts().machines.ended == 1;
    eventually(&runtime, "its end", ended).await;
    assert!(!system.lose(MachineId(0), "it has ended already"));
    rests(&runtime, &cluster, &system).await;
}

on_both_adapters!(
    d01_a_drained_machine_ends_when_nothing_runs_there,
    d01_at_the_end_of_a_drain_the_machine_is_stopped_whatever_runs,
    d01_a_machine_that_still_starts_is_given_up,
    d01_a_machine_that_comes_up_although_it_was_given_up_is_stopped,
);
