//! A cluster that goes on where another was cut off (A1, A2), without processes.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::task::noop_waker_ref;
use remuda::journal::{Body, Reader, hash};
use remuda::{Event, Manager, Outcome};
use remuda_driver::{
    Cluster, FileRecorder, Options, Past, PastError, RecordOptions, Recording, RequestError,
    Runtime,
};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, sleep, within};

use super::support::{config, procs, queued};

/// A journal in memory. One that is cut off takes nothing more, as that of a process that was killed.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<(Vec<u8>, bool)>>);

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut journal = self.0.lock().unwrap();
        if !journal.1 {
            journal.0.extend(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Journal {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().0.clone()
    }

    /// What the driver of this journal does from now on is not in it; the result goes on with it.
    fn cut_off(&self) -> Journal {
        self.0.lock().unwrap().1 = true;
        Journal(Arc::new(Mutex::new((self.bytes(), false))))
    }

    fn past(&self) -> Past {
        Past::read(&self.bytes(), |_| {}).expect("a sound journal")
    }
}

fn options() -> RecordOptions {
    let mut options = RecordOptions::default();
    options.ahead = true;
    options
}

fn recorded<R: Runtime>(
    runtime: &R,
    system: &Scripted,
    journal: &Journal,
) -> (Cluster<R, Scripted>, Recording) {
    let (recorder, recording) = FileRecorder::start(journal.clone(), options()).expect("a thread");
    let (system, limits) = (system.clone(), Options::default());
    let cluster = Cluster::recorded(runtime.clone(), system, config(), limits, recorder);
    (cluster.expect("a sound config"), recording)
}

/// Plays a journal from its beginning; the manager at its end.
fn replayed(bytes: &[u8]) -> Manager {
    let reader = Reader::new(bytes).expect("a header");
    let mut manager = Manager::new(reader.header().config.clone()).expect("a sound config");
    for frame in reader {
        match frame.expect("a sound frame").body {
            Body::Event(recorded) => {
                let actions = manager.handle(recorded.event, recorded.time);
                assert_eq!(hash(&actions), recorded.hash, "{:?}", recorded.event);
            }
            Body::Snapshot(snapshot) => assert!(snapshot.is(&manager)),
            _ => {}
        }
    }
    manager
}

async fn a02_what_was_asked_for_goes_on_and_machines_that_are_gone_are_no_failures<R: Runtime>(
    runtime: R,
) {
    let (system, journal) = (Scripted::default(), Journal::default());
    let (old, recording) = recorded(&runtime, &system, &journal);
    let running = old.request(procs(2)).await.expect("a lease");
    // The start of a second machine is not over, and a request waits for it.
    system.book().hold_starts = true;
    let waiting = queued(&old, procs(1), noop_waker_ref());
    let also = queued(&old, procs(2), noop_waker_ref());
    eventually(&runtime, "the start", || system.book().starts == 2).await;
    // What nothing was done because of may be written later.
    recording.write_now();
    let journal = journal.cut_off();

    let past = journal.past();
    let (time, events) = (past.time(), replayed(&journal.bytes()).now());
    assert_eq!(time, events);
    let again = Scripted::default();
    let (recorder, recording) =
        FileRecorder::resume(journal.clone(), options(), &past).expect("a thread");
    let (cluster, resumed) = Cluster::resume(
        runtime.clone(),
        again.clone(),
        Options::default(),
        past,
        Some(recorder),
    );
    let ids: Vec<_> = resumed.iter().map(|it| (it.id, it.machine)).collect();
    let (first, second) = (running.request(), running.id());
    assert_eq!(ids[0], (first, Some(second)));
    assert_eq!((ids.len(), ids[1].1, ids[2].1), (3, None, None));
    let mut resumed = resumed.into_iter().map(|it| it.request);
    let lost = within(
        &runtime,
        "its end",
        resumed.next().expect("there are three"),
    )
    .await;
    assert_eq!(lost.map(drop), Err(RequestError::Lost(second)));
    // The start is begun again under its own id, and another machine takes the place of the one that is gone, at once.
    let next = resumed.next().expect("there are three");
    let lease = within(&runtime, "a lease", next).await.expect("a lease");
    assert!(lease.id() > second && lease.request() == ids[1].0);
    let counts = cluster.counts().machines;
    assert_eq!((counts.lost, counts.ended), (0, 1), "{counts:?}");
    let last = within(
        &runtime,
        "a lease",
        resumed.next().expect("there are three"),
    )
    .await;
    let last = last.expect("a lease");
    assert_eq!(last.request(), ids[2].0);
    lease.finish(Outcome::Ok);
    last.finish(Outcome::Ok);
    // Ids go on, and a request that is dropped is cancelled as ever.
    let new = cluster.request(procs(2)).await.expect("a lease");
    assert!(new.request() > ids[2].0);
    drop(new);
    cluster.shutdown().await;
    recording.finish().expect("memory takes everything");
    let manager = replayed(&journal.bytes());
    assert!(manager.is_shut_down());
    assert!(journal.past().is_over());
    assert_eq!(journal.past().epoch(), 3);
    system.release_starts();
    drop((running, waiting, also));
    old.shutdown().await;
}

/// Nothing is carried out before it is in the journal: whatever of a running cluster is seen, the journal explains.
async fn a01_no_grant_is_seen_before_the_journal_has_it<R: Runtime>(runtime: R) {
    let (system, journal) = (Scripted::default(), Journal::default());
    let (cluster, _) = recorded(&runtime, &system, &journal);
    for _ in 0..50 {
        let lease = cluster.request(procs(1)).await.expect("a lease");
        let (request, machine) = (lease.request(), lease.id());
        assert_eq!(
            replayed(&journal.bytes()).machine_of(request),
            Some(machine)
        );
        lease.finish(Outcome::Ok);
        sleep(&runtime, Duration::from_millis(1)).await;
    }
    cluster.shutdown().await;
}

async fn a_journal_that_another_version_wrote_is_refused<R: Runtime>(runtime: R) {
    let (system, journal) = (Scripted::default(), Journal::default());
    let (cluster, _) = recorded(&runtime, &system, &journal);
    drop(cluster.request(procs(1)).await.expect("a lease"));
    cluster.shutdown().await;
    let bytes = journal.bytes();
    let reader = Reader::new(&bytes).expect("a header");
    let mut manager = Manager::new(reader.header().config.clone()).expect("a sound config");
    let mut other = Vec::new();
    let mut writer = remuda::journal::Writer::new(&manager, None, &[], &mut other);
    let (now, event) = (remuda::Instant::ZERO, Event::Shutdown);
    let _ = manager.handle(event, now);
    // As if it had decided something else.
    let said = [remuda::Action::ClearTimer];
    let at = other.len();
    writer.record(now, &event, &said, &manager, &mut other);
    assert_eq!(
        Past::read(&other, |_| {}).map(drop),
        Err(PastError::Diverges { offset: at })
    );
}

on_both_adapters! {
    a02_what_was_asked_for_goes_on_and_machines_that_are_gone_are_no_failures,
    a01_no_grant_is_seen_before_the_journal_has_it,
    a_journal_that_another_version_wrote_is_refused,
}
