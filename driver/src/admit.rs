//! Workers that connect back and join a cluster by themselves.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::{Either, select};

use crate::cluster::Cluster;
use crate::lifecycle;
use crate::listen::{ConnectedWorker, Joining, Listener};
use crate::runtime::Runtime;
use crate::shared::Shared;
use crate::system::System;

impl<R: Runtime> Listener<R> {
    /// Lets workers that connect without a machine's number join `cluster` (J1), until that shuts down; before this they are
    /// refused. `machine` makes a machine of the cluster's system of a worker: for a [`ByKind`](crate::ByKind) it is
    /// [`OneOf::Second`](crate::OneOf::Second), say. Does not keep the cluster open.
    ///
    /// A machine offers the procs of its worker, at most those of the kind's capacity, and of other amounts what its kind has.
    pub fn admit<S: System>(
        &self,
        cluster: &Cluster<R, S>,
        machine: impl Fn(ConnectedWorker) -> S::Machine + Send + Sync + 'static,
    ) {
        let shared = cluster.shared().clone();
        let kinds = shared.read(|state| state.manager.config().kinds.len());
        let mut joining = self.joining(kinds);
        let runtime = shared.runtime.clone();
        let admitting = async move {
            let mut closing = shared.closing.clone();
            loop {
                match select(joining.next(), closing).await {
                    Either::Left((Some(worker), still_open)) => {
                        closing = still_open;
                        join(&shared, worker, &machine);
                    }
                    _ => return,
                }
            }
        };
        runtime.spawn(admitting);
    }
}

fn join<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    Joining { kind, worker }: Joining,
    machine: &impl Fn(ConnectedWorker) -> S::Machine,
) {
    let capacity = shared.read(|state| state.capacity(kind));
    let offer = worker.offer(capacity).min(capacity);
    let peer = worker.peer();
    let offer = (offer != capacity).then_some(offer);
    if let Err(reject) = lifecycle::join(shared, kind, offer, machine(worker)) {
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::warn!(%peer, "a worker cannot join: {reject}");
    }
}
