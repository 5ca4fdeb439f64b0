//! Leases and calls on a scripted system, on both adapters: what a client sees when all goes well, and when it does not.

use futures::future::join;
use remuda::{Config, Demand, Outcome};
use remuda_driver::{CallError, Cluster, Options, RequestError, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters};

fn cluster<R: Runtime>(runtime: &R, system: &Scripted) -> Cluster<R, Scripted> {
    let config = Config::new(2, 4).unwrap();
    Cluster::new(runtime.clone(), system.clone(), config, Options::default()).unwrap()
}

fn procs(n: u32) -> Demand {
    Demand::procs(n).unwrap()
}

async fn a_lease_calls_and_finishes<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system);
    let lease = cluster.request(procs(2)).priority(3).await.unwrap();
    let echoed: String = lease.call("echo", "hello").await.unwrap();
    assert_eq!(echoed, "hello");
    let failed = lease.call::<_, ()>("fail", &()).await;
    assert_eq!(failed, Err(CallError::Remote("it failed".into())));
    assert_eq!(cluster.counts().running, 1);
    lease.finish(Outcome::Ok);
    assert_eq!((cluster.counts().running, cluster.counts().need), (0, 0));
    cluster.shutdown().await;
    assert_eq!(
        cluster.request(procs(1)).await.unwrap_err(),
        RequestError::Shutdown
    );
}

async fn f12_procs_are_given_out_again_only_when_the_call_has_ended<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_cancels = true;
    let config = Config::new(2, 2).unwrap();
    let cluster =
        Cluster::new(runtime.clone(), system.clone(), config, Options::default()).unwrap();
    let lease = cluster.request(procs(2)).await.unwrap();
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
    assert_eq!(cluster.counts().need, 0);
}

on_both_adapters!(
    a_lease_calls_and_finishes,
    f12_procs_are_given_out_again_only_when_the_call_has_ended
);
