//! A runtime that goes away under a live cluster: everybody is told, nothing hangs, nothing is started in vain. (That of
//! async-std never goes away.)

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{join, ready};
use futures::task::noop_waker;
use remuda::{MachineId, OnceKey};
use remuda_driver::{CallError, Cluster, Lease, OnceError, RequestError, StartError};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, within};
use remuda_tokio::Tokio;

use super::support::{block_on, cluster, config, idle, lease, one_machine, poll, procs, queued};

/// Runs `test` on a thread, so that one that hangs fails.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        test();
        drop(done);
    });
    let ended = finished.recv_timeout(Duration::from_secs(30));
    assert_eq!(
        ended,
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected),
        "it hangs"
    );
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The driver has let go of the system.
fn let_go(system: &Scripted) {
    assert_eq!(system.handles(), 1);
}

/// A cluster with one lease that takes it up, on a runtime that is gone.
fn orphaned(system: &Scripted) -> (Cluster<Tokio, Scripted>, Lease<Tokio, Scripted>) {
    let run = remuda_tokio::run(async |runtime| {
        let cluster = cluster(&runtime, system, one_machine(2));
        let lease = lease(&runtime, &cluster, 2).await;
        (cluster, lease)
    });
    run.unwrap()
}

#[test]
fn s22_a_runtime_that_goes_away_shuts_its_cluster_down() {
    in_time(|| {
        let system = Scripted::default();
        let run = remuda_tokio::run(async |runtime| {
            let cluster = cluster(&runtime, &system, one_machine(2));
            let lease = lease(&runtime, &cluster, 2).await;
            let call = lease.call::<_, ()>("wait", &());
            let waiting = queued(&cluster, procs(1), &noop_waker());
            eventually(&runtime, "the call runs", || system.book().calls == 1).await;
            // One that its runtime has not come to.
            let unborn = lease.call::<_, ()>("wait", &());
            (cluster, lease, call, unborn, waiting)
        });
        let (cluster, lease, call, unborn, waiting) = run.unwrap();
        assert_eq!(block_on(waiting).unwrap_err(), RequestError::Shutdown);
        block_on(join(call, unborn)).0.unwrap_err();
        assert!(lease.is_lost());
        let late = block_on(lease.call::<_, ()>("echo", &()));
        assert!(matches!(late, Err(CallError::Lost(_))), "{late:?}");
        block_on(cluster.shutdown());
        assert!(idle(&cluster, &system));
        assert_eq!(system.book().starts, 1);
        drop((lease, cluster));
        let_go(&system);
    });
}

#[test]
fn requests_on_a_runtime_that_is_gone_are_told() {
    in_time(|| {
        let system = Scripted::default();
        // No machine was ever asked for.
        let run = remuda_tokio::run(async |runtime| cluster(&runtime, &system, config()));
        let cluster = run.unwrap();
        let request = block_on(cluster.request(procs(1)));
        assert_eq!(request.unwrap_err(), RequestError::Shutdown);
        block_on(cluster.shutdown());
        assert_eq!(system.book().starts, 0);
        drop(cluster);
        let_go(&system);
    });
}

#[test]
fn requests_that_wait_for_a_back_off_are_told() {
    in_time(|| {
        let system = Scripted::default();
        system.book().start_error = Some(StartError::new("no such host"));
        let run = remuda_tokio::run(async |runtime| {
            let cluster = cluster(&runtime, &system, config());
            let waiting = queued(&cluster, procs(1), &noop_waker());
            eventually(&runtime, "the start failed", || {
                cluster.last_start_error() == "no such host"
            })
            .await;
            (cluster, waiting)
        });
        let (cluster, waiting) = run.unwrap();
        assert_eq!(block_on(waiting).unwrap_err(), RequestError::Shutdown);
        block_on(cluster.shutdown());
    });
}

/// One thread asks while the runtime of another goes away.
#[test]
fn s16_askers_are_told_that_the_runtime_is_gone() {
    in_time(|| {
        let system = Scripted::default();
        let key = OnceKey { kind: 0, key: 0 };
        let run = remuda_tokio::run(async |runtime| {
            let cluster = cluster(&runtime, &system, config());
            let lease = lease(&runtime, &cluster, 1).await;
            let asking = cluster.clone();
            let mut asker = Box::pin(async move {
                asking
                    .once(MachineId(0), key, async |machine| {
                        machine.call::<_, ()>("wait", &()).await
                    })
                    .await
            });
            assert!(poll(&mut asker, &noop_waker()).is_pending());
            (cluster, lease, asker)
        });
        let (cluster, lease, asker) = run.unwrap();
        block_on(asker).unwrap_err();
        let late = block_on(cluster.once(MachineId(0), key, |_| ready(Ok(()))));
        assert_eq!(late, Err(OnceError::MachineLost(MachineId(0))));
        drop((lease, cluster));
        let_go(&system);
    });
}

/// Without a back-off, a start that ends with its runtime must not be asked for again, for ever: not even when it ends
/// because its thread panics.
#[test]
fn s22_a_runtime_that_panics_starts_nothing_over_and_over() {
    in_time(|| {
        let system = Scripted::default();
        system.book().hold_starts = true;
        let kept = Arc::new(Mutex::new(None));
        let (keep, its_system) = (kept.clone(), system.clone());
        let panicked = std::thread::spawn(move || {
            remuda_tokio::run(async |runtime| {
                let config = config().start_backoff_base(Duration::ZERO);
                let cluster = cluster(&runtime, &its_system, config);
                let waiting = queued(&cluster, procs(1), &noop_waker());
                eventually(&runtime, "the start", || its_system.book().starts == 1).await;
                *keep.lock().unwrap() = Some((cluster, waiting));
                panic!("the main task panics, as a test asked for");
            })
            .unwrap();
        });
        panicked.join().unwrap_err();
        let (cluster, waiting) = kept.lock().unwrap().take().unwrap();
        assert_eq!(block_on(waiting).unwrap_err(), RequestError::Shutdown);
        block_on(cluster.shutdown());
        assert_eq!(system.book().starts, 1);
    });
}

#[test]
fn a_lease_may_outlive_its_runtime() {
    in_time(|| {
        let system = Scripted::default();
        let (cluster, lease) = orphaned(&system);
        drop(cluster);
        assert_eq!(lease.name(), "scripted-m0");
        drop(lease);
        let_go(&system);
    });
}

#[test]
fn one_runtime_has_many_clusters_one_after_the_other() {
    in_time(|| {
        let system = Scripted::default();
        let run = remuda_tokio::run(async |runtime| {
            for _ in 0..20 {
                let cluster = cluster(&runtime, &system, config());
                drop(lease(&runtime, &cluster, 1).await);
                within(&runtime, "the shutdown", cluster.shutdown()).await;
            }
            eventually(&runtime, "nothing is left", || system.handles() == 1).await;
        });
        run.unwrap();
    });
}
