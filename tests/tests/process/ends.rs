//! The end: of a cluster that is shut down or dropped, and of a driver that is killed. Nothing is left.

use std::time::Duration;

use remuda::MachineId;
use remuda_driver::{CallError, Cluster, ProcessSystem, RequestError, Runtime};
use remuda_tests::{eventually, on_both_adapters};
use remuda_worker::{Exec, Exit};

use crate::roles::Role;
use crate::support::{
    FUNCTIONS, STUBBORN, alive, await_nothing, await_sleepers, cluster, config, lease, mark,
    options, procs, sleepers, stop, stubborn_job, system, template, wrapped_template,
};

async fn a_shutdown_ends_workers_and_jobs<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 1, 2, &mark);
    let busy = lease(&cluster, 1).await;
    let idle = lease(&cluster, 1).await;
    let call = busy.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    drop(idle);
    cluster.shutdown().await;
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    await_nothing(&runtime, &mark).await;
    assert!(matches!(call.await, Err(CallError::Lost(_))));
    assert_eq!(
        cluster.request(procs(1)).await.unwrap_err(),
        RequestError::Shutdown
    );
    // They went politely.
    for machine in [MachineId(0), MachineId(1)] {
        let reason = crate::support::reason(&runtime, &cluster, machine).await;
        assert_eq!(reason, "its process ended (exit status: 0)");
    }
    cluster.shutdown().await;
}

async fn a_worker_that_ignores_the_goodbye_is_killed<R: Runtime>(runtime: R) {
    // By itself, and behind a wrapper that would be killed alone.
    for template in [template, wrapped_template] {
        let mark = mark();
        let mut options = options();
        options.stop_timeout = Duration::from_millis(200);
        let words = template(&mark, &["always-deaf"]);
        let system = ProcessSystem::new(runtime.clone(), words).functions(FUNCTIONS);
        let cluster = Cluster::new(runtime.clone(), system, config(1, 1), options).unwrap();
        let lease = lease(&cluster, 1).await;
        let call = lease.call::<_, u64>("square", &7_u64);
        cluster.shutdown().await;
        await_nothing(&runtime, &mark).await;
        let lost = call.await;
        let Err(CallError::Lost(why)) = lost else {
            panic!("expected a lost call, not {lost:?}");
        };
        assert!(why.contains("killed by its driver"), "{why}");
    }
}

async fn a_shutdown_gives_up_the_starts_that_are_under_way<R: Runtime>(runtime: R) {
    let mark = mark();
    let system = system(&runtime, 1, &mark, &["always-mute"]);
    let cluster = Cluster::new(runtime.clone(), system, config(1, 2), options()).unwrap();
    let (answer, ()) = futures::future::join(cluster.request(procs(1)), async {
        eventually(&runtime, "a worker is started", || !alive(&mark).is_empty()).await;
        cluster.shutdown().await;
    })
    .await;
    assert_eq!(answer.unwrap_err(), RequestError::Shutdown);
    await_nothing(&runtime, &mark).await;
}

async fn a_start_that_is_given_up_leaves_nothing_of_its_wrapper<R: Runtime>(runtime: R) {
    let mark = mark();
    // The shell waits for what it started; to kill the shell alone is not enough.
    let words = ["sh", "-c", &format!("sleep {mark}; exit $?")].map(str::to_owned);
    let system = ProcessSystem::new(runtime.clone(), words.to_vec())
        .functions(FUNCTIONS)
        .hello_timeout(Duration::from_millis(500));
    let config = config(1, 1).start_backoff_base(Duration::from_secs(100));
    let cluster = Cluster::new(runtime.clone(), system, config, options()).unwrap();
    let request = Box::pin(cluster.request(procs(1)));
    let failed = Box::pin(eventually(&runtime, "the start fails", || {
        !cluster.last_start_error().is_empty()
    }));
    assert!(matches!(
        futures::future::select(request, failed).await,
        futures::future::Either::Right(_)
    ));
    await_nothing(&runtime, &mark).await;
    cluster.shutdown().await;
}

async fn a_cluster_that_is_dropped_ends_its_workers<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 1, 2, &mark);
    let busy = lease(&cluster, 1).await;
    let idle = lease(&cluster, 1).await;
    let call = busy.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    drop(cluster);
    // A lease is a handle of its cluster.
    assert_eq!(idle.call("square", &7_u64).await, Ok(49_u64));
    drop((busy, idle));
    await_nothing(&runtime, &mark).await;
    assert!(call.await.is_err());
}

async fn a_driver_that_is_killed_takes_all_with_it<R: Runtime>(runtime: R) {
    let mark = mark();
    let mut driver = Role::start::<R>("drive", &mark);
    await_sleepers(&runtime, &mark, 2 * STUBBORN).await;
    driver.kill();
    gone_soon(&runtime, &mark).await;
}

async fn a_driver_that_is_killed_takes_stopped_workers_with_it<R: Runtime>(runtime: R) {
    let mark = mark();
    let mut driver = Role::start::<R>("drive", &mark);
    await_sleepers(&runtime, &mark, 2 * STUBBORN).await;
    let workers: Vec<_> = alive(&mark)
        .into_iter()
        .filter(|process| process.command.starts_with(crate::support::WORKER))
        .collect();
    assert_eq!(workers.len(), 2);
    for worker in workers {
        stop(&runtime, worker.pid).await;
    }
    driver.kill();
    gone_soon(&runtime, &mark).await;
}

/// What is promised is two seconds; a machine that is busy with something else may take longer to give them.
async fn gone_soon<R: Runtime>(runtime: &R, mark: &str) {
    let begun = runtime.now();
    await_nothing(runtime, mark).await;
    let took = runtime.now() - begun;
    assert!(
        took < Duration::from_secs(8),
        "they survived it by {took:?}"
    );
}

on_both_adapters!(
    a_shutdown_ends_workers_and_jobs,
    a_worker_that_ignores_the_goodbye_is_killed,
    a_shutdown_gives_up_the_starts_that_are_under_way,
    a_start_that_is_given_up_leaves_nothing_of_its_wrapper,
    a_cluster_that_is_dropped_ends_its_workers,
    a_driver_that_is_killed_takes_all_with_it,
    a_driver_that_is_killed_takes_stopped_workers_with_it,
);

/// async-std's runtime ends with its process alone.
#[test]
fn a_tokio_runtime_that_ends_takes_the_workers_with_it() {
    let mark = mark();
    let left = remuda_tokio::run(async |runtime: remuda_tokio::Tokio| {
        let cluster = cluster(&runtime, 1, 1, &mark);
        let lease = lease(&cluster, 1).await;
        let call = lease.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
        await_sleepers(&runtime, &mark, STUBBORN).await;
        (cluster, lease, call)
    });
    let (cluster, lease, call) = left.expect("a runtime");
    remuda_tests::on_tokio(async |runtime| await_nothing(&runtime, &mark).await);
    // And nobody who is left waits for ever.
    remuda_tests::on_tokio(async |_| {
        assert!(call.await.is_err());
        assert!(lease.is_lost());
        cluster.shutdown().await;
    });
}
