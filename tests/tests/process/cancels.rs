//! Calls that nobody wants any more: the job's group is killed, and its procs are given out again only after that (F12).

use std::time::Duration;

use remuda::{MachineId, Outcome};
use remuda_driver::{CallError, Runtime};
use remuda_tests::{eventually, on_both_adapters};
use remuda_worker::{Exec, Exit};

use crate::support::{
    STUBBORN, alive, await_nothing, await_sleepers, cluster, gather, lease, mark, sleepers,
    stubborn_job,
};

async fn f12_a_dropped_lease_gives_its_procs_back_when_its_job_is_dead<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 1, 1, &mark);
    let first = lease(&cluster, 1).await;
    // It ignores SIGTERM, so that it takes a SIGKILL.
    let call = first.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    drop(first);
    let second = lease(&cluster, 1).await;
    assert_eq!(sleepers(&mark), 0, "{:#?}", alive(&mark));
    assert_eq!(second.id(), MachineId(0));
    assert_eq!(call.await, Err(CallError::Cancelled));
    second.finish(Outcome::Ok);
    assert_eq!(
        (
            cluster.counts().need.procs(),
            cluster.counts().machines.lost
        ),
        (0, 0)
    );
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

async fn a_dropped_call_ends_its_job_and_leaves_the_lease<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 1, 1, &mark);
    let lease = lease(&cluster, 1).await;
    let call = lease.call::<_, Exit>("exec", &Exec::shell(stubborn_job(&mark)));
    await_sleepers(&runtime, &mark, STUBBORN).await;
    drop(call);
    await_sleepers(&runtime, &mark, 0).await;
    assert_eq!(lease.call("square", &7_u64).await, Ok(49_u64));
    assert_eq!(cluster.counts().running, 1);
    lease.finish(Outcome::Ok);
    cluster.shutdown().await;
}

async fn a_call_has_ended_when_all_of_its_job_is_dead<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 1, 1, &mark());
    let lease = lease(&cluster, 1).await;
    // So large that it is not dead as soon as it is killed: its memory has to be taken down first.
    let large = "dd if=/dev/zero of=/dev/null bs=200M & sleep 0.3; echo $!";
    let dead = |printed: Vec<u8>| {
        let pid = String::from_utf8(printed).expect("a number");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    let (printed, _, exit) = gather(lease.call("exec", &Exec::shell(large))).await;
    assert!(dead(printed), "the job ended with its process");
    assert_eq!(exit, Ok(Exit::Code(0)));
    let job = Exec::shell(format!("{large}; wait"));
    let mut call = lease.call::<_, Exit>("exec", &job);
    let printed = call.output().await.expect("a number");
    call.cancel();
    let exit = call.await;
    assert!(dead(printed.bytes), "the job was cancelled");
    assert_eq!(exit, Err(CallError::Cancelled));
    drop(lease);
    cluster.shutdown().await;
}

async fn a_job_may_tidy_up_when_it_is_cancelled<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 1, 1, &mark);
    let lease = lease(&cluster, 1).await;
    let note = tempfile::NamedTempFile::new().expect("a file");
    let line = format!(
        "trap 'echo tidy > {}; exit 0' TERM; sleep {mark} & echo ready; wait",
        note.path().display()
    );
    let mut call = lease.call::<_, Exit>("exec", &Exec::shell(line));
    assert_eq!(
        call.output().await.map(|chunk| chunk.bytes),
        Some(b"ready\n".to_vec())
    );
    call.cancel();
    assert_eq!(call.await, Err(CallError::Cancelled));
    assert_eq!(sleepers(&mark), 0);
    assert_eq!(
        std::fs::read_to_string(note.path()).expect("the file"),
        "tidy\n"
    );
    drop(lease);
    cluster.shutdown().await;
}

async fn f12_a_function_that_does_not_heed_its_cancel_keeps_its_procs<R: Runtime>(runtime: R) {
    let cluster = cluster(&runtime, 1, 1, &mark());
    let first = lease(&cluster, 1).await;
    let begun = runtime.now();
    let call = first.call::<_, u64>("sleep", &(700_u64, false));
    // Calls are sent in order: now the worker has it. One that it has not would be taken back.
    assert_eq!(first.call("square", &7_u64).await, Ok(49_u64));
    drop(first);
    let second = lease(&cluster, 1).await;
    assert!(
        runtime.now() - begun >= Duration::from_millis(700),
        "its procs were given out twice"
    );
    // Its result came too late to be wanted, and is not thrown away.
    assert_eq!(call.await, Ok(700));
    let heeding = second.call::<_, u64>("sleep", &(60_000_u64, true));
    drop(second);
    let third = lease(&cluster, 1).await;
    assert_eq!(heeding.await, Err(CallError::Cancelled));
    assert_eq!(third.id(), MachineId(0));
    drop(third);
    assert_eq!(cluster.counts().machines.lost, 0);
    cluster.shutdown().await;
}

async fn a_call_whose_output_nobody_reads_can_be_cancelled<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 2, 1, &mark);
    let first = lease(&cluster, 2).await;
    // The name is the mark's by which it is known among the processes.
    let job = Exec::shell(format!("yes {mark}"));
    let mut calls = [
        first.call::<_, Exit>("exec", &job),
        first.call::<_, Exit>("exec", &job),
    ];
    for call in &mut calls {
        assert!(call.output().await.is_some());
    }
    let print = first.call::<_, ()>("print", &(1_u64 << 40));
    drop(first);
    let second = lease(&cluster, 2).await;
    let yes = alive(&mark)
        .into_iter()
        .filter(|process| process.command.starts_with("yes "));
    assert_eq!(yes.count(), 0);
    for call in calls {
        assert_eq!(call.await, Err(CallError::Cancelled));
    }
    assert_eq!(print.await, Err(CallError::Cancelled));
    second.finish(Outcome::Ok);
    cluster.shutdown().await;
}

async fn calls_that_are_dropped_as_soon_as_made_leave_nothing<R: Runtime>(runtime: R) {
    let mark = mark();
    let cluster = cluster(&runtime, 4, 1, &mark);
    let job = Exec::shell(format!("sleep {mark}"));
    for round in 0..20 {
        let leases = [lease(&cluster, 2).await, lease(&cluster, 2).await];
        let calls: Vec<_> = leases
            .iter()
            .map(|lease| lease.call::<_, Exit>("exec", &job))
            .collect();
        // Dropped in whatever state the first is in by then.
        let wait = Duration::from_micros(300 * round);
        remuda_tests::sleep(&runtime, wait).await;
        if round % 2 == 0 {
            drop(calls);
            drop(leases);
        } else {
            drop(leases);
            drop(calls);
        }
    }
    eventually(&runtime, "all procs come back", || {
        let counts = cluster.counts();
        (counts.need.procs(), counts.running, counts.machines.lost) == (0, 0, 0)
    })
    .await;
    assert_eq!(sleepers(&mark), 0);
    cluster.shutdown().await;
    await_nothing(&runtime, &mark).await;
}

on_both_adapters!(
    f12_a_dropped_lease_gives_its_procs_back_when_its_job_is_dead,
    a_dropped_call_ends_its_job_and_leaves_the_lease,
    a_call_has_ended_when_all_of_its_job_is_dead,
    a_job_may_tidy_up_when_it_is_cancelled,
    f12_a_function_that_does_not_heed_its_cancel_keeps_its_procs,
    a_call_whose_output_nobody_reads_can_be_cancelled,
    calls_that_are_dropped_as_soon_as_made_leave_nothing,
);
