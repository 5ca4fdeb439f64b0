//! The load: clients that ask, call, run jobs, give up and finish, and count what came of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use remuda::{Demand, OnceKey, Outcome, TaskId};
use remuda_driver::{CallError, Cluster, Lease, OnceError, ProcessSystem, RequestError, Runtime};
use remuda_sim::Rng;
use remuda_tests::{sleep, within};
use remuda_worker::{Exec, Exit};

/// What the clients met, all together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Clients that have not ended.
    pub(crate) clients: AtomicU64,
    asked: AtomicU64,
    leased: AtomicU64,
    lost_before: AtomicU64,
    dropped: AtomicU64,
    calls: AtomicU64,
    calls_lost: AtomicU64,
    unreachable: AtomicU64,
    jobs: AtomicU64,
    jobs_lost: AtomicU64,
}

impl Tally {
    /// Every request was resolved, in one way; and there was some load.
    pub(crate) fn check(&self) {
        let [asked, leased, lost, dropped] =
            [&self.asked, &self.leased, &self.lost_before, &self.dropped].map(get);
        assert_eq!(asked, leased + lost + dropped, "{self:?}");
        assert!(get(&self.jobs) > 0 && get(&self.calls) > 0, "{self:?}");
    }
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::SeqCst)
}

fn count(count: &AtomicU64) {
    count.fetch_add(1, Ordering::SeqCst);
}

pub(crate) struct Client<R: Runtime> {
    pub(crate) runtime: R,
    pub(crate) cluster: Cluster<R, ProcessSystem<R>>,
    pub(crate) rng: Rng,
    /// A file that its jobs lock while they run.
    pub(crate) lock: PathBuf,
    pub(crate) tally: Arc<Tally>,
    pub(crate) over: Arc<AtomicBool>,
}

/// Counts a client as ended, also when it panics; then it has not.
struct Ended(Arc<Tally>);

impl Drop for Ended {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.clients.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

type ProcessLease<R> = Lease<R, ProcessSystem<R>>;

impl<R: Runtime> Client<R> {
    pub(crate) async fn run(mut self) {
        let _ended = Ended(self.tally.clone());
        while !self.over.load(Ordering::SeqCst) {
            if let Some(lease) = self.ask().await {
                self.use_up(lease).await;
            }
        }
    }

    /// Asks for procs; sometimes the client does not wait for them.
    async fn ask(&mut self) -> Option<ProcessLease<R>> {
        let demand = match self.rng.below(8) {
            0 => Demand::Machine,
            n => Demand::procs(1 + n as u32 % 3).expect("not zero"),
        };
        let request = self.cluster.request(demand);
        let request = request.priority(self.rng.below(3) as i64);
        count(&self.tally.asked);
        let resolved = if self.rng.chance(20) {
            let patience = Duration::from_millis(self.rng.below(30));
            let patience = Box::pin(sleep(&self.runtime, patience));
            match select(request, patience).await {
                Either::Left((resolved, _)) => resolved,
                Either::Right(_) => {
                    count(&self.tally.dropped);
                    return None;
                }
            }
        } else {
            within(&self.runtime, "a request is resolved", request).await
        };
        match resolved {
            Ok(lease) => {
                count(&self.tally.leased);
                Some(lease)
            }
            Err(RequestError::Lost(_)) => {
                count(&self.tally.lost_before);
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn use_up(&mut self, lease: ProcessLease<R>) {
        let outcome = match self.rng.below(10) {
            0 => return drop(lease),
            1 => return self.call_and_drop(lease),
            2 => self.once(&lease).await,
            3 => self.task(&lease),
            4 | 5 => self.square(&lease).await,
            6 => self.print(&lease).await,
            _ => self.job(&lease).await,
        };
        lease.finish(outcome);
    }

    /// Gives up in the middle of calls.
    fn call_and_drop(&mut self, lease: ProcessLease<R>) {
        let heeds = self.rng.chance(128);
        let first = lease.call::<_, u64>("sleep", &(50_u64, heeds));
        let second = lease.call::<_, ()>("print", &200_000_u64);
        if self.rng.chance(128) {
            drop(first);
            lease.finish(Outcome::Ok);
            drop(second);
        } else {
            drop(lease);
            drop((first, second));
        }
    }

    async fn once(&mut self, lease: &ProcessLease<R>) -> Outcome {
        let key = OnceKey {
            kind: 1,
            key: self.rng.below(3),
        };
        let work = self.cluster.once(lease.id(), key, |machine| async move {
            let square: u64 = machine.call("square", &9_u64).await?;
            assert_eq!(square, 81);
            Ok(())
        });
        match within(&self.runtime, "work done once ends", work).await {
            Ok(()) => Outcome::Ok,
            Err(OnceError::MachineLost(_)) => Outcome::Unreachable,
            Err(OnceError::Failed(error)) => self.failed(&error),
            Err(other) => panic!("{other}"),
        }
    }

    fn task(&mut self, lease: &ProcessLease<R>) -> Outcome {
        let task = TaskId(self.rng.next());
        lease.assign(task).expect("a machine that is there or lost");
        // The machine may be lost meanwhile: that is a rejection.
        let _ = self.cluster.discard(lease.id(), task);
        Outcome::Ok
    }

    async fn square(&mut self, lease: &ProcessLease<R>) -> Outcome {
        let n = self.rng.below(1000);
        let call = lease.call::<_, u64>("square", &n);
        let result = within(&self.runtime, "a call ends", call).await;
        count(&self.tally.calls);
        match result {
            Ok(square) => {
                assert_eq!(square, n * n);
                Outcome::Ok
            }
            Err(error) => self.failed(&error),
        }
    }

    /// What is printed comes whole, or the call fails.
    async fn print(&mut self, lease: &ProcessLease<R>) -> Outcome {
        let length = self.rng.below(400_000);
        let mut call = lease.call::<_, ()>("print", &length);
        let mut read = 0;
        while let Some(chunk) = within(&self.runtime, "output comes", call.output()).await {
            read += chunk.bytes.len() as u64;
        }
        let result = within(&self.runtime, "a call ends", call).await;
        count(&self.tally.calls);
        match result {
            Ok(()) => {
                assert_eq!(read, length);
                Outcome::Ok
            }
            Err(error) => self.failed(&error),
        }
    }

    /// A job that must not run while another of its client still does, wherever that was and however it ended.
    async fn job(&mut self, lease: &ProcessLease<R>) -> Outcome {
        let lock = self.lock.display();
        let millis = self.rng.below(80);
        let command = format!(
            "exec 9>>{lock}; flock -n 9 || {{ echo twice > {lock}.twice; exit 9; }}; sleep 0.{millis:03}; echo done"
        );
        let mut call = lease.call::<_, Exit>("exec", &Exec::shell(command));
        let mut output = Vec::new();
        while let Some(chunk) = within(&self.runtime, "output comes", call.output()).await {
            output.extend(chunk.bytes);
        }
        let result = within(&self.runtime, "a job ends", call).await;
        count(&self.tally.jobs);
        match result {
            Ok(Exit::Code(0)) => {
                assert_eq!(output, b"done\n");
                Outcome::Ok
            }
            Ok(other) => panic!(
                "a job ends with {other:?}: {}",
                String::from_utf8_lossy(&output)
            ),
            Err(error) => {
                count(&self.tally.jobs_lost);
                self.failed(&error)
            }
        }
    }

    fn failed(&self, error: &CallError) -> Outcome {
        match error {
            CallError::Lost(_) => count(&self.tally.calls_lost),
            CallError::Unreachable(_) => count(&self.tally.unreachable),
            other => panic!("{other}"),
        }
        error.outcome()
    }
}
