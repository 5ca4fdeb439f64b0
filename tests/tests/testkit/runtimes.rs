//! Both adapters keep the promises of a runtime; and a runtime that breaks one is told which.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use remuda::Instant;
use remuda_driver::{Accept, Child, Connection, Process, Runtime};
use remuda_testkit::runtime;
use remuda_tests::{on_async_std, on_tokio};
use remuda_tokio::Tokio;

mod tokio {
    remuda_testkit::conformance!(super::on_tokio);
}

mod async_std {
    remuda_testkit::conformance!(super::on_async_std);
}

/// What a runtime does wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mistake {
    DropsTasks,
    SpawnNeedsItsThread,
    RunsOneByOne,
    EndsWithAPanic,
    PastSleepsLast,
    SleepsTooShort,
    FarSleepsEnd,
    SleepNeedsItsThread,
    ClockGoesBack,
    ClockOfEachClone,
    MixesOutputs,
    ForgetsStatus,
    StartNeedsItsThread,
    StartsWhateverItIs,
    FewChildren,
    WaitsOnce,
    KillsNobody,
    KeepsDroppedChildren,
    ForgetsWhoConnects,
}

/// Tokio, with a mistake.
struct Wrong {
    inner: Tokio,
    mistake: Mistake,
    asked: Arc<AtomicU64>,
    panicked: Arc<AtomicBool>,
    origin: Instant,
    /// The children that it has not killed.
    kept: Arc<Mutex<Vec<u32>>>,
}

impl Wrong {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    /// Tests have names, and so have their threads.
    fn needs_its_thread(&self, mistake: Mistake) {
        let here = thread::current().name().is_some();
        assert!(here || !self.makes(mistake), "there is no runtime here");
    }
}

impl Clone for Wrong {
    fn clone(&self) -> Self {
        let origin = match self.makes(Mistake::ClockOfEachClone) {
            true => self.inner.now(),
            false => self.origin,
        };
        Wrong {
            inner: self.inner.clone(),
            mistake: self.mistake,
            asked: self.asked.clone(),
            panicked: self.panicked.clone(),
            origin,
            kept: self.kept.clone(),
        }
    }
}

impl Runtime for Wrong {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.needs_its_thread(Mistake::SpawnNeedsItsThread);
        let panicked = self.panicked.clone();
        match self.mistake {
            Mistake::DropsTasks => drop(task),
            Mistake::RunsOneByOne => _ = task.now_or_never(),
            Mistake::EndsWithAPanic if panicked.load(Ordering::SeqCst) => drop(task),
            Mistake::EndsWithAPanic => self.inner.spawn(async move {
                let task = AssertUnwindSafe(task).catch_unwind().await;
                panicked.store(task.is_err(), Ordering::SeqCst);
            }),
            _ => self.inner.spawn(task),
        }
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.needs_its_thread(Mistake::SleepNeedsItsThread);
        let far = self.now() + Duration::from_secs(1_000_000);
        let sleep: BoxFuture<'static, ()> = match self.mistake {
            Mistake::SleepsTooShort => {
                let early = Instant(at.0.saturating_sub(10_000_000));
                self.inner.sleep_until(early).boxed()
            }
            Mistake::PastSleepsLast if at <= self.now() => std::future::pending().boxed(),
            Mistake::FarSleepsEnd if at > far => ready(()).boxed(),
            _ => self.inner.sleep_until(at).boxed(),
        };
        sleep
    }

    fn now(&self) -> Instant {
        let now = Instant::ZERO + (self.inner.now() - self.origin);
        // Every hundredth time, as a clock that is set.
        let set = self.makes(Mistake::ClockGoesBack)
            && self.asked.fetch_add(1, Ordering::SeqCst) % 100 == 99;
        match set {
            true => Instant(now.0.saturating_sub(5_000_000)),
            false => now,
        }
    }

    fn start(&self, command: Command) -> io::Result<Child> {
        self.needs_its_thread(Mistake::StartNeedsItsThread);
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        if self.makes(Mistake::FewChildren) && before >= 20 {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let mut child = match self.inner.start(command) {
            Err(_) if self.makes(Mistake::StartsWhateverItIs) => {
                self.inner.start(Command::new("true"))?
            }
            child => child?,
        };
        if self.makes(Mistake::MixesOutputs) {
            std::mem::swap(&mut child.stdout, &mut child.stderr);
        }
        let inner = Some(child.process);
        let (mistake, id, waited) = (self.mistake, child.id, false);
        let kept = self.kept.clone();
        child.process = Box::new(WrongProcess {
            inner,
            mistake,
            id,
            waited,
            kept,
        });
        Ok(child)
    }

    fn listen(&self, listener: TcpListener) -> io::Result<Box<dyn Accept>> {
        let inner = self.inner.listen(listener)?;
        Ok(match self.makes(Mistake::ForgetsWhoConnects) {
            true => Box::new(WrongAccept(inner)),
            false => inner,
        })
    }
}

struct WrongProcess {
    inner: Option<Box<dyn Process>>,
    mistake: Mistake,
    id: u32,
    waited: bool,
    kept: Arc<Mutex<Vec<u32>>>,
}

impl WrongProcess {
    fn inner(&mut self) -> &mut dyn Process {
        self.inner
            .as_deref_mut()
            .expect("it is there until it is dropped")
    }
}

impl Process for WrongProcess {
    fn kill(&mut self) -> io::Result<()> {
        match self.mistake {
            Mistake::KillsNobody => Ok(()),
            _ => self.inner().kill(),
        }
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<ExitStatus>> {
        let again = std::mem::replace(&mut self.waited, true);
        let mistake = self.mistake;
        let wait = self.inner().wait();
        match mistake {
            Mistake::WaitsOnce if again => ready(Err(io::ErrorKind::NotFound.into())).boxed(),
            Mistake::ForgetsStatus => wait.map(|_| Ok(ExitStatus::default())).boxed(),
            _ => wait,
        }
    }
}

impl Drop for WrongProcess {
    fn drop(&mut self) {
        if self.mistake == Mistake::KeepsDroppedChildren {
            std::mem::forget(self.inner.take());
            self.kept.lock().expect("nobody panics here").push(self.id);
        }
    }
}

struct WrongAccept(Box<dyn Accept>);

impl Accept for WrongAccept {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let accept = self.0.accept();
        accept
            .map(move |connection| {
                Ok(Connection {
                    peer: nobody,
                    ..connection?
                })
            })
            .boxed()
    }
}

/// What the promise says of a runtime with this mistake.
fn said<F: Future<Output = ()>>(mistake: Mistake, promise: impl FnOnce(Wrong) -> F) -> String {
    let mut said = String::new();
    runtime::set_limit(Duration::from_secs(4));
    let kept = Arc::<Mutex<Vec<u32>>>::default();
    let keeps = kept.clone();
    on_tokio(async |inner| {
        let wrong = Wrong {
            inner,
            mistake,
            asked: Arc::default(),
            panicked: Arc::default(),
            origin: Instant::ZERO,
            kept: keeps,
        };
        let Err(panic) = AssertUnwindSafe(promise(wrong)).catch_unwind().await else {
            return;
        };
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
        said = text.unwrap_or_default();
    });
    for id in kept.lock().expect("nobody panics here").drain(..) {
        let killed = Command::new("kill").args(["-9", &id.to_string()]).status();
        killed.expect("kill is there");
    }
    said
}

macro_rules! told {
    ($($mistake:ident, $promise:ident: $says:literal;)*) => {
        $(
            let name = stringify!($mistake).to_owned();
            let test = || said(Mistake::$mistake, |wrong| runtime::$promise(wrong));
            let test = thread::Builder::new().name(name).spawn(test).expect("a thread");
            let $promise = (stringify!($mistake), $says, test);
        )*
        // Some wait for what does not come.
        $(
            let (mistake, says, test) = $promise;
            let said = test.join().expect("what it says is caught");
            println!("{mistake}: {said}");
            assert!(said.contains(says), "{mistake}: {said}");
        )*
    };
}

#[test]
fn a_runtime_that_breaks_a_promise_is_told_which() {
    told! {
        DropsTasks, spawn_runs_a_task: "spawn: a task is dropped before it has run";
        SpawnNeedsItsThread, spawn_works_on_any_thread: "there is no runtime here";
        RunsOneByOne, spawn_runs_tasks_beside_each_other: "spawn: a task is dropped";
        EndsWithAPanic, spawn_goes_on_after_a_panic: "spawn: a task is dropped after another's panic";
        PastSleepsLast, sleep_until_a_time_that_has_passed_ends_at_once: "sleep_until: one that is over ends: not within";
        SleepsTooShort, sleep_until_ends_when_now_has_reached_it: "sleep_until: over at";
        FarSleepsEnd, sleep_until_a_time_that_never_comes_waits: "sleep_until: a sleep until";
        SleepNeedsItsThread, sleep_until_works_on_any_thread: "there is no runtime here";
        ClockGoesBack, now_never_decreases: " ns after ";
        ClockOfEachClone, now_is_the_same_for_clones: "now: a clone says";
        MixesOutputs, start_pipes_what_a_child_reads_and_writes: "start: standard output has";
        ForgetsStatus, start_says_how_a_child_ended: "start: the exit status of a child";
        StartNeedsItsThread, start_works_on_any_thread: "there is no runtime here";
        StartsWhateverItIs, start_refuses_what_is_no_command: "start: a command that does not exist";
        FewChildren, start_runs_many_children: "start: a command cannot be started";
        WaitsOnce, start_waits_again_after_a_wait_was_dropped: "start: a child can be waited for again";
        KillsNobody, start_kills_a_child: "start: a child that was killed ends: not within";
        KeepsDroppedChildren, start_kills_a_child_that_is_dropped: "start: a child that was dropped still runs";
        ForgetsWhoConnects, listen_accepts_connections: "listen: the address of the other side";
    }
}
