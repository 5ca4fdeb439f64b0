//! e: lease cycles through the whole driver on either adapter, and beside them the round trip of an actor, which is what
//! a manager behind a channel costs before it has decided anything.

use std::future::Future;
use std::io::sink;
use std::time::{Duration, Instant};

use futures::future::join_all;
use remuda::{Config, Demand, Outcome};
use remuda_driver::{Cluster, FileRecorder, Options, RecordOptions, Recording, Runtime};
use tokio::sync::{mpsc, oneshot};

use crate::idle::Idle;

/// Procs of a machine.
const PROCS: u32 = 16;

/// A cluster of so many machines, all up and idle.
pub async fn cluster<R: Runtime>(runtime: R, machines: u32) -> Cluster<R, Idle> {
    let config = config(machines);
    let cluster = Cluster::new(runtime, Idle, config, Options::default()).expect("a good config");
    all_up(&cluster, machines).await;
    cluster
}

/// The same, recorded by the thread that writes a journal, which here goes nowhere.
pub async fn recorded<R: Runtime>(runtime: R, machines: u32) -> (Cluster<R, Idle>, Recording) {
    let recorder = FileRecorder::start(sink(), RecordOptions::default());
    let (recorder, recording) = recorder.expect("a thread");
    let config = config(machines);
    let cluster = Cluster::recorded(runtime, Idle, config, Options::default(), recorder);
    let cluster = cluster.expect("a good config");
    all_up(&cluster, machines).await;
    (cluster, recording)
}

fn config(machines: u32) -> Config {
    Config::new(PROCS, u64::from(machines) * u64::from(PROCS)).expect("a good config")
}

async fn all_up<R: Runtime>(cluster: &Cluster<R, Idle>, machines: u32) {
    // Machines are started because requests need them.
    let all = (0..machines).map(|_| cluster.request(Demand::Machine));
    for lease in join_all(all).await {
        lease.expect("a lease").finish(Outcome::Ok);
    }
}

/// So many times: a request for one proc, its lease, done.
pub async fn cycles<R: Runtime>(cluster: Cluster<R, Idle>, times: u64) {
    let one = Demand::procs(1).expect("not zero");
    for _ in 0..times {
        let lease = cluster.request(one).await.expect("a lease");
        lease.finish(Outcome::Ok);
    }
}

/// A task that answers each question with its number: it stands for a manager that is reached through a channel.
#[derive(Clone, Debug)]
pub struct Actor(mpsc::Sender<oneshot::Sender<u64>>);

impl Actor {
    /// Starts it as a task of the runtime around.
    pub fn start() -> Actor {
        let (sender, mut questions) = mpsc::channel::<oneshot::Sender<u64>>(64);
        tokio::spawn(async move {
            let mut number = 0;
            while let Some(answer) = questions.recv().await {
                number += 1;
                let _ = answer.send(number);
            }
        });
        Actor(sender)
    }

    /// So many times: a question, its answer.
    pub async fn trips(self, times: u64) {
        for _ in 0..times {
            let (answer, answered) = oneshot::channel();
            self.0.send(answer).await.expect("the actor listens");
            answered.await.expect("the actor answers");
        }
    }
}

/// How long tasks of `runtime` take for so many cycles that they share between them.
pub async fn shared_out<F: Future<Output = ()> + Send + 'static>(
    runtime: &impl Runtime,
    tasks: u64,
    times: u64,
    work: impl Fn(u64) -> F,
) -> Duration {
    let begun = Instant::now();
    let ends: Vec<_> = (0..tasks)
        .map(|task| {
            let (end, ended) = oneshot::channel();
            let work = work((times + task) / tasks);
            runtime.spawn(async {
                work.await;
                let _ = end.send(());
            });
            ended
        })
        .collect();
    for end in join_all(ends).await {
        end.expect("it comes to its end");
    }
    begun.elapsed()
}
