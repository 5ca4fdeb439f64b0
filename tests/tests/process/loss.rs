//! Workers that are killed, stopped or silent in mid-job: what they ran is dead before it can run again elsewhere.

use std::time::Duration;

use futures::future::join_all;
use remuda::{MachineId, Outcome};
use remuda_driver::{CallError, Cluster, Runtime};
use remuda_tests::{eventually, on_both_adapters};
use remuda_worker::{Exec, Exit};
use rustix::process::Signal;

use crate::support::{
    FUNCTIONS, ProcessCluster, STUBBORN, alive, await_nothing, await_sleepers, cluster, config,
    lease, mark, options, pid, processes, reason, send, sleepers, stop, stubborn_job, system,
    template, wrapped_template,
};

/// What a call that was lost says.
fn why(result: Result<Exit, CallError>) -> String {
    match result {
        Err(CallError::Lost(why)) => why,
        other => panic!("expected a lost call, not {other:?}"),
    }
}

async fn jobs_of_a_killed_worker_are_dead_before_their_calls_are_lost<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 2, 1, &mark);
    let first = lease(&cluster, 1).await;
    let second = lease(&cluster, 1).await;
    let job = Exec::shell(stubborn_job(&mark));
    let calls = [&first, &second].map(|lease| lease.call::<_, Exit>("exec", &job));
    await_sleepers(&runtime, &mark, 2 * STUBBORN).await;
    send(pid(&first), Signal::KILL);
    for call in calls {
        let result = call.await;
        // At this very moment, and so is the guard's work done.
        assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
        let why = why(result);
        assert!(why.contains("signal: 9 (SIGKILL)"), "{why}");
        assert!(
            first.is_lost() && second.is_lost(),
            "the manager knows (F4)"
        );
    }
    assert_eq!(
        (cluster.counts().running, cluster.counts().machines.lost),
        (0, 1)
    );
    // It runs again elsewhere.
    let again = lease(&cluster, 1).await;
    assert_eq!(again.id(), MachineId(1));
    assert_eq!(
        again.call("exec", &Exec::shell("exit 4")).await,
        Ok(Exit::Code(4))
    );
    let said = reason(&runtime, &cluster, MachineId(0)).await;
    assert!(said.contains("SIGKILL"), "{said}");
    // What was lost has no say any more.
    first.finish(Outcome::Ok);
    drop(second);
    again.finish(Outcome::Ok);
    assert_eq!(cluster.counts().need.procs(), 0);
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_loss_is_told_only_when_the_output_has_ended<R: Runtime>(runtime: R) {
    let mark = mark();
    // Its process ends at once; what stands for a guard that has much to do takes its time.
    let system = system(&runtime, 1, &mark, &["linger"]);
    let cluster = Cluster::new(runtime.clone(), system, config(1, 1), options()).unwrap();
    let lease = lease(&cluster, 1).await;
    let lost = lease.call::<_, u64>("square", &7_u64).await;
    assert!(alive(&mark).is_empty(), "{:#?}", alive(&mark));
    let Err(CallError::Lost(why)) = lost else {
        panic!("expected a lost call, not {lost:?}");
    };
    assert_eq!(why, "its process ended (exit status: 0)");
    cluster.shutdown().await;
}

async fn all_calls_of_a_killed_worker_are_lost_each_once<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 64, 1, &mark);
    let leases = join_all((0..64).map(|_| lease(&cluster, 1))).await;
    let job = Exec::shell(format!("sleep {mark}"));
    let calls: Vec<_> = leases
        .iter()
        .map(|lease| lease.call::<_, Exit>("exec", &job))
        .collect();
    await_sleepers(&runtime, &mark, 64).await;
    send(pid(&leases[0]), Signal::KILL);
    let calls = calls
        .into_iter()
        .zip(&leases)
        .map(|(call, lease)| async move {
            let why = why(call.await);
            assert!(lease.is_lost(), "the call was lost before its lease");
            // Whoever asks at once is not sent to the dead machine again.
            why
        });
    for why in join_all(calls).await {
        assert!(why.contains("SIGKILL"), "{why}");
    }
    assert_eq!(sleepers(&mark), 0);
    let counts = cluster.counts();
    assert_eq!(
        (counts.running, counts.need.procs(), counts.machines.lost),
        (0, 0, 1)
    );
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

/// A cluster that soon notices a silent machine.
fn watchful<R: Runtime>(runtime: &R, mark: &str) -> ProcessCluster<R> {
    let config = config(1, 1)
        .poll_interval(Duration::from_millis(50))
        .silent_polls(3);
    let mut options = options();
    options.poll_timeout = Duration::from_millis(300);
    let system = system(runtime, 1, mark, &["serve"]);
    Cluster::new(runtime.clone(), system, config, options).expect("a cluster")
}

async fn f08_a_stopped_worker_is_noticed_killed_and_replaced<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = watchful(&runtime, &mark);
    let first = lease(&cluster, 1).await;
    let stopped = pid(&first);
    let call = first.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    stop(&runtime, stopped).await;
    let result = call.await;
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    let why = why(result);
    assert!(why.contains("killed by its driver"), "{why}");
    let said = reason(&runtime, &cluster, first.id()).await;
    assert!(said.contains("polls went unanswered"), "{said}");
    let again = lease(&cluster, 1).await;
    assert_ne!(again.id(), first.id());
    assert_eq!(again.call("square", &7_u64).await, Ok(49_u64));
    drop(again);
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn f08_a_worker_that_hears_nothing_ends_with_its_jobs<R: Runtime>(runtime: R) {
    let mark = mark();
    let config = config(1, 1).poll_interval(Duration::ZERO);
    let system = system(&runtime, 1, &mark, &["serve"]).silence(Duration::from_secs(1));
    let cluster = Cluster::new(runtime.clone(), system, config, options()).unwrap();
    let lease = lease(&cluster, 1).await;
    let call = lease.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    let result = call.await;
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    let why = why(result);
    assert!(
        why.contains("the driver has been silent for too long"),
        "{why}"
    );
    assert!(reason(&runtime, &cluster, lease.id()).await.contains(&why));
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

/// A cluster that soon notices a silent machine, of a worker behind a shell.
fn wrapped<R: Runtime>(runtime: &R, mark: &str) -> ProcessCluster<R> {
    let words = wrapped_template(mark, &["serve"]);
    let system = remuda_driver::ProcessSystem::new(runtime.clone(), words).functions(FUNCTIONS);
    let config = config(1, 1)
        .poll_interval(Duration::from_millis(50))
        .silent_polls(3);
    let mut options = options();
    options.poll_timeout = Duration::from_millis(300);
    Cluster::new(runtime.clone(), system, config, options).expect("a cluster")
}

/// The worker that the shell `parent` has started.
fn child_of(parent: i32) -> i32 {
    let mut all = processes().into_iter();
    all.find(|process| process.parent == parent)
        .expect("the shell has a child")
        .pid
}

/// Containers look like this from inside: the worker's session and group are of an outer name space, and have no number.
async fn a_worker_in_a_name_space_of_processes_is_guarded_too<R: Runtime>(runtime: R) {
    const UNSHARE: [&str; 6] = [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--mount-proc",
    ];
    let mut probe = std::process::Command::new(UNSHARE[0]);
    let allowed = probe.args(&UNSHARE[1..]).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: `{} true` is not allowed here", UNSHARE.join(" "));
        return;
    }
    let mark = mark();
    let mut words: Vec<String> = UNSHARE.map(Into::into).into();
    // The shell is the name space's first process, whose end would end the guard as well.
    words.extend(["sh", "-c", "\"$@\"; sleep 1", &mark].map(Into::into));
    words.extend(template(&mark, &["serve"]));
    let system = remuda_driver::ProcessSystem::new(runtime.clone(), words)
        .functions(FUNCTIONS)
        .silence(Duration::from_secs(1));
    let config = config(1, 1).poll_interval(Duration::ZERO);
    let cluster = Cluster::new(runtime.clone(), system, config, options()).expect("a cluster");
    let lease = lease(&cluster, 1).await;
    let call = lease.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    let why = why(call.await);
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    assert!(why.contains("the driver has been silent"), "{why}");
    assert!(!why.contains("panicked"), "{why}");
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_worker_whose_wrapper_is_killed_ends_and_so_do_its_jobs<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = wrapped(&runtime, &mark);
    let first = lease(&cluster, 1).await;
    let call = first.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    let begun = runtime.now();
    send(pid(&first), Signal::KILL);
    let result = call.await;
    // Not given up after five seconds, but seen to end.
    assert!(runtime.now() - begun < Duration::from_secs(5));
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    assert!(why(result).contains("SIGKILL"));
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_stopped_worker_behind_a_wrapper_is_killed_too<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = wrapped(&runtime, &mark);
    let first = lease(&cluster, 1).await;
    let call = first.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    stop(&runtime, child_of(pid(&first))).await;
    let result = call.await;
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    why(result);
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_job_that_escapes_with_its_pipes_holds_nobody_up<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 1, 1, &mark);
    let lease = lease(&cluster, 1).await;
    // It holds the job's pipes: the job ends all the same.
    let job = Exec::shell(format!("setsid sleep {mark} & echo started"));
    assert_eq!(lease.call("exec", &job).await, Ok(Exit::Code(0)));
    // The documented limit: what leaves the session lives on.
    assert_eq!(sleepers(&mark), 1);
    send(pid(&lease), Signal::KILL);
    eventually(&runtime, "the machine is lost", || lease.is_lost()).await;
    let escaped = alive(&mark);
    let escaped = escaped
        .iter()
        .filter(|process| process.command.starts_with("sleep "));
    escaped.for_each(|process| send(process.pid, Signal::KILL));
    drop(lease);
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

on_both_adapters!(
    jobs_of_a_killed_worker_are_dead_before_their_calls_are_lost,
    a_loss_is_told_only_when_the_output_has_ended,
    all_calls_of_a_killed_worker_are_lost_each_once,
    f08_a_stopped_worker_is_noticed_killed_and_replaced,
    f08_a_worker_that_hears_nothing_ends_with_its_jobs,
    a_worker_in_a_name_space_of_processes_is_guarded_too,
    a_worker_whose_wrapper_is_killed_ends_and_so_do_its_jobs,
    a_stopped_worker_behind_a_wrapper_is_killed_too,
    a_job_that_escapes_with_its_pipes_holds_nobody_up,
);
