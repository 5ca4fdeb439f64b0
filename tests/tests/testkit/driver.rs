//! The driver on virtual time, in a world that the kit plays: machines, clients and their calls do what a story says.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::BoxFuture;
use remuda::{Config, Instant, MachineId, Outcome, RequestId, Submit};
use remuda_driver::{Call, Cluster, Lease, Options, Request, RequestError, Runtime};
use remuda_testkit::virtual_time::Virtual;
use remuda_testkit::{Adapter, Check, Happening, Rule, World};
use tracing::Dispatch;

use crate::stage::Stage;

type Time<R> = Virtual<R>;

/// A cluster and its clients.
struct Driven<R: Runtime> {
    world: World,
    stage: Stage,
    time: Time<R>,
    /// None once it is over.
    cluster: Option<Cluster<Time<R>, Stage>>,
    queued: BTreeMap<u64, Queued<R>>,
    leases: BTreeMap<RequestId, Held<R>>,
    woken: mpsc::Receiver<u64>,
    wakes: mpsc::Sender<u64>,
    shutdown: Option<BoxFuture<'static, ()>>,
}

struct Queued<R: Runtime> {
    name: RequestId,
    request: Request<Time<R>, Stage>,
}

struct Held<R: Runtime> {
    client: u64,
    machine: MachineId,
    lease: Lease<Time<R>, Stage>,
    call: Call<()>,
}

/// Tells which client was woken.
struct Note(mpsc::Sender<u64>, u64);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(self.1);
    }
}

impl<R: Runtime> Driven<R> {
    fn new(runtime: R, config: Config, world: World, never_stops: bool) -> Driven<R> {
        let time = Virtual::new(runtime, Dispatch::none());
        let stage = Stage::new(world.clone(), never_stops);
        // The world says when starts fail and machines end, however long that takes.
        let mut options = Options::default();
        let long = Duration::from_secs(1_000_000);
        (
            options.start_timeout,
            options.stop_timeout,
            options.kill_timeout,
        ) = (long, long, long);
        let cluster = time.turn(Instant::ZERO, || {
            let recorder = stage.clone();
            Cluster::recorded(time.clone(), stage.clone(), config, options, recorder)
        });
        let (wakes, woken) = mpsc::channel();
        let mut driven = Driven {
            world,
            stage,
            time,
            cluster: Some(cluster.expect("a valid config")),
            queued: BTreeMap::new(),
            leases: BTreeMap::new(),
            woken,
            wakes,
            shutdown: None,
        };
        driven.quiet();
        driven
    }

    /// One turn for the story; then everybody does what they want to do now.
    fn turn(&mut self, act: impl FnOnce(&mut Self)) {
        let (time, now) = (self.time.clone(), self.world.now());
        time.turn(now, || act(self));
        self.quiet();
    }

    fn quiet(&mut self) {
        loop {
            block_on(self.time.quiet());
            let woken: Vec<u64> = self.woken.try_iter().collect();
            if woken.is_empty() {
                break;
            }
            let (time, now) = (self.time.clone(), self.world.now());
            time.turn(now, || {
                for client in woken {
                    self.look(client);
                }
            });
        }
        self.lost();
    }

    fn ask(&mut self, client: u64, spec: Submit) {
        let cluster = self.cluster.as_ref().expect("it is not over");
        let mut request = cluster.request(spec.demand).priority(spec.priority);
        if let Some(at) = spec.give_up {
            request = request.timeout(at - self.world.now());
        }
        let name = RequestId(0);
        self.queued.insert(client, Queued { name, request });
        self.look(client);
    }

    /// A client looks whether its request was answered.
    fn look(&mut self, client: u64) {
        let Some(mut queued) = self.queued.remove(&client) else {
            return;
        };
        let waker = Waker::from(Arc::new(Note(self.wakes.clone(), client)));
        let polled = Pin::new(&mut queued.request).poll(&mut Context::from_waker(&waker));
        if let Some(name) = self.stage.book().submitted.take() {
            queued.name = name;
        }
        let name = queued.name;
        match polled {
            Poll::Pending => _ = self.queued.insert(client, queued),
            Poll::Ready(Ok(lease)) => {
                let (machine, call) = (
                    lease.id(),
                    lease.call(&lease.request().to_string()[1..], &()),
                );
                self.world.run(lease.request(), machine);
                let held = Held {
                    client,
                    machine,
                    lease,
                    call,
                };
                self.leases.insert(name, held);
            }
            Poll::Ready(Err(RequestError::Expired)) => self.world.expired(name),
            Poll::Ready(Err(RequestError::Shutdown)) => self.world.cancelled(name),
            Poll::Ready(Err(RequestError::Lost(machine))) => self.world.lost(name, machine),
            Poll::Ready(Err(RequestError::NoMachines(_))) => self.world.gave_up(name),
            Poll::Ready(Err(error)) => panic!("client {client}: {error}"),
        }
    }

    /// Clients see that their leases are lost.
    fn lost(&mut self) {
        let lost = |leases: &BTreeMap<RequestId, Held<R>>| {
            let mut lost = leases.iter().filter(|(_, held)| held.lease.is_lost());
            lost.next().map(|(name, _)| *name)
        };
        while let Some(name) = lost(&self.leases) {
            if let Some(held) = self.leases.remove(&name) {
                self.world.lost(name, held.machine);
                self.turn(|_| drop(held));
            }
        }
    }

    fn go_away(&mut self, client: u64) {
        if let Some(queued) = self.queued.remove(&client) {
            return drop(queued);
        }
        let held = self.leases.iter().find(|(_, held)| held.client == client);
        let name = held.map(|(name, _)| *name);
        drop(name.and_then(|name| self.leases.remove(&name)));
    }

    fn ended(&mut self, request: RequestId, machine: MachineId, outcome: Outcome) {
        self.turn(|this| {
            let work = this.stage.book().works.remove(&(request, machine));
            // One that is lost may have been told its end.
            let _ = work.map(|work| work.send(outcome));
        });
        let there = self.leases.get(&request);
        if there.is_some_and(|held| held.machine == machine) {
            let held = self.leases.remove(&request).expect("it is there");
            self.turn(|_| {
                held.lease.finish(outcome);
                drop(held.call);
            });
        }
    }

    fn stopped(&mut self, machine: MachineId) {
        let mut book = self.stage.book();
        let works = std::mem::take(&mut book.works);
        let (gone, stay): (BTreeMap<_, _>, _) =
            works.into_iter().partition(|((_, on), _)| *on == machine);
        book.works = stay;
        let waits = (
            book.polls.remove(&machine),
            book.leaves.remove(&machine),
            book.starts.remove(&machine),
        );
        let end = book.ends.remove(&machine);
        drop(book);
        drop((gone, waits, end));
    }
}

impl<R: Runtime> Adapter for Driven<R> {
    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Ended {
                request,
                machine,
                outcome,
            } => self.ended(request, machine, outcome),
            Happening::Request { client, spec } => self.turn(|this| this.ask(client, spec)),
            Happening::Gone { client } => self.turn(|this| this.go_away(client)),
            Happening::Up { machine } => self.turn(|this| {
                let start = this.stage.book().starts.remove(&machine);
                let _ = start.map(|start| start.send(Ok(())));
            }),
            Happening::StartFailed { machine, hint } => self.turn(|this| {
                let start = this.stage.book().starts.remove(&machine);
                let _ = start.map(|start| start.send(Err(hint)));
            }),
            Happening::Stopped { machine } => self.turn(|this| this.stopped(machine)),
            Happening::PollAnswered { machine } => self.turn(|this| {
                let poll = this.stage.book().polls.remove(&machine);
                let _ = poll.map(|poll| poll.send(()));
            }),
            Happening::MustGo { machine, until } => self.turn(|this| {
                let leaves = this.stage.book().leaves.remove(&machine);
                let within = until - this.world.now();
                let _ = leaves.map(|leaves| leaves.send(within));
            }),
            Happening::Shutdown => self.turn(|this| {
                let cluster = this.cluster.take().expect("it is told once");
                let mut shutdown: BoxFuture<'static, ()> =
                    Box::pin(async move { cluster.shutdown().await });
                let _ = shutdown
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()));
                this.shutdown = Some(shutdown);
            }),
        }
    }

    fn wake_at(&mut self) -> Option<Instant> {
        self.time.next_waking()
    }

    fn wake(&mut self) {
        self.turn(|_| {});
    }
}

/// Runs a runtime on a thread of its own, as long as `test` takes on this one.
fn beside<R: Runtime>(
    run: impl FnOnce(oneshot::Receiver<()>, mpsc::Sender<R>) + Send + 'static,
    test: impl FnOnce(R),
) {
    let ((end, ended), (says, runtime)) = (oneshot::channel(), mpsc::channel());
    let thread = thread::spawn(move || run(ended, says));
    test(runtime.recv().expect("the runtime is there"));
    let _ = end.send(());
    thread.join().expect("the runtime ends");
}

fn breaks_no_rule<R: Runtime>(runtime: R) {
    let make = |config, world| Driven::new(runtime.clone(), config, world, false);
    let report = Check::default().seeds(0..120).run(make).unwrap();
    println!("{report}");
    for what in [
        "gone",
        "start failed",
        "must go",
        "cancel",
        "expired",
        "cancelled",
        "lost",
    ] {
        let times = report.met.get(what).copied().unwrap_or_default();
        assert!(times >= 5, "{what}: {times} times");
    }
    // It would be found: a system that does not pass a stop on.
    let make = |config, world| Driven::new(runtime.clone(), config, world, true);
    let broken = Check::default().seeds(0..20).run(make).unwrap_err();
    assert_eq!(broken.rule, Rule::StopNotMade, "{broken}");
}

#[test]
fn the_driver_breaks_no_rule_on_tokio() {
    let run = |ended, says: mpsc::Sender<_>| {
        remuda_tokio::run(async |runtime| {
            let _ = says.send(runtime);
            let _ = ended.await;
        })
        .expect("a runtime is built");
    };
    beside(run, breaks_no_rule);
}

#[test]
fn the_driver_breaks_no_rule_on_async_std() {
    let run = |ended, says: mpsc::Sender<_>| {
        remuda_async_std::run(async |runtime| {
            let _ = says.send(runtime);
            let _ = ended.await;
        });
    };
    beside(run, breaks_no_rule);
}
