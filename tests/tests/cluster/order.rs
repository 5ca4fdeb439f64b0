//! Clients hear of things in the order the manager decided them; and what crosses a loss or a drop.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use futures::task::noop_waker;
use remuda::{Demand, MachineId, Outcome};
use remuda_driver::{Request, RequestError, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{Count, Run, cluster, config, lease, one_machine, poll, procs, queued, rests};

type Record = Arc<Mutex<Vec<usize>>>;

fn records(record: &Record, what: usize) -> Waker {
    let record = record.clone();
    Run::waker(move || record.lock().unwrap().push(what))
}

/// Requests with these priorities and procs, each with a waker that records its position.
fn recorded<R: Runtime>(
    cluster: &remuda_driver::Cluster<R, Scripted>,
    record: &Record,
    asked: &[(i64, u32)],
) -> Vec<Request<R, Scripted>> {
    let requests = asked.iter().enumerate().map(|(at, &(priority, n))| {
        let mut request = cluster.request(procs(n)).priority(priority);
        assert!(poll(&mut request, &records(record, at)).is_pending());
        request
    });
    requests.collect()
}

async fn p01_grants_wake_in_the_order_they_were_made<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(8));
    let record = Record::default();
    // By priority, then by arrival.
    let asked = [(1, 1), (0, 1), (2, 1), (0, 2), (1, 1), (-7, 1), (2, 1)];
    let requests = recorded(&cluster, &record, &asked);
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    system.release_starts();
    eventually(&runtime, "all are granted", || {
        record.lock().unwrap().len() == 7
    })
    .await;
    assert_eq!(*record.lock().unwrap(), [5, 1, 3, 0, 4, 2, 6]);
    drop(requests);
    rests(&runtime, &cluster, &system).await;
}

async fn s22_a_shutdown_wakes_those_who_wait_in_their_order<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let record = Record::default();
    let mut requests = recorded(&cluster, &record, &[(1, 1), (0, 1), (1, 2), (0, 2)]);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
    eventually(&runtime, "all are told", || {
        record.lock().unwrap().len() == 4
    })
    .await;
    assert_eq!(*record.lock().unwrap(), [1, 3, 0, 2]);
    for request in &mut requests {
        let Poll::Ready(Err(error)) = poll(request, &noop_waker()) else {
            panic!("{request:?} is not told");
        };
        assert_eq!(error, RequestError::Shutdown);
    }
}

/// A lease that ends under the lock of another client's wake: its grants come after that one's.
async fn p01_a_grant_made_by_a_waker_comes_after_those_made_before<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(4));
    let big = lease(&runtime, &cluster, 3).await;
    let held = Mutex::new(Some(lease(&runtime, &cluster, 1).await));
    let record = Record::default();
    let note = records(&record, 0);
    let first = queued(
        &cluster,
        procs(1),
        &Run::waker(move || {
            note.wake_by_ref();
            drop(held.lock().unwrap().take());
        }),
    );
    let rest = recorded(&cluster, &record, &[(1, 1), (1, 1), (1, 1)]);
    big.finish(Outcome::Ok);
    // Another thread may be the one that wakes.
    eventually(&runtime, "all are granted", || {
        record.lock().unwrap().len() == 4
    })
    .await;
    assert_eq!(*record.lock().unwrap(), [0, 0, 1, 2]);
    drop((first, rest));
    rests(&runtime, &cluster, &system).await;
}

async fn a_grant_whose_machine_is_lost_before_it_was_seen_says_so<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(2));
    let count = Arc::<Count>::default();
    let mut request = queued(&cluster, procs(2), &Waker::from(count.clone()));
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    system.release_starts();
    eventually(&runtime, "the grant", || count.wakes() == 1).await;
    assert!(system.lose(MachineId(0), "a test lost it"));
    eventually(&runtime, "the loss", || cluster.counts().machines.lost == 1).await;
    assert_eq!((cluster.counts().need.procs(), count.wakes()), (0, 1));
    let error = request.await.unwrap_err();
    assert_eq!(error, RequestError::Lost(MachineId(0)));
    assert_eq!(
        error.to_string(),
        "machine m0 was lost between grant and delivery"
    );
    // And one that never looks leaves nothing behind.
    system.book().hold_starts = false;
    let held = lease(&runtime, &cluster, 2).await;
    request = queued(&cluster, procs(1), &noop_waker());
    held.finish(Outcome::Ok);
    assert!(system.lose(MachineId(1), "a test lost it"));
    eventually(&runtime, "the loss", || cluster.counts().machines.lost == 2).await;
    drop(request);
    rests(&runtime, &cluster, &system).await;
}

async fn s13_a_grant_that_crosses_a_drop_comes_back_unused<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let (held, bad) = (
        lease(&runtime, &cluster, 1).await,
        lease(&runtime, &cluster, 1).await,
    );
    let request = queued(&cluster, procs(1), &noop_waker());
    held.finish(Outcome::Ok);
    assert_eq!(cluster.counts().running, 2);
    // Neither health is changed by it: probation is not ended by a grant that nobody used.
    bad.finish(Outcome::Unreachable);
    drop(request);
    let counts = cluster.counts();
    assert_eq!(
        (
            counts.running,
            counts.need.procs(),
            counts.machines.probation
        ),
        (0, 0, 1)
    );
    within(&runtime, "the shutdown", cluster.shutdown()).await;

    let cluster = super::support::cluster(&runtime, &system, config());
    let held = lease(&runtime, &cluster, 2).await;
    let other = lease(&runtime, &cluster, 2).await;
    let request = queued(&cluster, Demand::Machine, &noop_waker());
    drop(held);
    drop(request);
    assert_eq!(cluster.counts().machines.ok, 2);
    drop(other);
    rests(&runtime, &cluster, &system).await;
}

on_both_adapters!(
    p01_grants_wake_in_the_order_they_were_made,
    s22_a_shutdown_wakes_those_who_wait_in_their_order,
    p01_a_grant_made_by_a_waker_comes_after_those_made_before,
    a_grant_whose_machine_is_lost_before_it_was_seen_says_so,
    s13_a_grant_that_crosses_a_drop_comes_back_unused,
);
