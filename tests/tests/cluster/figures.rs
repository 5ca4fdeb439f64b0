//! What a cluster says of itself as data: its figures, the id of a request, and two recorders that hear the same.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use futures::task::noop_waker;
use remuda::{Action, Config, Event, Instant, Kind, KindId, Manager, Outcome, Resources};
use remuda_driver::{Barrier, Cluster, Options, Recorder, Runtime, StartError};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, within};

use super::support::{cluster, config, lease, poll, procs, queued, rests};

/// Small machines of 2 procs, and big ones of 4 procs and 100 MiB that cost more; one of each at most.
fn two_kinds() -> Config {
    let big = Resources::procs(4).memory_mib(100);
    Config::empty()
        .kind(Kind::new(Resources::procs(2)).max(1))
        .kind(Kind::new(big).max(1).cost(9))
        .start_backoff_base(Duration::from_secs(3600))
        .start_backoff_cap(Duration::from_secs(3600))
}

async fn r06_figures_are_of_each_kind<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, two_kinds());
    let small = lease(&runtime, &cluster, 1).await;
    let big = cluster
        .request(Resources::procs(3).memory_mib(60))
        .kinds(KindId(1));
    let big = within(&runtime, "a lease", big).await.unwrap();
    let mut waiting = cluster.request(procs(4)).kinds(KindId(1));
    assert_eq!(waiting.id(), None);
    assert!(poll(&mut waiting, &noop_waker()).is_pending());
    assert_eq!(waiting.id().map(|it| it.0), Some(big.request().0 + 1));

    let figures = cluster.figures();
    assert_eq!(figures.counts, cluster.counts());
    assert_eq!((figures.counts.queued, figures.counts.running), (1, 2));
    let of = |kind: usize| {
        let it = &figures.kinds[kind];
        (it.used.amounts(), it.free.amounts(), it.wanted)
    };
    assert_eq!(of(0), ([1, 0, 0, 0], [1, 0, 0, 0], 1));
    assert_eq!(of(1), ([3, 60, 0, 0], [1, 40, 0, 0], 1));
    assert_eq!(
        figures.kinds[1].counts,
        cluster.counts_of(KindId(1)).unwrap()
    );
    assert_eq!(figures.kinds[1].backoff, None);

    // What drains is not there to stay, and has nothing free.
    cluster.drain(small.id(), None).unwrap();
    let figures = cluster.figures();
    let it = &figures.kinds[0];
    assert_eq!((it.wanted, it.counts.machines.draining), (0, 1));
    assert_eq!((it.used.procs(), it.free.procs()), (1, 0));
    small.finish(Outcome::Ok);
    big.finish(Outcome::Ok);
    drop(waiting);
    within(&runtime, "the shutdown", cluster.shutdown()).await;
}

async fn f07_figures_tell_of_a_back_off_and_p04_of_a_hold<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().start_error = Some(StartError::new("no licence"));
    let failing = cluster(&runtime, &system, two_kinds());
    let waiting = queued(&failing, procs(1), &noop_waker());
    eventually(&runtime, "a back-off", || {
        failing.figures().kinds[0].backoff.is_some()
    })
    .await;
    let backoff = failing.figures().kinds[0].backoff.unwrap();
    assert_eq!(backoff.step, 1);
    assert!(backoff.until > Instant::from_secs(3000), "{backoff:?}");
    drop(waiting);
    within(&runtime, "the shutdown", failing.shutdown()).await;

    // One that is passed by has the machine held for it.
    let system = Scripted::default();
    let config = Config::new(2, 2).unwrap().patience(1);
    let cluster = cluster(&runtime, &system, config);
    let running = lease(&runtime, &cluster, 1).await;
    let wide = queued(&cluster, procs(2), &noop_waker());
    // Smaller ones pass it by, up to a point.
    for _ in 0..20 {
        let mut next = cluster.request(procs(1)).priority(1);
        match poll(&mut next, &noop_waker()) {
            Poll::Ready(lease) => lease.unwrap().finish(Outcome::Ok),
            Poll::Pending => break,
        }
    }
    eventually(&runtime, "a hold", || cluster.figures().kinds[0].held == 1).await;
    drop((running, wide));
    rests(&runtime, &cluster, &system).await;
}

/// What it has heard, and how often it was waited for.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<(Vec<Event>, usize)>>);

impl Recorder for Heard {
    fn begin(&mut self, _: Instant, _: &Manager) {}

    fn record(&mut self, _: Instant, event: &Event, _: &[Action], _: &Manager) {
        self.0.lock().unwrap().0.push(*event);
    }

    fn barrier(&self) -> Option<Barrier> {
        let heard = self.clone();
        Some(Arc::new(move || heard.0.lock().unwrap().1 += 1))
    }
}

async fn two_recorders_hear_the_same_and_are_both_waited_for<R: Runtime>(runtime: R) {
    let (first, second) = (Heard::default(), Heard::default());
    let system = Scripted::default();
    let cluster = Cluster::recorded(
        runtime.clone(),
        system.clone(),
        config(),
        Options::default(),
        (first.clone(), (None::<Heard>, Some(second.clone()))),
    );
    let cluster = cluster.unwrap();
    lease(&runtime, &cluster, 1).await.finish(Outcome::Ok);
    rests(&runtime, &cluster, &system).await;
    let (first, second) = (first.0.lock().unwrap(), second.0.lock().unwrap());
    // Submit, up, done, shutdown, stopped.
    assert!(first.0.len() >= 5, "{:?}", first.0);
    assert_eq!(first.0, second.0);
    assert!(first.1 > 0);
    assert_eq!(first.1, second.1);
}

on_both_adapters!(
    r06_figures_are_of_each_kind,
    f07_figures_tell_of_a_back_off_and_p04_of_a_hold,
    two_recorders_hear_the_same_and_are_both_waited_for,
);
