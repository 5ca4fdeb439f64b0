//! A system in clusters whose clients drop what they have at any time.

use std::time::Duration;

use remuda::{Config, Kind, Outcome, Resources};
use remuda_driver::{CallError, Cluster, Options, Runtime, System};
use serde::ser::{Serialize, SerializeTuple as _, Serializer};

use super::{Function, Kept, Promise, SystemCheck, broken};

/// Arguments that are encoded already.
struct Encoded<'a>(&'a [u8]);

impl Serialize for Encoded<'_> {
    /// A tuple of bytes, which postcard writes as these bytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0
            .iter()
            .try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

impl<S: System> SystemCheck<S> {
    pub(super) async fn clusters<R: Runtime>(&self, runtime: &R) -> Kept {
        // Shut down while machines start, and when they are up.
        for millis in [0, 1, 20] {
            let cluster = self.cluster(runtime)?;
            let request = cluster.request(Resources::procs(1));
            let time = Duration::from_millis(millis);
            self.is_over_after(runtime, time, request).await;
            self.shut_down(runtime, cluster).await?;
        }
        self.serves(runtime).await
    }

    fn cluster<R: Runtime>(&self, runtime: &R) -> Result<Cluster<R, S>, super::BrokenPromise> {
        let config = Config::empty().kind(Kind::new(self.capacity).max(2));
        let system = (self.make)();
        let options = Options::default();
        Cluster::new(runtime.clone(), system, config, options)
            .or_else(|error| broken(Promise::ClusterServes, error.to_string()))
    }

    async fn shut_down<R: Runtime>(&self, runtime: &R, cluster: Cluster<R, S>) -> Kept {
        let promise = Promise::ClusterLeavesNothing;
        self.within(runtime, promise, cluster.shutdown()).await?;
        self.rests(runtime, promise, 0).await
    }

    async fn serves<R: Runtime>(&self, runtime: &R) -> Kept {
        let cluster = self.cluster(runtime)?;
        let promise = Promise::ClusterServes;
        for n in 0..12 {
            let request = cluster.request(Resources::procs(1));
            if n % 4 == 3 {
                self.is_over_after(runtime, Duration::ZERO, request).await;
                continue;
            }
            let lease = match self.within(runtime, promise, request).await? {
                Ok(lease) => lease,
                Err(error) => return broken(promise, error.to_string()),
            };
            match (&self.quick, &self.endless) {
                (_, Some(Function { name, args })) if n % 4 == 2 => {
                    // Cancelled, and its lease dropped.
                    let mut call = lease.call::<_, ()>(name, &Encoded(args));
                    self.is_over_after(runtime, Duration::from_millis(5), &mut call)
                        .await;
                }
                (Some(Function { name, args }), _) => {
                    let call = lease.call::<_, ()>(name, &Encoded(args));
                    match self.within(runtime, promise, call).await? {
                        // Its result is of another type, which is not known here.
                        Ok(()) | Err(CallError::Invalid(_)) => {}
                        Err(error) => return broken(promise, format!("a call: {error}")),
                    }
                    lease.finish(Outcome::Ok);
                }
                _ => lease.finish(Outcome::Ok),
            }
        }
        // All procs are there again.
        let whole = cluster.request(remuda::Demand::Machine);
        match self.within(runtime, promise, whole).await? {
            Ok(lease) => drop(lease),
            Err(error) => return broken(promise, error.to_string()),
        }
        self.shut_down(runtime, cluster).await
    }
}
