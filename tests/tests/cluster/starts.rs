//! Machines that do not start: requests that wait are failed when no machine ever came up, and only then.

use std::time::Duration;

use futures::future::join;
use futures::task::noop_waker;
use remuda::{Config, MachineId};
use remuda_driver::{Options, RequestError, Runtime, StartError};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{
    SHORT, cluster, cluster_with, gone, idle, lease, one_machine, poll, procs, queued, rests,
};

fn impatient() -> Config {
    one_machine(2)
        .start_backoff_base(SHORT / 4)
        .start_backoff_cap(SHORT)
}

async fn f07_requests_fail_at_the_fourth_step_with_the_last_error<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().start_error = Some(StartError::new("no such host"));
    let cluster = cluster(&runtime, &system, impatient());
    let both = join(cluster.request(procs(1)), cluster.request(procs(2)));
    let (one, other) = within(&runtime, "both fail", both).await;
    let error = RequestError::NoMachines("no such host".into());
    assert_eq!(
        (one.unwrap_err(), other.unwrap_err()),
        (error.clone(), error.clone())
    );
    assert_eq!(
        error.to_string(),
        "no machine could be started: no such host"
    );
    assert_eq!(system.book().starts, 4);
    assert_eq!(cluster.last_start_error(), "no such host");
    assert!(idle(&cluster, &system));
    assert!(cluster.machines().is_empty());
    // Not for ever: who asks later has it tried again, and one more failure is enough.
    let again = within(&runtime, "it fails", cluster.request(procs(1))).await;
    assert_eq!(again.unwrap_err(), error);
    assert_eq!(system.book().starts, 5);
    system.book().start_error = None;
    rests(&runtime, &cluster, &system).await;
}

async fn f07_once_a_machine_was_up_requests_wait<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, impatient());
    drop(lease(&runtime, &cluster, 1).await);
    system.book().start_error = Some(StartError::new("no such host"));
    assert!(system.lose(MachineId(0), "a test lost it"));
    eventually(&runtime, "the loss", || cluster.counts().machines.lost == 1).await;
    let mut request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "ten starts", || system.book().starts == 10).await;
    assert!(poll(&mut request, &noop_waker()).is_pending());
    system.book().start_error = None;
    let lease = within(&runtime, "a grant", request).await;
    drop(lease.unwrap());
    rests(&runtime, &cluster, &system).await;
}

async fn a_start_that_never_answers_has_failed<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let mut options = Options::default();
    options.start_timeout = Duration::from_millis(7);
    let cluster = cluster_with(&runtime, &system, impatient(), options);
    let error = within(&runtime, "it fails", cluster.request(procs(1))).await;
    assert_eq!(
        error.unwrap_err(),
        RequestError::NoMachines("it was not up after 7ms".into())
    );
    let given_up = |start: &futures::channel::oneshot::Sender<()>| start.is_canceled();
    assert!(system.book().held_starts.iter().all(given_up));
    system.book().hold_starts = false;
    rests(&runtime, &cluster, &system).await;
}

async fn s22_a_start_under_way_is_given_up_at_shutdown<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    system.book().start_error = None;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let request = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    assert!(system.book().held_starts[0].is_canceled());
    assert_eq!(request.await.unwrap_err(), RequestError::Shutdown);
    // That start did not fail; it was not wanted any more.
    assert_eq!(cluster.last_start_error(), "");
    assert_eq!(cluster.counts().pending.procs(), 0);
    drop(cluster);
    gone(&runtime, &system).await;
}

async fn s06_a_start_that_nobody_waits_for_any_more_goes_on<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    drop(queued(&cluster, procs(1), &noop_waker()));
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    assert_eq!(
        (
            cluster.counts().need.procs(),
            cluster.counts().pending.procs()
        ),
        (0, 2)
    );
    system.release_starts();
    eventually(&runtime, "it is up", || cluster.counts().machines.ok == 1).await;
    rests(&runtime, &cluster, &system).await;
    assert_eq!(system.book().starts, 1);
}

on_both_adapters!(
    f07_requests_fail_at_the_fourth_step_with_the_last_error,
    f07_once_a_machine_was_up_requests_wait,
    a_start_that_never_answers_has_failed,
    s22_a_start_under_way_is_given_up_at_shutdown,
    s06_a_start_that_nobody_waits_for_any_more_goes_on,
);
