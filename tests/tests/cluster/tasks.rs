//! Tasks whose results live on machines (S14, S15).

use std::sync::Arc;
use std::task::Waker;

use futures::StreamExt as _;
use futures::task::noop_waker;
use remuda::{MachineId, Reject, TaskId};
use remuda_driver::{LostTask, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{Count, cluster, config, gone, lease, poll, rests};

fn lost(task: u64, machine: u64) -> LostTask {
    LostTask {
        task: TaskId(task),
        machine: MachineId(machine),
    }
}

async fn s14_tasks_are_lost_in_the_order_of_assignment<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let (first, second) = (
        lease(&runtime, &cluster, 2).await,
        lease(&runtime, &cluster, 2).await,
    );
    let mut streams = [cluster.lost_tasks(), cluster.lost_tasks()];
    for task in [9, 3, 7, 5, 1] {
        first.assign(TaskId(task)).unwrap();
    }
    second.assign(TaskId(2)).unwrap();
    // Assigned again: it keeps its place.
    first.assign(TaskId(9)).unwrap();
    assert!(system.lose(first.id(), "a test lost it"));
    eventually(&runtime, "the loss", || first.is_lost()).await;
    // On a machine that is lost, a task is lost at once.
    first.assign(TaskId(4)).unwrap();
    for stream in &mut streams {
        let six = stream.by_ref().take(6).collect::<Vec<_>>();
        let six = within(&runtime, "six are lost", six).await;
        assert_eq!(six, [9, 3, 7, 5, 1, 4].map(|task| lost(task, 0)));
        let mut seventh = Box::pin(stream.next());
        assert!(poll(&mut seventh, &noop_waker()).is_pending());
    }
    drop((first, second));
    rests(&runtime, &cluster, &system).await;
}

async fn s15_a_discarded_task_is_lost_and_its_machine_told<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let held = lease(&runtime, &cluster, 2).await;
    let machine = held.id();
    let mut stream = cluster.lost_tasks();
    held.assign(TaskId(1)).unwrap();
    held.assign(TaskId(2)).unwrap();
    cluster.discard(machine, TaskId(1)).unwrap();
    // Not held any more, and never held: neither is told, nor reported.
    cluster.discard(machine, TaskId(1)).unwrap();
    cluster.discard(machine, TaskId(8)).unwrap();
    eventually(&runtime, "the machine is told", || {
        system.logged("discard t1 m0")
    })
    .await;
    assert!(system.lose(machine, "a test lost it"));
    let both = [stream.next().await, stream.next().await];
    assert_eq!(both, [Some(lost(1, 0)), Some(lost(2, 0))]);
    assert_eq!(system.book().log, ["discard t1 m0"]);
    let never = cluster.discard(MachineId(4), TaskId(1)).unwrap_err();
    assert!(matches!(never, Reject::UnknownMachine { .. }));
    let never = cluster.assign(MachineId(4), TaskId(1)).unwrap_err();
    assert_eq!(never.to_string(), "m4 was never asked for");
    drop(held);
    rests(&runtime, &cluster, &system).await;
    // The stream ends with the cluster.
    drop(cluster);
    let end = within(&runtime, "the end", stream.next()).await;
    assert_eq!(end, None);
    gone(&runtime, &system).await;
}

async fn a_stream_that_was_dropped_leaves_nothing_behind<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, config());
    let count = Arc::<Count>::default();
    let mut first = cluster.lost_tasks();
    let mut next = Box::pin(first.next());
    assert!(poll(&mut next, &Waker::from(count.clone())).is_pending());
    drop(next);
    assert_eq!(Arc::strong_count(&count), 2);
    drop(first);
    // Nothing is ever lost here; whoever listens next has the other cleared away.
    drop(cluster.lost_tasks());
    assert_eq!(Arc::strong_count(&count), 1);
    rests(&runtime, &cluster, &system).await;
}

on_both_adapters!(
    a_stream_that_was_dropped_leaves_nothing_behind,
    s14_tasks_are_lost_in_the_order_of_assignment,
    s15_a_discarded_task_is_lost_and_its_machine_told,
);
