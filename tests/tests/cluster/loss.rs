//! Machines that are lost, or go silent; and what their polls say.

use std::time::Duration;

use futures::task::noop_waker;
use remuda::{Config, MachineId, Outcome};
use remuda_driver::{Call, CallError, Figures, Options, Runtime, Usage};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, sleep, within};

use super::support::{
    SHORT, cluster, cluster_with, config, idle, lease, one_machine, poll, procs, rests,
};

/// Polls every few milliseconds; two without an answer are a loss.
fn watchful(config: Config) -> (Config, Options) {
    let mut options = Options::default();
    options.poll_timeout = SHORT / 2;
    let config = config.poll_interval(SHORT / 4).silent_polls(2);
    (config, options)
}

async fn f04_a_lost_machine_ends_its_leases_and_calls<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 2).await;
    let calls = ["wait", "hold"].map(|function| lease.call::<_, ()>(function, &()));
    eventually(&runtime, "both run", || system.book().calls == 2).await;
    assert!(!lease.is_lost());
    assert!(system.lose(lease.id(), "its power failed"));
    for call in calls {
        let error = within(&runtime, "the call is lost", call)
            .await
            .unwrap_err();
        assert_eq!(error, CallError::Lost("its power failed".into()));
        assert_eq!(error.outcome(), Outcome::Unreachable);
    }
    assert!(lease.is_lost());
    // A call that is made afterwards is told the same.
    let late = lease.call::<_, ()>("echo", &()).await.unwrap_err();
    assert_eq!(late, CallError::Lost("its power failed".into()));
    let machines = cluster.machines();
    assert_eq!(machines.len(), 1);
    assert_eq!(machines[0].name, "scripted-m0");
    assert_eq!(machines[0].reason.as_deref(), Some("its power failed"));
    assert!(
        machines[0].to_string().ends_with(" (lost)"),
        "{}",
        machines[0]
    );
    assert!(idle(&cluster, &system));
    lease.finish(Outcome::Unreachable);
    assert_eq!(cluster.counts().machines.probation, 0);
    rests(&runtime, &cluster, &system).await;
}

/// What nobody polled before it was lost is told why all the same.
async fn a_call_made_after_the_loss_says_why<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let lease = lease(&runtime, &cluster, 2).await;
    eventually(&runtime, "the poll is over", || {
        cluster.machines()[0].figures.memory.is_some()
    })
    .await;
    assert!(system.lose(lease.id(), "its power failed"));
    eventually(&runtime, "the loss", || lease.is_lost()).await;
    sleep(&runtime, SHORT).await;
    let late = lease.call::<_, ()>("echo", &()).await.unwrap_err();
    assert_eq!(late, CallError::Lost("its power failed".into()));
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn s12_a_lost_machine_is_replaced_for_those_who_wait<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let held = lease(&runtime, &cluster, 2).await;
    let (next, ()) = futures::future::join(cluster.request(procs(2)), async {
        eventually(&runtime, "it waits", || cluster.counts().queued == 1).await;
        assert!(system.lose(held.id(), "a test lost it"));
    })
    .await;
    let next = next.unwrap();
    assert_eq!(next.id(), MachineId(1));
    drop((held, next));
    rests(&runtime, &cluster, &system).await;
}

async fn f08_a_silent_machine_is_killed_and_replaced<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let (config, options) = watchful(one_machine(2));
    let cluster = cluster_with(&runtime, &system, config, options);
    let lease = lease(&runtime, &cluster, 2).await;
    let call = lease.call::<_, ()>("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    system.book().deaf = true;
    eventually(&runtime, "it is killed", || system.logged("kill m0")).await;
    system.book().deaf = false;
    let lost = within(&runtime, "the call is lost", call).await;
    assert_eq!(lost, Err(CallError::Lost("killed".into())));
    assert!(lease.is_lost());
    // Without being asked: it would not have heard it.
    assert!(!system.logged("stop m0"));
    let reason = cluster.machines()[0].reason.clone();
    assert_eq!(
        reason.as_deref(),
        Some("its last polls went unanswered"),
        "{:?}",
        cluster.machines()
    );
    drop(lease);
    let next = within(&runtime, "another", cluster.request(procs(2))).await;
    assert_ne!(next.as_ref().unwrap().id(), MachineId(0));
    drop(next);
    rests(&runtime, &cluster, &system).await;
}

/// The lease is lost at once; its call resolves only when the machine is dead.
async fn f08_a_call_is_lost_only_when_its_machine_is_dead<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().immortal = true;
    let (config, options) = watchful(one_machine(2));
    let cluster = cluster_with(&runtime, &system, config, options);
    let lease = lease(&runtime, &cluster, 2).await;
    let mut call: Call<()> = lease.call("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    system.book().deaf = true;
    eventually(&runtime, "it is killed", || system.logged("kill m0")).await;
    system.book().deaf = false;
    sleep(&runtime, SHORT).await;
    assert!(lease.is_lost());
    assert_eq!(cluster.counts().have.procs(), 0);
    assert!(poll(&mut call, &noop_waker()).is_pending());
    system.book().immortal = false;
    assert!(system.lose(MachineId(0), "at last"));
    let lost = within(&runtime, "the call is lost", call).await;
    assert_eq!(lost, Err(CallError::Lost("at last".into())));
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn f08_one_that_does_not_die_is_given_up<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().immortal = true;
    let (config, mut options) = watchful(one_machine(2));
    options.kill_timeout = SHORT;
    let cluster = cluster_with(&runtime, &system, config, options);
    let lease = lease(&runtime, &cluster, 2).await;
    let call: Call<()> = lease.call("wait", &());
    eventually(&runtime, "the call runs", || system.book().calls == 1).await;
    system.book().deaf = true;
    let lost = within(&runtime, "the call is lost", call).await;
    assert_eq!(
        lost,
        Err(CallError::Lost(
            "it did not end although it was killed, and is given up".into()
        ))
    );
    system.book().deaf = false;
    system.book().immortal = false;
    drop(lease);
    rests(&runtime, &cluster, &system).await;
}

async fn s17_the_first_poll_is_asked_when_a_machine_enters_service<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let hours = config().poll_interval(Duration::from_secs(7200));
    let cluster = cluster(&runtime, &system, hours);
    drop(lease(&runtime, &cluster, 1).await);
    let line = "mem 1B/2B disk 0B/0B load 0.0/0.0/0.0 counters";
    eventually(&runtime, "figures", || {
        cluster.machines()[0].to_string() == line
    })
    .await;
    assert_eq!(system.book().polls, 1);
    assert!(system.lose(MachineId(0), "a test lost it"));
    eventually(&runtime, "the loss", || {
        cluster.machines()[0].to_string() == format!("{line} (lost)")
    })
    .await;
    rests(&runtime, &cluster, &system).await;
}

async fn s17_each_part_of_the_figures_keeps_its_last_value<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let (config, mut options) = watchful(config());
    options.poll_timeout = Duration::from_secs(5);
    let cluster = cluster_with(&runtime, &system, config, options);
    drop(lease(&runtime, &cluster, 1).await);
    let disk = Figures {
        disk: Some(Usage {
            used: 1024,
            total: 3 << 20,
        }),
        ..Figures::default()
    };
    let load = Figures {
        load: Some([1.0, 0.5, 0.25]),
        ..Figures::default()
    };
    let counters = Figures {
        counters: Some(vec![("a".into(), 1), ("b".into(), -2)]),
        ..Figures::default()
    };
    let said = async |line: &str| {
        eventually(&runtime, line, || cluster.machines()[0].to_string() == line).await;
    };
    said("mem 1B/2B disk 0B/0B load 0.0/0.0/0.0 counters").await;
    system.book().figures = Some(disk);
    said("mem 1B/2B disk 1.0KiB/3.0MiB load 0.0/0.0/0.0 counters").await;
    system.book().figures = Some(load);
    said("mem 1B/2B disk 1.0KiB/3.0MiB load 1.0/0.5/0.2 counters").await;
    system.book().figures = Some(counters);
    said("mem 1B/2B disk 1.0KiB/3.0MiB load 1.0/0.5/0.2 counters a:1 b:-2").await;
    rests(&runtime, &cluster, &system).await;
}

async fn f08_a_poll_without_any_part_counts_as_silence<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let (config, options) = watchful(config());
    let cluster = cluster_with(&runtime, &system, config, options);
    drop(lease(&runtime, &cluster, 1).await);
    system.book().figures = Some(Figures::default());
    eventually(&runtime, "it is lost", || {
        cluster.counts().machines.lost == 1
    })
    .await;
    system.book().figures = None;
    rests(&runtime, &cluster, &system).await;
}

on_both_adapters!(
    f04_a_lost_machine_ends_its_leases_and_calls,
    a_call_made_after_the_loss_says_why,
    s12_a_lost_machine_is_replaced_for_those_who_wait,
    f08_a_silent_machine_is_killed_and_replaced,
    f08_a_call_is_lost_only_when_its_machine_is_dead,
    f08_one_that_does_not_die_is_given_up,
    s17_the_first_poll_is_asked_when_a_machine_enters_service,
    s17_each_part_of_the_figures_keeps_its_last_value,
    f08_a_poll_without_any_part_counts_as_silence,
);
