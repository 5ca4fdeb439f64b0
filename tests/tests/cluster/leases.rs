//! Leases and calls: what a client sees when all goes well, and when a job does not.

use futures::future::{join, join_all};
use futures::task::noop_waker;
use remuda::{Demand, Health, MachineId, Outcome};
use remuda_driver::{Call, CallError, Cluster, Lease, Request, RequestError, Runtime, Stream};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters};

use super::support::{cluster, config, idle, lease, one_machine, procs, queued, rests};

async fn a_lease_calls_and_finishes<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = cluster.request(procs(2)).priority(3).await.unwrap();
    let echoed: String = lease.call("echo", "hello").await.unwrap();
    assert_eq!(echoed, "hello");
    let failed = lease.call::<_, ()>("fail", &()).await;
    assert_eq!(failed, Err(CallError::Remote("it failed".into())));
    assert_eq!(cluster.counts().running, 1);
    lease.finish(Outcome::Ok);
    assert_eq!(
        (cluster.counts().running, cluster.counts().need.procs()),
        (0, 0)
    );
    cluster.shutdown().await;
    assert_eq!(
        cluster.request(procs(1)).await.unwrap_err(),
        RequestError::Shutdown
    );
}

async fn output_comes_in_order_and_is_thrown_away_when_nobody_reads_it<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let mut call = lease.call::<_, ()>("print", &200_u8);
    for n in 0..150 {
        let chunk = call.output().await.expect("it prints 200 chunks");
        assert_eq!((chunk.stream, chunk.bytes), (Stream::Stdout, vec![n; 10]));
    }
    assert_eq!(call.await, Ok(()));
    let mut call = lease.call::<_, ()>("print", &3_u8);
    while call.output().await.is_some() {}
    assert_eq!(call.await, Ok(()));
    // The type of a result is checked.
    let other = lease.call::<_, String>("echo", &[0xff_u8; 3]).await;
    assert!(
        matches!(&other, Err(CallError::Invalid(why)) if why.contains("String")),
        "{other:?}"
    );
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn f12_procs_are_given_out_again_only_when_the_call_has_ended<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_cancels = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 2).await;
    let call = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    drop(lease);
    // Although the client still holds the call, it is cancelled with its lease; until it ends, nobody gets the procs.
    let (second, ()) = join(cluster.request(procs(2)), async {
        eventually(&runtime, "the second waits", || {
            cluster.counts().queued == 1 && system.book().held_calls.len() == 1
        })
        .await;
        assert_eq!(cluster.counts().running, 1);
        system.release_calls();
    })
    .await;
    assert_eq!(call.await, Err(CallError::Cancelled));
    second.unwrap().finish(Outcome::Ok);
    assert_eq!(cluster.counts().need.procs(), 0);
}

async fn f12_a_dropped_call_still_runs_when_its_lease_is_finished<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_cancels = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 1).await;
    drop(lease.call::<_, ()>("wait", &()));
    eventually(&runtime, "it is cancelled", || {
        system.book().held_calls.len() == 1
    })
    .await;
    lease.finish(Outcome::Remote);
    assert_eq!(
        (cluster.counts().running, cluster.counts().need.procs()),
        (1, 1)
    );
    system.release_calls();
    rests(&runtime, &cluster, &system).await;
}

/// The outcome that was said is the one that counts, and it counts when the call has ended: on a machine on probation,
/// *ok* heals.
async fn f12_done_is_said_as_it_was_meant_after_the_end<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_cancels = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let (first, second) = (
        lease(&runtime, &cluster, 1).await,
        lease(&runtime, &cluster, 1).await,
    );
    first.finish(Outcome::Unreachable);
    let call = second.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    second.finish(Outcome::Ok);
    eventually(&runtime, "it is cancelled", || {
        system.book().held_calls.len() == 1
    })
    .await;
    assert_eq!(cluster.counts().machines.probation, 1);
    system.release_calls();
    assert_eq!(call.await, Err(CallError::Cancelled));
    assert_eq!(cluster.counts().machines.ok, 1);
    assert!(idle(&cluster, &system));
}

async fn f12_of_two_calls_the_last_to_end_frees_the_procs<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 2).await;
    system.book().hold_cancels = true;
    let first = lease.call::<_, ()>("wait", &());
    let second = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "both run", || system.book().calls == 2).await;
    lease.finish(Outcome::Ok);
    eventually(&runtime, "both are cancelled", || {
        system.book().held_calls.len() == 2
    })
    .await;
    let one = system.book().held_calls.pop().unwrap();
    one.send(()).unwrap();
    eventually(&runtime, "one has ended", || system.book().calls == 1).await;
    assert_eq!(cluster.counts().running, 1);
    system.release_calls();
    assert_eq!(
        (first.await, second.await),
        (Err(CallError::Cancelled), Err(CallError::Cancelled))
    );
    rests(&runtime, &cluster, &system).await;
}

async fn f12_a_call_cancelled_by_hand_leaves_the_lease_alone<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 2).await;
    let call = lease.call::<_, ()>("wait", &());
    call.cancel();
    assert_eq!(call.await, Err(CallError::Cancelled));
    assert_eq!(lease.call("echo", &7_u32).await, Ok(7_u32));
    lease.finish(Outcome::Ok);
    rests(&runtime, &cluster, &system).await;
}

async fn f12_a_machine_lost_under_a_finished_lease_ends_it<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_cancels = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let lease = lease(&runtime, &cluster, 2).await;
    let machine = lease.id();
    let call = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    lease.finish(Outcome::Ok);
    assert_eq!(cluster.counts().running, 1);
    assert!(system.lose(machine, "a test lost it"));
    assert_eq!(call.await, Err(CallError::Lost("a test lost it".into())));
    rests(&runtime, &cluster, &system).await;
    assert_eq!(cluster.counts().machines.lost, 2);
}

async fn p01_lower_priority_values_come_first<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(1));
    let held = lease(&runtime, &cluster, 1).await;
    let order = std::sync::Mutex::new(Vec::new());
    let client = async |priority: i64| {
        let lease = cluster.request(procs(1)).priority(priority).await.unwrap();
        order.lock().unwrap().push(priority);
        lease.finish(Outcome::Ok);
    };
    let clients = join_all([5, -1, 3, i64::MIN, i64::MAX].map(client));
    let release = async {
        eventually(&runtime, "all wait", || cluster.counts().queued == 5).await;
        held.finish(Outcome::Ok);
    };
    join(clients, release).await;
    assert_eq!(*order.lock().unwrap(), [i64::MIN, -1, 3, 5, i64::MAX]);
}

async fn f02_more_procs_than_a_machine_has_are_refused_with_the_limit<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let error = cluster.request(procs(3)).await.unwrap_err();
    assert!(matches!(error, RequestError::Rejected(_)), "{error:?}");
    assert!(
        error.to_string().contains("3 procs, a machine has 2"),
        "{error}"
    );
    assert!(idle(&cluster, &system));
    assert_eq!(system.book().starts, 0);
    let whole = cluster.request(Demand::Machine).await.unwrap();
    assert_eq!(cluster.machines()[0].used.proc_count(), 2);
    drop(whole);
    rests(&runtime, &cluster, &system).await;
}

async fn s09_an_unreachable_machine_is_set_aside<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let (bad, good) = (
        lease(&runtime, &cluster, 2).await,
        lease(&runtime, &cluster, 2).await,
    );
    let error = bad.call::<_, ()>("unreachable", &()).await.unwrap_err();
    assert_eq!(error, CallError::Unreachable("no route".into()));
    bad.finish(error.outcome());
    let status = &cluster.machines()[0];
    assert!(
        matches!(status.health, Some(Health::Probation { .. })),
        "{status:?}"
    );
    assert!(status.to_string().ends_with(" (probation)"), "{status}");
    // Nothing is granted there, free as it is.
    let waiting = queued(&cluster, procs(1), &noop_waker());
    assert_eq!(
        (
            cluster.counts().queued,
            cluster.machines()[0].used.proc_count()
        ),
        (1, 0)
    );
    drop(good);
    let waiting = waiting.await.unwrap();
    assert_eq!(waiting.id(), MachineId(1));
    waiting.finish(Outcome::Ok);
    rests(&runtime, &cluster, &system).await;
}

/// Handles may be kept anywhere and used from anywhere.
fn _threads_may_share<R: Runtime>() {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send + Unpin + 'static>() {}
    shared::<Cluster<R, Scripted>>();
    shared::<Lease<R, Scripted>>();
    sent::<Request<R, Scripted>>();
    sent::<Call<String>>();
}

on_both_adapters!(
    a_lease_calls_and_finishes,
    output_comes_in_order_and_is_thrown_away_when_nobody_reads_it,
    f12_procs_are_given_out_again_only_when_the_call_has_ended,
    f12_a_dropped_call_still_runs_when_its_lease_is_finished,
    f12_done_is_said_as_it_was_meant_after_the_end,
    f12_of_two_calls_the_last_to_end_frees_the_procs,
    f12_a_call_cancelled_by_hand_leaves_the_lease_alone,
    f12_a_machine_lost_under_a_finished_lease_ends_it,
    p01_lower_priority_values_come_first,
    f02_more_procs_than_a_machine_has_are_refused_with_the_limit,
    s09_an_unreachable_machine_is_set_aside,
);
