//! A program that is its own worker: started with `worker` it serves the functions below, otherwise it runs them on
//! two machines of two procs, which the cluster starts as it needs them.
//!
//! `cargo run -p remuda-async-std --example quickstart`

use remuda_async_std::remuda::{Config, Outcome, Resources};
use remuda_async_std::{Cluster, Options, ProcessSystem};
use remuda_worker::{Registry, Worker};

fn functions() -> Registry {
    Registry::new().function("square", |x: u64| Ok::<u64, String>(x * x))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        Worker::new(functions()).procs(2).serve();
    }
    remuda_async_std::run(async |runtime| {
        let me = std::env::current_exe()?.display().to_string();
        let system = ProcessSystem::new(runtime.clone(), vec![me, "worker".into()])
            .functions(remuda_worker::names(&functions()));
        let cluster = Cluster::new(runtime, system, Config::new(2, 4)?, Options::default())?;

        let squares = (1..=8).map(|x: u64| {
            let request = cluster.request(Resources::procs(1));
            async move {
                let lease = request.await?;
                let square: u64 = lease.call("square", &x).await?;
                println!("{x} squared is {square}, says {}", lease.name());
                lease.finish(Outcome::Ok);
                Ok::<u64, Box<dyn std::error::Error>>(square)
            }
        });
        let sum: u64 = futures::future::try_join_all(squares).await?.iter().sum();
        println!("their sum is {sum}");
        cluster.shutdown().await;
        Ok(())
    })
}
