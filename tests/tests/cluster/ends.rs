//! How a lease ends that its client does not end: a call that goes on, a lease that is dropped, a grant that comes too late.

use std::time::Duration;

use futures::task::noop_waker;
use remuda::{Config, Health, Instant, Outcome};
use remuda_driver::{CallError, Cluster, Options, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, sleep, within};

use super::support::{SHORT, cluster, cluster_with, lease, one_machine, poll, procs, rests};

async fn a_call_that_ignores_its_cancel_ends_its_lease_unreachable<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_cancels = true;
    let mut options = Options::default();
    options.cancel_timeout = Some(SHORT);
    let config = one_machine(2).probation(SHORT);
    let cluster = cluster_with(&runtime, &system, config, options);
    let held = lease(&runtime, &cluster, 2).await;
    let call = held.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    // As long as nothing is cancelled nothing is given up.
    sleep(&runtime, SHORT * 3).await;
    call.cancel();
    let error = within(&runtime, "it is given up", call).await.unwrap_err();
    let text = "it did not end within 20ms after its cancel";
    assert_eq!(error, CallError::Unreachable(text.into()));
    // Whatever it is finished with.
    held.finish(Outcome::Ok);
    let health = cluster.machines()[0].health;
    assert!(
        matches!(health, Some(Health::Probation { .. })),
        "{health:?}"
    );
    system.release_calls();
    system.book().hold_cancels = false;
    rests(&runtime, &cluster, &system).await;
}

/// The health of a machine on which a lease was dropped after what `with` does with it.
async fn health_after<R: Runtime>(runtime: &R, functions: &[&str]) -> Health {
    let system = Scripted::default();
    let config = Config::new(2, 2)
        .unwrap()
        .probation(Duration::from_secs(3600));
    let cluster = cluster(runtime, &system, config);
    let (dropped, other) = (
        lease(runtime, &cluster, 1).await,
        lease(runtime, &cluster, 1).await,
    );
    // A machine that is on probation tells *unused* and *remote* apart: the latter begins its time again.
    let until = |cluster: &Cluster<R, Scripted>| match cluster.machines()[0].health {
        Some(Health::Probation { until }) => until,
        _ => Instant::ZERO,
    };
    other.finish(Outcome::Unreachable);
    let before = until(&cluster);
    for function in functions {
        let _ = dropped.call::<_, ()>(function, &()).await;
    }
    sleep(runtime, SHORT).await;
    drop(dropped);
    let again = until(&cluster) > before;
    within(runtime, "the shutdown", cluster.shutdown()).await;
    match again {
        true => Health::Probation { until: before },
        false => Health::Ok,
    }
}

async fn s13_a_dropped_lease_says_what_became_of_its_calls<R: Runtime>(runtime: R) {
    assert_eq!(health_after(&runtime, &[]).await, Health::Ok);
    for function in ["echo", "fail", "unreachable"] {
        let health = health_after(&runtime, &[function]).await;
        assert!(matches!(health, Health::Probation { .. }), "{function}");
    }
    // A machine in good health tells *remote* and *unreachable* apart.
    for (functions, probation) in [
        (&["echo", "fail"][..], false),
        (&["echo", "unreachable", "fail"][..], true),
    ] {
        let system = Scripted::default();
        let cluster = cluster(&runtime, &system, one_machine(1));
        let dropped = lease(&runtime, &cluster, 1).await;
        for function in functions {
            let _ = dropped.call::<_, ()>(function, &()).await;
        }
        drop(dropped);
        let health = cluster.machines()[0].health;
        assert_eq!(matches!(health, Some(Health::Probation { .. })), probation);
        within(&runtime, "the shutdown", cluster.shutdown()).await;
    }
}

/// A timer that is due grants a request in the very step that cancels it: the grant comes back.
async fn s13_a_grant_by_a_late_timer_crosses_a_cancel<R: Runtime>(runtime: R) {
    for _ in 0..20 {
        let system = Scripted::default();
        let cluster = cluster(&runtime, &system, one_machine(1).probation(SHORT / 10));
        lease(&runtime, &cluster, 1)
            .await
            .finish(Outcome::Unreachable);
        let mut waiting = cluster.request(procs(1));
        if poll(&mut waiting, &noop_waker()).is_ready() {
            // On a slow machine the probation is over already.
            continue;
        }
        // Without giving the timer's task a turn.
        std::thread::sleep(SHORT / 5);
        drop(waiting);
        rests(&runtime, &cluster, &system).await;
    }
}

on_both_adapters!(
    a_call_that_ignores_its_cancel_ends_its_lease_unreachable,
    s13_a_dropped_lease_says_what_became_of_its_calls,
    s13_a_grant_by_a_late_timer_crosses_a_cancel,
);
