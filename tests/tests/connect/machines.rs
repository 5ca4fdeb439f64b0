//! Workers that connect back as machines: they are started, join, are called, stopped and killed like others.

use std::time::Duration;

use futures::future::join;
use remuda::{Config, Kind, KindId, Kinds, MachineId, Outcome, Resources};
use remuda_driver::{
    ByKind, CallError, Cluster, ConnectSystem, Listen, OneOf, Options, ProcessSystem, Runtime,
};
use remuda_tests::{eventually, on_both_adapters, within};
use remuda_worker::{Exec, Exit};
use rustix::process::Signal;

use crate::support::{
    FUNCTIONS, Joined, KeyFile, Machines, WORKER, alive, await_nothing, cluster, joining, kind,
    listen, loopback, mark, procs, send,
};

const RECONNECT: Duration = Duration::from_secs(20);

/// Starts a worker for a machine that is asked for. It is refused, and started again, if it comes before the start waits.
async fn until_up<R: Runtime>(
    runtime: &R,
    cluster: &Machines<R>,
    count: u64,
    start: impl Fn() -> Joined,
) -> Joined {
    loop {
        let mut worker = start();
        let is_up = || cluster.counts().machines.ok == count;
        eventually(runtime, "it is up or refused", || {
            is_up() || worker.0.try_wait().expect("it is ours").is_some()
        })
        .await;
        if is_up() {
            return worker;
        }
    }
}

async fn a_start_is_answered_by_the_worker_with_its_number<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let system = ConnectSystem::new(&listener);
    let config = Config::new(2, 4).expect("a good config");
    let cluster = Cluster::new(runtime.clone(), system, config, Options::default()).unwrap();
    let mut requests = Box::pin(join(cluster.request(procs(2)), cluster.request(procs(2))));
    assert!(futures::poll!(&mut requests).is_pending());
    let start = |name: &'static str| {
        let (mark, address, key) = (&mark, listener.address(), &key);
        move || Joined::start_as(name, mark, address, key, RECONNECT, "")
    };
    let workers = [
        until_up(&runtime, &cluster, 1, start("m1")).await,
        until_up(&runtime, &cluster, 2, start("m0")).await,
    ];
    let (first, second) = requests.await;
    let leases = [first.expect("a lease"), second.expect("another")];
    assert_ne!(leases[0].id(), leases[1].id());
    for lease in leases {
        assert_eq!(lease.call::<_, u64>("square", &7_u64).await, Ok(49));
        let length = 3_000_000_u64;
        let mut call = lease.call::<_, ()>("print", &length);
        let mut bytes = Vec::new();
        while let Some(chunk) = call.output().await {
            bytes.extend(chunk.bytes);
        }
        assert_eq!(bytes.len() as u64, length);
        assert!(
            bytes
                .iter()
                .enumerate()
                .all(|(n, byte)| n % 251 == usize::from(*byte))
        );
        assert_eq!(call.await, Ok(()));
        let large = vec![5_u8; 900_000];
        let taken: usize = lease
            .call("swallow", &(large, 10_u64))
            .await
            .expect("it fits");
        assert_eq!(taken, 900_000);
        lease.finish(Outcome::Ok);
    }
    cluster.shutdown().await;
    for worker in workers {
        assert_eq!(worker.said(&runtime).await, "", "it ended in good order");
    }
    await_nothing(&runtime, &mark).await;
}

async fn workers_join_by_kind_beside_machines_that_are_processes<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let config = Config::empty()
        .kind(Kind::new(Resources::procs(1)).max(1))
        .kind(Kind::new(Resources::procs(8)).startable(false))
        .kind(Kind::new(Resources::procs(2)).startable(false))
        .max_procs(1000);
    let process = [WORKER, "{procs}", "{machine}", &mark, "serve"].map(str::to_owned);
    let processes = ProcessSystem::new(runtime.clone(), process.into());
    let listener = Listen::new(key.key.clone())
        .functions(FUNCTIONS)
        .kind("big", KindId(1))
        .kind("small", KindId(2))
        .bind(&runtime, loopback())
        .expect("a free port");
    let connected = Kinds::from(KindId(1)).with(KindId(2));
    let system = ByKind::new(processes, ConnectSystem::new(&listener), connected);
    let cluster = Cluster::new(runtime.clone(), system, config, Options::default()).unwrap();
    // Before anybody admits them they are refused, and a kind that is not there always is.
    let address = listener.address();
    let said = Joined::start(&mark, address, &key, RECONNECT, "")
        .said(&runtime)
        .await;
    assert!(said.contains("takes no workers that join"), "{said}");
    listener.admit(&cluster, OneOf::Second);
    let said = Joined::start(&mark, address, &key, RECONNECT, "huge")
        .said(&runtime)
        .await;
    assert!(
        said.contains("numbers from 0 to 2, and the names: big, small"),
        "{said}"
    );
    let said = Joined::start(&mark, address, &key, RECONNECT, "3")
        .said(&runtime)
        .await;
    assert!(said.contains("no such kind"), "{said}");

    let joined: Vec<Joined> = ["", "small", "k2", "1"]
        .map(|kind| Joined::start(&mark, address, &key, RECONNECT, kind))
        .into();
    eventually(&runtime, "four have joined", || {
        cluster.counts().machines.ok == 4
    })
    .await;
    let count = |kind: u8| {
        cluster
            .counts_of(KindId(kind))
            .map(|counts| counts.machines.ok)
    };
    assert_eq!([count(0), count(1), count(2)], [Some(0), Some(2), Some(2)]);
    // Each says two procs: the big ones offer less than their kind could have, and are not asked for more.
    let whole = cluster.request(procs(8)).kinds(kind(KindId(1)));
    let queued = Box::pin(whole);
    let mut leases = Vec::new();
    for (wanted, name) in [(0, "m"), (1, "j"), (2, "j")] {
        let lease = cluster
            .request(procs(1))
            .kinds(kind(KindId(wanted)))
            .await
            .expect("a lease");
        assert!(lease.id().to_string().starts_with(name), "{}", lease.id());
        assert_eq!(lease.call::<_, u64>("square", &9_u64).await, Ok(81));
        leases.push(lease);
    }
    assert!(matches!(leases[0].handle(), OneOf::First(_)));
    assert!(matches!(leases[1].handle(), OneOf::Second(_)));
    drop((queued, leases));
    cluster.shutdown().await;
    for worker in joined {
        assert_eq!(worker.said(&runtime).await, "", "it ended in good order");
    }
    await_nothing(&runtime, &mark).await;
}

/// A killed worker's guard proves the end at once; nobody waits until the worker would have given up.
async fn a_killed_worker_is_lost_when_its_jobs_are_dead<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let cluster = cluster(&runtime, &listener, joining());
    let far = Duration::from_secs(3600);
    let worker = Joined::start(&mark, listener.address(), &key, far, "");
    let lease = cluster.request(procs(1)).await.expect("a lease");
    let job = Exec::shell(format!("sleep {mark} & sleep {mark}"));
    let call = lease.call::<_, Exit>("exec", &job);
    let sleep = format!("sleep {mark} ");
    let sleepers = || {
        let all = alive(&mark);
        all.iter()
            .filter(|process| process.command == sleep)
            .count()
    };
    eventually(&runtime, "the job runs", || sleepers() == 2).await;
    send(worker.pid(), Signal::KILL);
    let lost = within(&runtime, "the loss", call).await;
    assert_eq!(sleepers(), 0);
    let Err(CallError::Lost(why)) = lost else {
        panic!("expected a loss, not {lost:?}");
    };
    assert_eq!(why, "its process ended");
    drop(worker);
    await_nothing(&runtime, &mark).await;
    cluster.shutdown().await;
}

async fn a_worker_with_a_number_that_nobody_waits_for_is_refused<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let cluster = cluster(&runtime, &listener, joining());
    let address = listener.address();
    let worker = Joined::start_as("m7", &mark, address, &key, RECONNECT, "");
    let said = worker.said(&runtime).await;
    assert!(said.contains("no start waits for machine m7"), "{said}");
    assert_eq!(cluster.counts().machines.ok, 0);
    cluster.shutdown().await;
}

async fn a_worker_with_other_functions_is_told_so<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = Listen::new(key.key.clone()).functions(["dance"]);
    let listener = listener.bind(&runtime, loopback()).expect("a free port");
    let cluster = cluster(&runtime, &listener, joining());
    let said = Joined::start(&mark, listener.address(), &key, RECONNECT, "")
        .said(&runtime)
        .await;
    assert!(
        said.contains("its functions differ: it lacks `dance`"),
        "{said}"
    );
    assert_eq!(cluster.counts().machines.ok, 0);
    await_nothing(&runtime, &mark).await;
    cluster.shutdown().await;
}

/// Its threads are stopped, so it hears nothing: its guard ends it when the lease is over, and the driver waits for that.
async fn a_stopped_worker_is_ended_by_its_guard<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let config = joining()
        .poll_interval(Duration::from_millis(100))
        .silent_polls(2);
    let mut options = Options::default();
    options.poll_timeout = Duration::from_millis(300);
    options.kill_timeout = Duration::from_millis(1);
    let system = ConnectSystem::new(&listener);
    let cluster = Cluster::new(runtime.clone(), system, config, options).unwrap();
    listener.admit(&cluster, |worker| worker);
    let worker = Joined::start(&mark, listener.address(), &key, Duration::from_secs(2), "");
    let lease = cluster.request(procs(1)).await.expect("a lease");
    let call = lease.call::<_, Exit>("exec", &Exec::shell(format!("sleep {mark}")));
    let sleep = format!("sleep {mark} ");
    let sleeps = || alive(&mark).iter().any(|process| process.command == sleep);
    eventually(&runtime, "the job runs", sleeps).await;
    send(worker.pid(), Signal::STOP);
    let lost = within(&runtime, "the loss", call).await;
    assert!(!sleeps(), "its job is dead");
    assert!(matches!(lost, Err(CallError::Lost(_))), "{lost:?}");
    drop(worker);
    await_nothing(&runtime, &mark).await;
    cluster.shutdown().await;
}

/// Two workers say that they are the same machine: the second is refused.
async fn a_number_is_taken_once<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let system = ConnectSystem::new(&listener);
    let config = Config::new(2, 2).expect("a good config");
    let cluster = Cluster::new(runtime.clone(), system, config, Options::default()).unwrap();
    let mut request = Box::pin(cluster.request(procs(1)));
    assert!(futures::poll!(&mut request).is_pending());
    let start = || Joined::start_as("m0", &mark, listener.address(), &key, RECONNECT, "");
    let first = until_up(&runtime, &cluster, 1, start).await;
    let lease = request.await.expect("a lease");
    assert_eq!(lease.id(), MachineId(0));
    let said = start().said(&runtime).await;
    assert!(said.contains("no start waits for machine m0"), "{said}");
    assert_eq!(lease.call::<_, u64>("square", &2_u64).await, Ok(4));
    lease.finish(Outcome::Ok);
    cluster.shutdown().await;
    drop(first);
    await_nothing(&runtime, &mark).await;
}

on_both_adapters!(
    a_start_is_answered_by_the_worker_with_its_number,
    workers_join_by_kind_beside_machines_that_are_processes,
    a_killed_worker_is_lost_when_its_jobs_are_dead,
    a_worker_with_a_number_that_nobody_waits_for_is_refused,
    a_worker_with_other_functions_is_told_so,
    a_stopped_worker_is_ended_by_its_guard,
    a_number_is_taken_once,
);
