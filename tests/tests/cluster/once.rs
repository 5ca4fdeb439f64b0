//! Work that is done once on each machine, however many ask for it (S16).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{join_all, ready};
use futures::task::noop_waker;
use remuda::{MachineId, OnceKey, Reject};
use remuda_driver::{CallError, OnceError, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{cluster, config, gone, lease, one_machine, poll, rests};

const COMPILE: OnceKey = OnceKey { kind: 0, key: 7 };
const COMMIT: OnceKey = OnceKey { kind: 1, key: 7 };

async fn s16_many_ask_and_the_first_one_s_work_is_done<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let ask = |n: usize| {
        let ran = ran.clone();
        cluster.once(lease.id(), COMPILE, move |machine| async move {
            ran.fetch_add(n, Ordering::SeqCst);
            let echoed: u32 = machine.call("echo", &8_u32).await?;
            assert_eq!((echoed, machine.id()), (8, MachineId(0)));
            Ok(())
        })
    };
    let answers = within(
        &runtime,
        "all are answered",
        join_all([1, 10, 100].map(ask)),
    )
    .await;
    assert_eq!(answers, [Ok(()), Ok(()), Ok(())]);
    // It is remembered.
    assert_eq!(ask(1000).await, Ok(()));
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    // Another key, and another kind, is other work; and so is what was forgotten.
    let other = cluster.once(lease.id(), COMMIT, |_| ready(Err(CallError::Cancelled)));
    assert_eq!(other.await, Err(OnceError::Failed(CallError::Cancelled)));
    cluster.forget(lease.id(), COMPILE).unwrap();
    assert_eq!(ask(10_000).await, Ok(()));
    assert_eq!(ran.load(Ordering::SeqCst), 10_001);
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn s16_errors_are_remembered_until_they_are_forgotten<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let remote = CallError::Remote("it failed".into());
    for (function, error) in [
        ("fail", remote),
        ("unreachable", CallError::Unreachable("no route".into())),
    ] {
        let first = cluster.once(lease.id(), COMMIT, async move |machine| {
            machine.call::<_, ()>(function, &()).await
        });
        let failed = Err(OnceError::Failed(error));
        assert_eq!(first.await, failed);
        let second = cluster.once(lease.id(), COMMIT, |_| ready(Ok(())));
        assert_eq!(second.await, failed);
        cluster.forget(lease.id(), COMMIT).unwrap();
        let unknown = cluster.forget(lease.id(), COMMIT).unwrap_err();
        assert!(matches!(unknown, Reject::OnceUnknown { .. }), "{unknown}");
    }
    let third = cluster.once(lease.id(), COMMIT, |_| ready(Ok(())));
    assert_eq!(third.await, Ok(()));
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn s16_an_asker_that_goes_away_changes_nothing<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let mut first = Box::pin(cluster.once(lease.id(), COMPILE, async |machine| {
        machine.call::<_, ()>("hold", &()).await
    }));
    assert!(poll(&mut first, &noop_waker()).is_pending());
    let mut second = Box::pin(cluster.once(lease.id(), COMPILE, |_| ready(Ok(()))));
    assert!(poll(&mut second, &noop_waker()).is_pending());
    drop(first);
    eventually(&runtime, "the work runs", || {
        system.book().held_calls.len() == 1
    })
    .await;
    let running = cluster.forget(lease.id(), COMPILE).unwrap_err();
    assert!(matches!(running, Reject::OnceRunning { .. }), "{running}");
    system.release_calls();
    assert_eq!(within(&runtime, "the second", second).await, Ok(()));
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn s16_a_lost_machine_tells_every_asker<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let machine = lease.id();
    let mut asked: Vec<_> = [1, 2, 3]
        .map(|_| {
            Box::pin(cluster.once(machine, COMPILE, async |machine| {
                machine.call::<_, ()>("wait", &()).await
            }))
        })
        .into();
    for one in &mut asked {
        assert!(poll(one, &noop_waker()).is_pending());
    }
    eventually(&runtime, "the work runs", || system.book().calls == 1).await;
    assert!(system.lose(machine, "a test lost it"));
    let answers = within(&runtime, "all are told", join_all(asked)).await;
    assert_eq!(
        answers,
        [0; 3].map(|_| Err(OnceError::MachineLost(machine)))
    );
    // And those who come later.
    let late = cluster.once(machine, COMPILE, |_| ready(Ok(())));
    let late = late.await.unwrap_err();
    assert_eq!(late.to_string(), "machine m0 is lost");
    cluster.forget(machine, COMPILE).unwrap_err();
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn s16_a_machine_that_never_was_is_refused<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let refused = cluster.once(MachineId(9), COMPILE, |_| ready(Ok(()))).await;
    let Err(OnceError::Rejected(reject)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(reject.to_string(), "m9 was never asked for");
    rests(&runtime, &cluster, &system).await;
}

/// The work is the client's: it may hold a lease, and dropping it may give that back.
async fn s16_work_that_is_not_run_is_dropped_outside_of_the_lock<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(4));
    drop(lease(&runtime, &cluster, 1).await);
    assert!(system.lose(MachineId(0), "a test lost it"));
    eventually(&runtime, "the loss", || cluster.counts().machines.lost == 1).await;
    let done = cluster.once(MachineId(1), COMPILE, |_| ready(Ok(())));
    let first = lease(&runtime, &cluster, 1).await;
    assert_eq!(done.await, Ok(()));
    drop(first);
    // On one that never was, one that is lost, and one where it is done already.
    for machine in [MachineId(9), MachineId(0), MachineId(1)] {
        let held = lease(&runtime, &cluster, 1).await;
        let answer = cluster.once(machine, COMPILE, move |_| {
            drop(held);
            ready(Ok(()))
        });
        assert_eq!(answer.await.is_ok(), machine == MachineId(1));
        // It may be another thread that drops the work.
        let back = || cluster.counts().running == 0;
        eventually(&runtime, "the lease to be given back", back).await;
    }
    rests(&runtime, &cluster, &system).await;
}

async fn s16_work_that_panics_has_failed<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let early = cluster.once(lease.id(), COMPILE, |_| -> std::future::Ready<_> {
        panic!("the work panics before its first await, as a test asked for")
    });
    let late = cluster.once(lease.id(), COMMIT, async |machine| {
        machine.call::<_, ()>("echo", &()).await?;
        panic!("the work panics, as a test asked for")
    });
    for answer in [
        within(&runtime, "an answer", early).await,
        within(&runtime, "an answer", late).await,
    ] {
        let Err(OnceError::Failed(CallError::Unreachable(why))) = answer else {
            panic!("{answer:?}");
        };
        assert!(why.contains("panicked"), "{why}");
    }
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn work_done_once_keeps_no_cluster_alive<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 1).await;
    let mut asked = [1, 2].map(|_| {
        let cluster = cluster.clone();
        let machine = lease.id();
        Box::pin(async move {
            let work = cluster.once(machine, COMPILE, async |machine| {
                machine.call::<_, ()>("wait", &()).await
            });
            work.await
        })
    });
    for one in &mut asked {
        assert!(poll(one, &noop_waker()).is_pending());
    }
    eventually(&runtime, "the work runs", || system.book().calls == 1).await;
    assert_eq!(cluster.counts().running, 1);
    drop((cluster, lease, asked));
    gone(&runtime, &system).await;
}

on_both_adapters!(
    s16_many_ask_and_the_first_one_s_work_is_done,
    s16_errors_are_remembered_until_they_are_forgotten,
    s16_an_asker_that_goes_away_changes_nothing,
    s16_a_lost_machine_tells_every_asker,
    s16_a_machine_that_never_was_is_refused,
    s16_work_that_is_not_run_is_dropped_outside_of_the_lock,
    s16_work_that_panics_has_failed,
    work_done_once_keeps_no_cluster_alive,
);
