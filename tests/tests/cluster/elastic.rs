//! What the second edition adds: kinds, offers, machines that join and are stopped when idle, and requests with a limit.

use std::time::Duration;

use futures::task::noop_waker;
use remuda::{Config, Kind, KindId, Kinds, Limits, MachineId, Outcome, Reject, Resources};
use remuda_driver::{Options, RequestError, Runtime, StartError};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, sleep, within};

use super::support::{
    SHORT, cluster, cluster_with, gone, lease, one_machine, poll, procs, queued, rests,
};

const BIG: KindId = KindId(1);

/// Small machines of 2 procs, and big ones of 4 procs and 100 MiB.
fn two_kinds() -> Config {
    Config::empty()
        .kind(Kind::new(Resources::procs(2)).max(2))
        .kind(
            Kind::new(Resources::procs(4).memory_mib(100))
                .max(2)
                .cost(9),
        )
}

async fn r03_a_request_is_served_by_a_kind_that_it_accepts<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, two_kinds());
    let small = within(&runtime, "a lease", cluster.request(procs(1))).await;
    let big = within(&runtime, "a lease", cluster.request(procs(1)).kinds(BIG)).await;
    let memory = cluster.request(Resources::procs(1).memory_mib(60));
    let memory = within(&runtime, "a lease", memory).await.unwrap();
    let (small, big) = (small.unwrap(), big.unwrap());
    assert_eq!(system.book().kinds, [KindId(0), BIG]);
    assert_eq!(memory.id(), big.id());
    let kinds = cluster.machines();
    let kinds = kinds.iter().map(|status| (status.kind, status.offer));
    let capacities = two_kinds().kinds;
    assert!(kinds.eq([
        (KindId(0), capacities[0].capacity),
        (BIG, capacities[1].capacity)
    ]));
    let of_big = cluster.counts_of(BIG).unwrap();
    assert_eq!((of_big.machines.ok, of_big.running), (1, 2));
    assert!(cluster.counts_of(KindId(2)).is_none());
    let too_large = Resources::procs(1).memory_mib(101);
    let error = cluster.request(too_large).kinds(BIG).await;
    let error = error.unwrap_err().to_string();
    let text = "asks for 101 memory_mib, a machine of kind k1 has 100";
    assert!(error.ends_with(text), "{error}");
    drop((small, big, memory));
    within(&runtime, "the shutdown", cluster.shutdown()).await;
}

async fn g04_machines_of_a_kind_are_started_by_one_call<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let config = Config::empty().kind(Kind::new(Resources::procs(1)).min(12).max(12).batch(8));
    let cluster = cluster(&runtime, &system, config);
    drop(lease(&runtime, &cluster, 1).await);
    eventually(&runtime, "all are up", || {
        cluster.counts().machines.ok == 12
    })
    .await;
    let mut batches = system.book().batches.clone();
    batches.sort_unstable();
    assert_eq!(batches, [4, 8]);
    assert_eq!(system.book().starts, 12);
    rests(&runtime, &cluster, &system).await;
}

async fn g02_machines_that_are_to_be_there_are_started_at_once<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let config = Config::empty().kind(Kind::new(Resources::procs(1)).min(2));
    let cluster = cluster(&runtime, &system, config);
    eventually(&runtime, "two are up", || cluster.counts().machines.ok == 2).await;
    assert!(system.lose(MachineId(1), "a test lost it"));
    // Replaced without a request.
    eventually(&runtime, "two are up again", || {
        let machines = cluster.counts().machines;
        (machines.ok, machines.lost) == (2, 1)
    })
    .await;
    rests(&runtime, &cluster, &system).await;
}

async fn a_batch_that_starts_too_few_or_panics_is_as_many_failed_starts<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().start_few = Some(1);
    let config = Config::empty()
        .kind(Kind::new(Resources::procs(1)).min(3).max(3))
        .start_backoff_base(SHORT);
    let cluster = cluster(&runtime, &system, config);
    drop(lease(&runtime, &cluster, 1).await);
    eventually(&runtime, "two failed", || {
        cluster.counts().pending.procs() == 0
    })
    .await;
    assert_eq!(
        cluster.last_start_error(),
        "the system started fewer machines"
    );
    {
        let mut book = system.book();
        book.start_few = None;
        book.panics.push("start_many");
    }
    // All may be up by now: then one more is started.
    system.lose(MachineId(0), "a test wants another");
    eventually(&runtime, "a panic", || {
        cluster.last_start_error().contains("the system panicked")
    })
    .await;
    system.book().panics.clear();
    eventually(&runtime, "all are up", || cluster.counts().machines.ok == 3).await;
    rests(&runtime, &cluster, &system).await;
}

async fn a_start_that_is_queued_elsewhere_is_timed_when_it_boots<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    system.book().queue_starts = true;
    let mut options = Options::default();
    options.start_timeout = SHORT;
    let cluster = cluster_with(&runtime, &system, one_machine(1), options);
    let request = queued(&cluster, procs(1), &noop_waker());
    sleep(&runtime, SHORT * 5).await;
    assert_eq!(cluster.counts().pending.procs(), 1);
    assert_eq!(system.book().starts, 1);
    // It boots, and takes too long.
    let start = system.book().queued_starts.pop().unwrap();
    system.book().queue_starts = false;
    start.booting();
    eventually(&runtime, "the failure", || {
        cluster.last_start_error() == "it was not up after 20ms"
    })
    .await;
    assert!(system.book().held_starts[0].is_canceled());
    system.book().hold_starts = false;
    drop(within(&runtime, "a grant", request).await.unwrap());
    rests(&runtime, &cluster, &system).await;
}

async fn g03_a_start_error_may_say_when_to_try_again<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let wait = SHORT * 10;
    let error = StartError::new("too many calls").retry_after(wait);
    system.book().start_error = Some(error);
    let cluster = cluster(
        &runtime,
        &system,
        one_machine(1).start_backoff_base(SHORT / 20),
    );
    let begun = runtime.now();
    let request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "the failure", || {
        cluster.last_start_error() == "too many calls"
    })
    .await;
    system.book().start_error = None;
    drop(within(&runtime, "a grant", request).await.unwrap());
    assert!(runtime.now() - begun >= wait);
    assert_eq!(system.book().starts, 2);
    rests(&runtime, &cluster, &system).await;
}

async fn f09_a_machine_that_offers_less_has_failed_to_start<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().offer = Some(Resources::procs(1));
    let config = one_machine(2).start_backoff_base(SHORT);
    let cluster = cluster(&runtime, &system, config);
    let request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "the failure", || {
        cluster.last_start_error() == "scripted-m0: it offers 1 procs, and 2 are needed"
    })
    .await;
    // It does not live on.
    assert!(system.logged("kill m0"));
    assert!(!system.lose(MachineId(0), "it is dead already"));
    system.book().offer = None;
    drop(within(&runtime, "a grant", request).await.unwrap());
    rests(&runtime, &cluster, &system).await;
}

async fn r04_less_may_be_admitted<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().offer = Some(Resources::procs(1));
    let mut options = Options::default();
    options.admit_less = true;
    let cluster = cluster_with(&runtime, &system, one_machine(2), options);
    let held = lease(&runtime, &cluster, 1).await;
    assert_eq!(cluster.machines()[0].offer, Resources::procs(1));
    assert_eq!(cluster.counts().have.procs(), 1);
    let other = queued(&cluster, procs(1), &noop_waker());
    drop((held, other));
    rests(&runtime, &cluster, &system).await;
}

async fn j01_a_machine_joins_by_itself<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let config = Config::empty().kind(Kind::new(Resources::procs(2)).startable(false).max(2));
    let cluster = cluster(&runtime, &system, config);
    let waiting = queued(&cluster, procs(2), &noop_waker());
    let offer = Some(Resources::procs(1));
    let small = cluster.join(KindId(0), offer, system.joiner(0));
    assert_eq!(small, Ok(MachineId::joined(0)));
    assert_eq!(cluster.counts().queued, 1);
    let whole = cluster.join(KindId(0), None, system.joiner(1)).unwrap();
    let first = within(&runtime, "a grant", waiting).await.unwrap();
    assert_eq!((first.id(), first.name()), (whole, "scripted-j1"));
    assert_eq!(first.call("echo", &5_u64).await, Ok(5_u64));
    // Above the limits it is stopped at once; of a kind that is not, refused.
    let third = cluster.join(KindId(0), None, system.joiner(2)).unwrap();
    assert_eq!(third.to_string(), "j2");
    eventually(&runtime, "it is stopped", || system.logged("stop j2")).await;
    let refused = cluster.join(KindId(1), None, system.joiner(3));
    assert!(
        matches!(refused, Err(Reject::UnknownKind { .. })),
        "{refused:?}"
    );
    // One that is lost is listed like any other.
    assert!(system.lose(whole, "its power failed"));
    eventually(&runtime, "the loss", || first.is_lost()).await;
    let lost = cluster.machines();
    assert_eq!(lost[0].reason.as_deref(), Some("its power failed"));
    assert_eq!(system.book().starts, 0);
    drop(first);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    let late = cluster.join(KindId(0), None, system.joiner(4)).unwrap();
    eventually(&runtime, "it is stopped", || {
        system.logged(&format!("stop {late}"))
    })
    .await;
    drop(cluster);
    gone(&runtime, &system).await;
}

/// Of two kinds one cannot be started: requests that accept nothing else fail, the others go on.
async fn f07_requests_fail_when_no_kind_that_they_accept_can_be_started<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().start_error = Some(StartError::new("no such image"));
    system.book().failing = Some(BIG);
    system.book().hold_starts = true;
    let config = two_kinds().start_backoff_base(SHORT / 10);
    let cluster = cluster(&runtime, &system, config);
    let mut small = queued(&cluster, procs(1), &noop_waker());
    let both = Kinds::from(KindId(0)).with(BIG);
    let mut any = cluster.request(procs(2)).kinds(both);
    assert!(poll(&mut any, &noop_waker()).is_pending());
    let big = cluster.request(procs(1)).kinds(BIG);
    let error = within(&runtime, "it fails", big).await.unwrap_err();
    assert_eq!(error, RequestError::NoMachines("no such image".into()));
    assert!(poll(&mut small, &noop_waker()).is_pending());
    assert!(poll(&mut any, &noop_waker()).is_pending());
    system.book().hold_starts = false;
    system.release_starts();
    drop(within(&runtime, "a grant", small).await.unwrap());
    drop(within(&runtime, "a grant", any).await.unwrap());
    within(&runtime, "the shutdown", cluster.shutdown()).await;
}

async fn e02_idle_machines_are_stopped_and_started_again<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let config = Config::empty().kind(Kind::new(Resources::procs(1)).idle(SHORT));
    let cluster = cluster(&runtime, &system, config);
    for n in 0..3 {
        let lease = lease(&runtime, &cluster, 1).await;
        assert_eq!(lease.id(), MachineId(n));
        lease.finish(Outcome::Ok);
        eventually(&runtime, "it has ended", || cluster.machines().is_empty()).await;
    }
    assert_eq!(cluster.counts().machines.lost, 0);
    assert_eq!(system.book().log, ["stop m0", "stop m1", "stop m2"]);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
}

async fn e03_limits_may_change<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, Config::new(1, 4).unwrap());
    let limits = |min, max| Limits {
        min,
        max,
        spare: 0,
        idle: None,
    };
    cluster.set_limits(KindId(0), limits(3, 3)).unwrap();
    eventually(&runtime, "three", || cluster.counts().machines.ok == 3).await;
    cluster.set_max_procs(2).unwrap();
    eventually(&runtime, "two", || cluster.counts().machines.ended == 1).await;
    cluster.set_limits(KindId(0), limits(0, 1)).unwrap();
    eventually(&runtime, "one", || cluster.counts().machines.ended == 2).await;
    let wrong = cluster.set_limits(KindId(0), limits(2, 1)).unwrap_err();
    assert!(matches!(wrong, Reject::Limits { .. }), "{wrong}");
    rests(&runtime, &cluster, &system).await;
}

async fn q01_a_request_expires_when_it_is_not_granted_in_time<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(1));
    let held = lease(&runtime, &cluster, 1).await;
    let begun = runtime.now();
    let late = cluster.request(procs(1)).timeout(SHORT);
    let late = within(&runtime, "it expires", late).await.unwrap_err();
    assert_eq!(late, RequestError::Expired);
    assert_eq!(late.to_string(), "no machine was granted in time");
    assert!(runtime.now() - begun >= SHORT);
    let at_once = cluster.request(procs(1)).timeout(Duration::ZERO).await;
    assert_eq!(at_once.unwrap_err(), RequestError::Expired);
    // Granted in time, or with a time-out beyond the end of time.
    let mut patient = cluster.request(procs(1)).timeout(Duration::MAX);
    assert!(poll(&mut patient, &noop_waker()).is_pending());
    drop(held);
    let patient = within(&runtime, "a grant", patient).await.unwrap();
    sleep(&runtime, SHORT).await;
    assert!(!patient.is_lost());
    drop(patient);
    rests(&runtime, &cluster, &system).await;
}

async fn p03_a_machine_may_be_preferred_or_avoided<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, Config::new(2, 6).unwrap());
    let mut leases = Vec::new();
    for _ in 0..3 {
        leases.push(lease(&runtime, &cluster, 2).await);
    }
    drop(leases);
    let prefers = cluster.request(procs(1)).prefer(MachineId(2));
    let prefers = within(&runtime, "a grant", prefers).await.unwrap();
    assert_eq!(prefers.id(), MachineId(2));
    let avoids = cluster.request(procs(2)).avoid(MachineId(0));
    let avoids = within(&runtime, "a grant", avoids).await.unwrap();
    assert_eq!(avoids.id(), MachineId(1));
    drop((prefers, avoids));
    rests(&runtime, &cluster, &system).await;
}

async fn requests_fail_when_nothing_is_in_service_for_long<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let mut options = Options::default();
    options.no_machines_timeout = Some(SHORT * 3);
    let config = one_machine(1).start_backoff_base(Duration::from_secs(3600));
    let cluster = cluster_with(
        &runtime,
        &system,
        config.start_backoff_cap(Duration::from_secs(3600)),
        options,
    );
    let held = lease(&runtime, &cluster, 1).await;
    // While a machine is in service, requests are not failed.
    let waiting = queued(&cluster, procs(1), &noop_waker());
    sleep(&runtime, SHORT * 6).await;
    assert_eq!(cluster.counts().queued, 1);
    system.book().start_error = Some(StartError::new("no such host"));
    assert!(system.lose(held.id(), "a test lost it"));
    let error = within(&runtime, "it fails", waiting).await.unwrap_err();
    let RequestError::NoMachines(text) = &error else {
        panic!("{error:?}");
    };
    assert!(
        text.starts_with("nothing was in service for 60ms"),
        "{text}"
    );
    assert_eq!(cluster.counts().queued, 0);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
}

/// Hours in the queue of a batch system are no failure.
async fn a_start_that_is_queued_elsewhere_fails_no_request<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    system.book().queue_starts = true;
    let mut options = Options::default();
    options.no_machines_timeout = Some(SHORT);
    let cluster = cluster_with(&runtime, &system, one_machine(1), options);
    let waiting = queued(&cluster, procs(1), &noop_waker());
    sleep(&runtime, SHORT * 6).await;
    assert_eq!(cluster.counts().queued, 1, "it is queued elsewhere");
    // It never boots.
    let start = system.book().queued_starts.pop().unwrap();
    start.booting();
    let error = within(&runtime, "it fails", waiting).await.unwrap_err();
    assert!(matches!(error, RequestError::NoMachines(_)), "{error:?}");
    within(&runtime, "the shutdown", cluster.shutdown()).await;
}

on_both_adapters!(
    r03_a_request_is_served_by_a_kind_that_it_accepts,
    g04_machines_of_a_kind_are_started_by_one_call,
    g02_machines_that_are_to_be_there_are_started_at_once,
    a_batch_that_starts_too_few_or_panics_is_as_many_failed_starts,
    a_start_that_is_queued_elsewhere_is_timed_when_it_boots,
    g03_a_start_error_may_say_when_to_try_again,
    f09_a_machine_that_offers_less_has_failed_to_start,
    r04_less_may_be_admitted,
    j01_a_machine_joins_by_itself,
    f07_requests_fail_when_no_kind_that_they_accept_can_be_started,
    e02_idle_machines_are_stopped_and_started_again,
    e03_limits_may_change,
    q01_a_request_expires_when_it_is_not_granted_in_time,
    p03_a_machine_may_be_preferred_or_avoided,
    requests_fail_when_nothing_is_in_service_for_long,
    a_start_that_is_queued_elsewhere_fails_no_request,
);
