//! What a cluster says to `tracing`: at which level, and never under its lock. (On one thread: a log is set for each.)

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

use futures::task::noop_waker;
use remuda::{MachineId, Outcome};
use remuda_driver::{Cluster, RequestError, StartError};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_tokio, within};
use remuda_tokio::Tokio;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use super::support::{SHORT, cluster, lease, one_machine, procs, queued, rests};

/// A log that looks at the cluster for each line.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    cluster: Arc<OnceLock<Cluster<Tokio, Scripted>>>,
}

impl Log {
    fn said(&self, level: Level, part: &str) -> bool {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .any(|(at, line)| *at == level && line.contains(part))
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string takes everything");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("remuda")
    }

    fn event(&self, event: &Event<'_>) {
        if let Some(cluster) = self.cluster.get() {
            assert!(cluster.counts().have.procs() <= 2);
            drop(cluster.request(procs(1)));
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = *event.metadata().level();
        self.lines.lock().unwrap().push((level, line.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn s20_notices_are_logged_by_weight_and_outside_of_the_lock() {
    on_tokio(async |runtime| {
        let log = Log::default();
        // With a single one in the process, tracing asks the log of whichever thread comes first to a line, and other
        // tests have none.
        let _second = Dispatch::new(log.clone());
        let _guard = tracing::subscriber::set_default(log.clone());
        let system = Scripted::default();
        system.book().start_error = Some(StartError::new("no such host"));
        let config = one_machine(2)
            .start_backoff_base(SHORT / 10)
            .probation(SHORT)
            .summary_interval(SHORT);
        let cluster = cluster(&runtime, &system, config);
        assert!(log.cluster.set(cluster.clone()).is_ok());
        let failed = within(&runtime, "it fails", cluster.request(procs(1))).await;
        assert!(matches!(failed, Err(RequestError::NoMachines(_))));
        assert!(log.said(Level::WARN, "did not start: no such host"));
        system.book().start_error = None;

        lease(&runtime, &cluster, 1)
            .await
            .finish(Outcome::Unreachable);
        let up = system.book().starts as u64 - 1;
        assert!(log.said(Level::WARN, &format!("m{up} is on probation")));
        eventually(&runtime, "recovery", || {
            log.said(Level::INFO, "is ok again: its probation is over")
        })
        .await;
        eventually(&runtime, "a summary", || {
            log.said(Level::INFO, "pending/running/lost: 0/1/0")
        })
        .await;
        // A done that crosses a loss is no news (F4).
        let crossing = lease(&runtime, &cluster, 1).await;
        assert!(system.lose(MachineId(up), "its power failed"));
        eventually(&runtime, "the loss", || {
            log.said(Level::WARN, "was lost: its power failed")
        })
        .await;
        crossing.finish(Outcome::Ok);
        cluster
            .assign(MachineId(99), remuda::TaskId(1))
            .unwrap_err();
        assert!(log.said(Level::DEBUG, "m99 was never asked for"));

        // One that was told to stop and ends is no loss.
        let drained = lease(&runtime, &cluster, 1).await;
        cluster.drain(drained.id(), None).unwrap();
        let draining = format!("{} is draining", drained.id());
        assert!(log.said(Level::INFO, &draining));
        drop(drained);
        eventually(&runtime, "its end", || {
            log.said(Level::INFO, "ended, as it was told to: stopped")
        })
        .await;
        assert!(!log.said(Level::WARN, "stopped"));

        // What is ended or given up by a shutdown is no warning.
        rests(&runtime, &cluster, &system).await;
        assert!(log.said(Level::INFO, "ended: stopped"));
        let other = super::support::cluster(&runtime, &system, one_machine(2));
        system.book().hold_starts = true;
        let starts = system.book().starts;
        let waiting = queued(&other, procs(1), &noop_waker());
        eventually(&runtime, "a start", || system.book().starts > starts).await;
        within(&runtime, "the shutdown", other.shutdown()).await;
        assert!(log.said(Level::DEBUG, "was not started: the cluster was shut down"));
        assert!(!log.said(Level::WARN, "shut down"));
        drop(waiting);
    });
}
