//! A manager is told events, a mirror hears of them, and what is served is held against what happened.
use remuda::{
    Action, Config, Event, Instant, Kind, MachineId, Manager, Outcome, RequestId, Resources, Submit,
};
use remuda_tokio::{Recorder as _, Runtime as _};

use std::sync::Arc;
use std::sync::mpsc::{TryRecvError, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{Either, select};
use futures::task::noop_waker;
use hyper::body::Body as _;

use super::Served;
use super::feed::{End, Feed};
use super::guard::Guard;
use super::http::{Events, Place, Reply, STREAMS};
use super::metrics::metrics;
use super::mirror::Mirror;
use super::state::State;
use super::totals::{OUTCOMES, STARTS};

/// A manager and its mirror.
struct Pair {
    manager: Manager,
    feed: Feed,
    mirror: Mirror,
}

impl Pair {
    fn new(manager: Manager) -> Pair {
        let mut feed = Feed::default();
        feed.begin(manager.now(), &manager);
        let kinds = vec!["small \"one\"\nsecond line".to_owned()];
        let mirror = Mirror::new(feed.clone(), manager.clone(), kinds, "a test".into());
        Pair {
            manager,
            feed,
            mirror,
        }
    }

    fn tell(&mut self, seconds: u64, event: Event) -> Vec<Action> {
        let now = Instant::from_secs(seconds);
        let actions = self.manager.handle(event, now);
        self.feed.record(now, &event, &actions, &self.manager);
        self.mirror.update();
        assert_eq!(self.mirror.manager().counts(), self.manager.counts());
        actions
    }

    fn submit(&mut self, seconds: u64, request: u64, spec: Submit) -> Vec<Action> {
        let request = RequestId(request);
        self.tell(seconds, Event::Submit { request, spec })
    }

    fn done(&mut self, seconds: u64, request: u64, outcome: Outcome) {
        let done = Event::Done {
            request: RequestId(request),
            machine: None,
            outcome,
        };
        let _ = self.tell(seconds, done);
    }

    fn outcome(&self, word: &str) -> u64 {
        let at = OUTCOMES.iter().position(|it| *it == word).unwrap();
        self.mirror.totals().sums.outcomes[at]
    }

    fn starts(&self, word: &str) -> u64 {
        let at = STARTS.iter().position(|it| *it == word).unwrap();
        self.mirror.totals().sums.starts[0][at]
    }
}

fn two_procs(max: u32) -> Config {
    let second = Duration::from_secs(1);
    Config::empty()
        .kind(Kind::new(Resources::procs(2)).max(max))
        .start_backoff_base(100 * second)
        .start_backoff_cap(100 * second)
}

const UP: fn(u64) -> Event = |machine| Event::Up {
    machine: MachineId(machine),
    offer: None,
};

#[test]
fn everything_that_ends_is_counted_once() {
    let mut pair = Pair::new(Manager::new(two_procs(2)).unwrap());
    let _ = pair.submit(0, 1, Submit::procs(1));
    let failed = Event::StartFailed {
        machine: MachineId(0),
        hint: None,
    };
    let _ = pair.tell(1, failed);
    assert_eq!((pair.starts("failed"), pair.starts("up")), (1, 0));
    let state = State::of(&pair.mirror);
    assert_eq!(state.kinds[0].backoff_until, Some(101.0));
    let said = metrics(&pair.mirror, "").0;
    let backoff = r#"remuda_backoff_until_seconds{kind="small \"one\" | second line"} "#;
    let line = said.lines().find_map(|line| line.strip_prefix(backoff));
    let until: f64 = line.expect(&said).parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ahead = until - now.unwrap().as_secs_f64();
    assert!((95.0..=100.5).contains(&ahead), "{ahead}");

    let _ = pair.tell(101, Event::Timer);
    let _ = pair.tell(102, UP(1));
    assert_eq!((pair.starts("failed"), pair.starts("up")), (1, 1));
    // In time: it has waited for 102 s.
    let waits = &pair.mirror.totals().sums.waits;
    assert_eq!((waits[1].count, waits[1].longest), (1, 102_000_000_000));
    // Up to five minutes, the eighth bucket.
    assert_eq!(waits[1].buckets[7], 1);
    let _ = pair.submit(103, 2, Submit::procs(1).priority(-5));
    assert_eq!(pair.mirror.totals().sums.waits[0].buckets[0], 1);
    let _ = pair.submit(104, 3, Submit::procs(3));
    assert_eq!(pair.outcome("refused"), 1);
    let _ = pair.submit(105, 4, Submit::procs(2).give_up(Instant::from_secs(110)));
    let _ = pair.submit(106, 5, Submit::procs(2));
    let cancel = Event::Cancel {
        request: RequestId(5),
    };
    let _ = pair.tell(107, cancel);
    // Of what runs, and of what nobody knows, a cancel ends nothing.
    for request in [1, 99] {
        let request = RequestId(request);
        let _ = pair.tell(107, Event::Cancel { request });
    }
    assert_eq!(pair.outcome("cancelled"), 1);
    let _ = pair.tell(110, Event::Timer);
    assert_eq!(pair.outcome("expired"), 1);
    pair.done(111, 1, Outcome::Unreachable);
    pair.done(112, 2, Outcome::Unused);
    pair.done(112, 2, Outcome::Ok);
    let _ = pair.submit(113, 6, Submit::procs(2));
    let _ = pair.tell(120, Event::Shutdown);
    for machine in [1, 2] {
        let machine = MachineId(machine);
        let _ = pair.tell(121, Event::Stopped { machine });
    }
    let counts: Vec<_> = OUTCOMES.iter().map(|word| pair.outcome(word)).collect();
    // ok, failed, unreachable, unused, lost, cancelled (by the client, by the shutdown), expired, refused.
    assert_eq!(counts, [0, 0, 1, 1, 0, 2, 1, 1]);
    // The second machine was asked for, and never up.
    let starts: Vec<_> = STARTS.iter().map(|word| pair.starts(word)).collect();
    assert_eq!(starts, [1, 1, 1]);
    assert_eq!(pair.mirror.totals().sums.losses, [0; 3]);
    assert!(State::of(&pair.mirror).over);
}

#[test]
fn losses_holds_and_news_are_told() {
    let mut pair = Pair::new(Manager::new(two_procs(1).patience(1)).unwrap());
    let _ = pair.submit(0, 1, Submit::procs(1));
    let _ = pair.tell(1, UP(0));
    pair.feed.name(RequestId(1), "build\x1b[2J");
    let _ = pair.submit(2, 2, Submit::procs(2));
    for request in 10..20 {
        let _ = pair.submit(3, request, Submit::procs(1).priority(1));
        pair.done(3, request, Outcome::Ok);
    }
    assert_eq!(pair.mirror.totals().sums.holds, 1);
    let state = State::of(&pair.mirror);
    assert_eq!(state.kinds[0].held, 1);
    assert_eq!(state.queue[0].held.as_deref(), Some("m0"));
    assert_eq!(state.machines[0].held_for.as_deref(), Some("r2"));
    assert_eq!(state.machines[0].running[0].job, "build.[2J");
    assert_eq!(state.machines[0].running[0].since, Some(1.0));
    let machine = MachineId(0);
    let _ = pair.tell(5, Event::Stopped { machine });
    let sums = &pair.mirror.totals().sums;
    assert_eq!((sums.losses, pair.outcome("lost")), ([1, 0, 0], 1));
    let state = State::of(&pair.mirror);
    let told = state.news.last().unwrap();
    assert_eq!(told.time, 5.0);
    assert_eq!(told.text, "m0 is lost: it stopped, with build.[2J");
}

#[test]
fn a_run_that_goes_on_is_told_from_where_it_stood() {
    let mut first = Pair::new(Manager::new(two_procs(1)).unwrap());
    let _ = first.submit(0, 1, Submit::procs(2));
    let _ = first.submit(0, 2, Submit::procs(2));
    let _ = first.tell(1, UP(0));
    let mut second = Pair::new(first.manager);
    let state = State::of(&second.mirror);
    assert_eq!((state.running, state.queued), (1, 1));
    assert_eq!(state.machines[0].running[0].since, None);
    assert_eq!(state.queue[0].since, None);
    second.done(7, 1, Outcome::Ok);
    assert_eq!(second.outcome("ok"), 1);
    // Nobody knows how long it has waited.
    assert_eq!(State::of(&second.mirror).waits.granted, 0);
    assert_eq!(State::of(&second.mirror).running, 1);
}

#[test]
fn a_mirror_that_falls_behind_is_given_up_and_not_waited_for() {
    let feed = Feed::default();
    assert_eq!(feed.over().now_or_never(), None);
    let mut pushed = 0_u64;
    while feed.ended().is_none() {
        feed.name(RequestId(pushed), "");
        pushed += 1;
        assert!(pushed <= 2 << 20, "it has no end");
    }
    assert_eq!(feed.ended(), Some(End::Behind));
    assert_eq!(feed.over().now_or_never(), Some(()));
    assert!(feed.take().is_empty());
    feed.name(RequestId(0), "");
    assert!(feed.take().is_empty());
}

/// A connection asks its stream for more only when its reader has taken what there was.
#[test]
fn the_end_waits_for_streams_that_ask_for_more_and_for_no_others() {
    let mut pair = Pair::new(Manager::new(two_procs(1)).unwrap());
    let _ = pair.submit(0, 1, Submit::procs(1));
    let feed = pair.feed;
    let served = Arc::new(Served::new(Guard::new(None, 0), pair.mirror, feed.clone()));
    let waker = noop_waker();
    let next = |stream: &mut std::pin::Pin<Box<Reply>>| {
        let polled = stream.as_mut().poll_frame(&mut Context::from_waker(&waker));
        let text = |frame: hyper::body::Frame<_>| frame.into_data().unwrap();
        polled.map(|frame| frame.map(|frame| text(frame.unwrap())))
    };
    remuda_tokio::run(async |runtime: remuda_tokio::Tokio| {
        let stream = || {
            let place = Place::take(&served.streams, STREAMS).unwrap();
            let events = Events::new(served.clone(), runtime.clone(), place);
            Box::pin(Reply::Events(Box::new(events)))
        };
        let (mut is_full, mut asks) = (stream(), stream());
        for stream in [&mut is_full, &mut asks] {
            assert!(matches!(next(stream), Poll::Ready(Some(_))));
        }
        assert_eq!(next(&mut asks), Poll::Pending);
        feed.end();
        let (telling, told) = channel();
        let mut following = Box::pin(served.clone().follow(runtime.clone(), telling));
        assert!((&mut following).now_or_never().is_none());
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
        let Poll::Ready(Some(end)) = next(&mut asks) else {
            panic!("it is not told of the end");
        };
        assert!(end.ends_with(b"event: end\ndata:\n\n"), "{end:?}");
        drop(asks);
        let deadline = runtime.sleep_until(runtime.now() + Duration::from_secs(30));
        match select(following, Box::pin(deadline)).await {
            Either::Left(_) => assert_eq!(told.try_recv(), Err(TryRecvError::Disconnected)),
            Either::Right(_) => panic!("it waits for a stream that does not ask"),
        }
        drop(is_full);
    })
    .unwrap();
}
