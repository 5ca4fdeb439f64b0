//! Recording: what a cluster's recorder hears, and that nothing it does harms the cluster.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use futures::task::noop_waker;
use remuda::journal::{Body, Label, Note, Reader, hash};
use remuda::{Action, Event, Instant, MachineId, Manager, Outcome};
use remuda_driver::{
    Cluster, FileRecorder, Options, RecordOptions, Recorder, Recording, RecordingError, Runtime,
    StartError,
};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{config, gone, lease, one_machine, procs, queued, rests};

/// A file in memory, which takes only so much, and nothing while it is held.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<Platter>, Condvar)>);

#[derive(Default)]
struct Platter {
    bytes: Vec<u8>,
    room: Option<usize>,
    held: bool,
}

impl Disk {
    fn with_room(room: usize) -> Disk {
        let disk = Disk::default();
        disk.0.0.lock().unwrap().room = Some(room);
        disk
    }

    fn hold(&self, held: bool) {
        self.0.0.lock().unwrap().held = held;
        self.0.1.notify_all();
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap().bytes.clone()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (platter, released) = &*self.0;
        let platter = platter.lock().unwrap();
        let mut platter = released.wait_while(platter, |it| it.held).unwrap();
        let room = platter.room.map(|room| room - platter.bytes.len());
        let taken = bytes.len().min(room.unwrap_or(usize::MAX));
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        platter.bytes.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options() -> RecordOptions {
    let mut options = RecordOptions::default();
    options.flush_every = Duration::from_millis(10);
    options.labels = vec![Label::new("test", "recording")];
    options
}

fn recorded<R: Runtime>(
    runtime: &R,
    system: &Scripted,
    disk: &Disk,
    options: RecordOptions,
) -> (Cluster<R, Scripted>, Recording) {
    let (recorder, recording) = FileRecorder::start(disk.clone(), options).unwrap();
    let (runtime, system) = (runtime.clone(), system.clone());
    let config = config().start_backoff_base(Duration::from_millis(10));
    let cluster = Cluster::recorded(runtime, system, config, Options::default(), recorder);
    (cluster.unwrap(), recording)
}

/// Leases, a loss, a failed start and a poll, then the end.
async fn live<R: Runtime>(runtime: &R, cluster: &Cluster<R, Scripted>, system: &Scripted) {
    let first = lease(runtime, cluster, 2).await;
    let second = lease(runtime, cluster, 1).await;
    second.finish(Outcome::Ok);
    eventually(runtime, "its poll is answered", || {
        let machines = cluster.machines();
        machines
            .iter()
            .any(|it| it.id == first.id() && it.figures.memory.is_some())
    })
    .await;
    assert!(system.lose(first.id(), "the power is gone"));
    eventually(runtime, "the loss is known", || first.is_lost()).await;
    drop(first);
    for _ in 0..80 {
        lease(runtime, cluster, 1).await.finish(Outcome::Remote);
    }
    rests(runtime, cluster, system).await;
}

/// Replays a journal; how many events, and the notes' topics and texts.
fn replayed(bytes: &[u8]) -> (u64, Vec<(String, String)>) {
    let reader = Reader::new(bytes).unwrap();
    assert_eq!(reader.header().labels, [Label::new("test", "recording")]);
    assert!(reader.header().origin.is_some());
    let mut manager = Manager::new(reader.header().config.clone()).unwrap();
    let (mut events, mut notes) = (0, Vec::new());
    for frame in reader {
        match frame.unwrap().body {
            Body::Event(recorded) => {
                let actions = manager.handle(recorded.event, recorded.time);
                assert_eq!(hash(&actions), recorded.hash, "{recorded:?}");
                events = recorded.number;
            }
            Body::Note(note) => notes.push((note.topic.into(), note.text.into())),
            _ => {}
        }
    }
    (events, notes)
}

async fn f06_a_recorded_cluster_replays_with_every_hash_equal<R: Runtime>(runtime: R) {
    let (system, disk) = (Scripted::default(), Disk::default());
    let (cluster, recording) = recorded(&runtime, &system, &disk, options());
    system.book().start_error = Some(StartError::new("no licence"));
    let waiting = queued(&cluster, procs(1), &noop_waker());
    eventually(&runtime, "a start fails", || {
        cluster.last_start_error() == "no licence"
    })
    .await;
    system.book().start_error = None;
    drop(waiting);
    live(&runtime, &cluster, &system).await;
    let written = recording.finish().unwrap();
    let bytes = disk.bytes();
    assert_eq!(written, bytes.len() as u64);
    let (events, notes) = replayed(&bytes);
    assert!(events > 160, "{events} events");
    let noted = |topic: &str, text: &str| {
        let mut notes = notes.iter();
        notes.any(|(at, said)| at == topic && said.contains(text))
    };
    assert!(noted("name", "scripted-m"), "{notes:?}");
    assert!(noted("figures", "mem "), "{notes:?}");
    assert!(noted("start failed", "no licence"), "{notes:?}");
    assert!(noted("stopped", "the power is gone"), "{notes:?}");
    // Finished is finished.
    assert_eq!((recording.finish(), recording.error()), (Ok(written), None));
}

async fn what_is_written_is_there_after_the_interval_while_the_cluster_lives<R: Runtime>(
    runtime: R,
) {
    let (system, disk) = (Scripted::default(), Disk::default());
    let (cluster, _recording) = recorded(&runtime, &system, &disk, options());
    lease(&runtime, &cluster, 1).await.finish(Outcome::Ok);
    eventually(&runtime, "four events are written", || {
        let bytes = disk.bytes();
        !bytes.is_empty() && replayed(&bytes).0 >= 3
    })
    .await;
    rests(&runtime, &cluster, &system).await;
}

async fn a_cluster_that_is_dropped_leaves_its_whole_journal<R: Runtime>(runtime: R) {
    let (system, disk) = (Scripted::default(), Disk::default());
    let mut slow = options();
    slow.flush_every = Duration::from_secs(3600);
    let (cluster, _) = recorded(&runtime, &system, &disk, slow);
    lease(&runtime, &cluster, 1).await.finish(Outcome::Ok);
    drop(cluster);
    gone(&runtime, &system).await;
    eventually(&runtime, "the journal is written", || {
        !disk.bytes().is_empty()
    })
    .await;
    // Submit, up, done, shutdown, stopped.
    assert!(replayed(&disk.bytes()).0 >= 5);
}

async fn a_full_disk_ends_the_recording_and_not_the_cluster<R: Runtime>(runtime: R) {
    let (system, disk) = (Scripted::default(), Disk::with_room(600));
    let (cluster, recording) = recorded(&runtime, &system, &disk, options());
    live(&runtime, &cluster, &system).await;
    let full = io::Error::from(io::ErrorKind::StorageFull).to_string();
    assert_eq!(recording.finish(), Err(RecordingError::Write(full)));
    let bytes = disk.bytes();
    assert_eq!(bytes.len(), 600);
    let readable = Reader::new(&bytes).unwrap().filter(Result::is_ok).count();
    assert!(readable > 5, "{readable} frames");
}

async fn a_disk_that_hangs_fills_the_buffer_and_holds_up_nobody<R: Runtime>(runtime: R) {
    let (system, disk) = (Scripted::default(), Disk::default());
    disk.hold(true);
    let mut small = options();
    small.buffer = 400;
    small.finish_within = Duration::from_millis(50);
    let (cluster, recording) = recorded(&runtime, &system, &disk, small);
    live(&runtime, &cluster, &system).await;
    let slow = RecordingError::Slow { buffer: 400 };
    assert_eq!(recording.finish(), Err(slow.clone()));
    // What had been taken by then is written once the disk goes on, and is whole.
    disk.hold(false);
    eventually(&runtime, "the rest is written", || !disk.bytes().is_empty()).await;
    assert_eq!(recording.error(), Some(slow));
    drop(cluster);
}

async fn an_end_that_the_disk_does_not_take_is_given_up<R: Runtime>(runtime: R) {
    let (system, disk) = (Scripted::default(), Disk::default());
    disk.hold(true);
    let mut hasty = options();
    hasty.finish_within = Duration::from_millis(50);
    let (cluster, recording) = recorded(&runtime, &system, &disk, hasty);
    live(&runtime, &cluster, &system).await;
    assert_eq!(recording.finish(), Err(RecordingError::Stuck));
    disk.hold(false);
}

/// Panics at its third event.
struct Brittle(Arc<Mutex<usize>>);

impl Recorder for Brittle {
    fn begin(&mut self, _: Instant, _: &Manager) {}

    fn record(&mut self, _: Instant, _: &Event, _: &[Action], _: &Manager) {
        let mut heard = self.0.lock().unwrap();
        *heard += 1;
        let heard = *heard;
        assert!(heard < 3, "as the test wants");
    }

    fn note(&mut self, note: &Note<'_>) {
        assert!(note.machine <= MachineId(9));
    }
}

async fn a_recorder_that_panics_is_dropped_and_the_cluster_goes_on<R: Runtime>(runtime: R) {
    let heard = Arc::new(Mutex::new(0));
    let system = Scripted::default();
    let cluster = Cluster::recorded(
        runtime.clone(),
        system.clone(),
        one_machine(2),
        Options::default(),
        Brittle(heard.clone()),
    );
    let cluster = cluster.unwrap();
    for _ in 0..5 {
        let request = cluster.request(procs(1));
        let lease = within(&runtime, "a lease", request).await;
        lease.unwrap().finish(Outcome::Ok);
    }
    rests(&runtime, &cluster, &system).await;
    let dropped = || Arc::strong_count(&heard) == 1;
    eventually(&runtime, "the recorder is dropped", dropped).await;
}

on_both_adapters!(
    f06_a_recorded_cluster_replays_with_every_hash_equal,
    what_is_written_is_there_after_the_interval_while_the_cluster_lives,
    a_cluster_that_is_dropped_leaves_its_whole_journal,
    a_full_disk_ends_the_recording_and_not_the_cluster,
    a_disk_that_hangs_fills_the_buffer_and_holds_up_nobody,
    an_end_that_the_disk_does_not_take_is_given_up,
    a_recorder_that_panics_is_dropped_and_the_cluster_goes_on,
);
