//! What must be seen in a process of its own: a driver that is killed, memory, descriptors.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use futures::future::join_all;
use remuda_driver::{Cluster, Runtime};
use remuda_tests::{eventually, on_async_std, on_both_adapters, on_tokio, sleep};
use remuda_worker::{Exec, Exit};
use rustix::process::Signal;

use crate::support::{
    alive, cluster, config, gather, lease, mark, options, pid, processes, reason, send, sleepers,
    stubborn_job, system,
};

/// In the environment of a process that plays a role: adapter, role, mark.
const ROLE: &str = "REMUDA_TEST_ROLE";

/// Not a test: the process that the tests start.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let words: Vec<&str> = role.split(' ').collect();
    match words[..] {
        ["tokio", role, mark] => on_tokio(|runtime| play(runtime, role, mark)),
        ["async-std", role, mark] => on_async_std(|runtime| play(runtime, role, mark)),
        _ => panic!("no role {role:?}"),
    }
}

async fn play<R: Runtime>(runtime: R, role: &str, mark: &str) {
    match role {
        "drive" => drive(&runtime, mark).await,
        "gigabyte" => gigabyte(&runtime, mark).await,
        "trickle" => trickle(&runtime, mark).await,
        "lives" => lives(&runtime, mark).await,
        "held" => held(&runtime, mark).await,
        _ => panic!("no role {role:?}"),
    }
}

/// A process that plays a role; killed when dropped.
pub(crate) struct Role(Child);

impl Role {
    pub(crate) fn start<R: Runtime>(role: &str, mark: &str) -> Role {
        let adapter = match std::any::type_name::<R>().contains("Tokio") {
            true => "tokio",
            false => "async-std",
        };
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["--exact", "roles::role", "--nocapture"])
            .env(ROLE, format!("{adapter} {role} {mark}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Role(child.expect("this program can be started"))
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("our child");
    }

    async fn end<R: Runtime>(mut self, runtime: &R) -> ExitStatus {
        let limit = runtime.now() + Duration::from_secs(100);
        loop {
            if let Some(status) = self.0.try_wait().expect("our child") {
                return status;
            }
            assert!(runtime.now() < limit, "the role does not end");
            sleep(runtime, Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Drives two workers with a stubborn job each until it is killed.
async fn drive<R: Runtime>(runtime: &R, mark: &str) {
    let cluster = cluster(runtime, 1, 2, mark);
    let leases = [lease(&cluster, 1).await, lease(&cluster, 1).await];
    let job = Exec::shell(stubborn_job(mark));
    let _calls = leases
        .each_ref()
        .map(|lease| lease.call::<_, Exit>("exec", &job));
    sleep(runtime, Duration::from_secs(60)).await;
}

/// The most memory that a process has had so far, in KiB.
fn peak(process: impl std::fmt::Display) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of kB")
}

const MIB: u64 = 1024;

/// A job that prints 1 GiB to a reader that is slow at first.
async fn gigabyte<R: Runtime>(runtime: &R, mark: &str) {
    let cluster = cluster(runtime, 1, 1, mark);
    let lease = lease(&cluster, 1).await;
    let print = |bytes: u64| Exec::shell(format!("head -c {bytes} /dev/zero"));
    let (warm, ..) = gather(lease.call::<_, Exit>("exec", &print(1 << 20))).await;
    drop(warm);
    let before = [peak("self"), peak(pid(&lease))];
    let mut call = lease.call::<_, Exit>("exec", &print(1 << 30));
    let (mut bytes, mut chunks) = (0, 0);
    while let Some(chunk) = call.output().await {
        bytes += chunk.bytes.len() as u64;
        chunks += 1;
        if chunks < 20 {
            sleep(runtime, Duration::from_millis(20)).await;
        }
    }
    assert_eq!((bytes, call.await), (1 << 30, Ok(Exit::Code(0))));
    let after = [peak("self"), peak(pid(&lease))];
    for (who, before, after) in [
        ("driver", before[0], after[0]),
        ("worker", before[1], after[1]),
    ] {
        assert!(
            after - before < 4 * MIB,
            "the {who} grew from {before} to {after} KiB"
        );
    }
    drop(lease);
    cluster.shutdown().await;
}

/// Functions that print byte by byte, to a reader that takes its time: chunks that are small must not cost more.
async fn trickle<R: Runtime>(runtime: &R, mark: &str) {
    let cluster = cluster(runtime, 1, 1, mark);
    let lease = lease(&cluster, 1).await;
    gather(lease.call::<_, ()>("trickle", &10_000_u64))
        .await
        .2
        .expect("it prints");
    let before = [peak("self"), peak(pid(&lease))];
    let mut calls: Vec<_> = (0..8)
        .map(|_| lease.call::<_, ()>("trickle", &300_000_u64))
        .collect();
    for call in &mut calls {
        assert!(call.output().await.is_some());
    }
    sleep(runtime, Duration::from_secs(2)).await;
    for (stdout, _, result) in join_all(calls.into_iter().map(gather)).await {
        assert_eq!(result, Ok(()));
        assert!(
            stdout.len() > 200_000 && stdout.len() < 300_000,
            "{}",
            stdout.len()
        );
    }
    let after = [peak("self"), peak(pid(&lease))];
    for (who, before, after) in [
        ("driver", before[0], after[0]),
        ("worker", before[1], after[1]),
    ] {
        let allowed = 8 * 3 * MIB;
        assert!(
            after - before < allowed,
            "the {who} grew from {before} to {after} KiB"
        );
    }
    drop(lease);
    cluster.shutdown().await;
}

fn count(folder: &str) -> usize {
    fs::read_dir(folder).expect("/proc").count()
}

/// What machines must not leave behind in the driver: descriptors, threads, children that nobody waited for.
fn left_behind() -> (usize, usize, usize) {
    let me = std::process::id().cast_signed();
    let children = processes()
        .into_iter()
        .filter(|process| process.parent == me);
    (
        count("/proc/self/fd"),
        count("/proc/self/task"),
        children.count(),
    )
}

/// Fifty machines are born, work and are killed.
async fn lives<R: Runtime>(runtime: &R, mark: &str) {
    let cluster = cluster(runtime, 1, 5, mark);
    let mut first = None;
    for round in 1..=10 {
        let leases = join_all((0..5).map(|_| lease(&cluster, 1))).await;
        let squares = leases
            .iter()
            .map(|lease| lease.call::<_, u64>("square", &7_u64));
        assert!(
            join_all(squares)
                .await
                .into_iter()
                .all(|square| square == Ok(49))
        );
        for lease in &leases {
            send(pid(lease), Signal::KILL);
        }
        eventually(runtime, "all are lost", || {
            cluster.counts().machines.lost == 5 * round
        })
        .await;
        drop(leases);
        eventually(runtime, "nothing is left behind", || {
            let (fds, threads, children) = left_behind();
            let (first_fds, first_threads) = *first.get_or_insert((fds + 1, threads + 2));
            children == 0 && fds <= first_fds && threads <= first_threads
        })
        .await;
    }
    cluster.shutdown().await;
}

/// A machine is lost, and what left it holds its pipes: the driver lets go of them.
async fn held<R: Runtime>(runtime: &R, mark: &str) {
    let good = cluster(runtime, 1, 1, mark);
    drop(lease(&good, 1).await);
    good.shutdown().await;
    let (fds, ..) = left_behind();
    let system = system(runtime, 1, mark, &["hold"]);
    let cluster =
        Cluster::new(runtime.clone(), system, config(1, 1), options()).expect("a cluster");
    assert_eq!(
        crate::support::served_by(&cluster).await,
        remuda::MachineId(1)
    );
    let reason = reason(runtime, &cluster, remuda::MachineId(0)).await;
    assert!(
        reason.starts_with("its process ended (exit status: 0)"),
        "{reason}"
    );
    cluster.shutdown().await;
    assert_eq!(sleepers(mark), 1, "it holds the pipes all the time");
    eventually(runtime, "its descriptors are closed", || {
        left_behind().0 <= fds
    })
    .await;
    for process in alive(mark) {
        send(process.pid, Signal::KILL);
    }
}

async fn plays_well<R: Runtime>(runtime: R, role: &str) {
    let mark = mark();
    let status = Role::start::<R>(role, &mark).end(&runtime).await;
    assert!(status.success(), "{role}: {status}");
    crate::support::await_nothing(&runtime, &mark).await;
}

async fn a_gigabyte_of_output_costs_neither_side_more_than_a_few_mib<R: Runtime>(runtime: R) {
    plays_well(runtime, "gigabyte").await;
}

async fn output_in_small_pieces_costs_no_more_than_in_large_ones<R: Runtime>(runtime: R) {
    plays_well(runtime, "trickle").await;
}

async fn fifty_lives_leave_no_descriptor_thread_or_child_behind<R: Runtime>(runtime: R) {
    plays_well(runtime, "lives").await;
}

async fn what_left_with_the_pipes_holds_up_a_loss_for_a_bounded_time_only<R: Runtime>(runtime: R) {
    plays_well(runtime, "held").await;
}

on_both_adapters!(
    a_gigabyte_of_output_costs_neither_side_more_than_a_few_mib,
    output_in_small_pieces_costs_no_more_than_in_large_ones,
    fifty_lives_leave_no_descriptor_thread_or_child_behind,
    what_left_with_the_pipes_holds_up_a_loss_for_a_bounded_time_only,
);
