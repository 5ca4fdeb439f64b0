//! The scripted system and the process system keep the promises of a system, on both adapters; and one that breaks a
//! promise is told which.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use remuda::Resources;
use remuda_driver::{
    CallError, Chunk, Figures, Invocation, ProcessSystem, Runtime, Start, StartError, Stream,
    System,
};
use remuda_testkit::scripted::{Scripted, ScriptedMachine};
use remuda_testkit::system::{BrokenPromise, Promise, SystemCheck};
use remuda_tests::processes::{FUNCTIONS, alive, mark};
use remuda_tests::{on_both_adapters, on_tokio};

on_both_adapters! {
    the_scripted_system_keeps_its_promises,
    the_process_system_keeps_its_promises,
}

async fn the_scripted_system_keeps_its_promises<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let check = check(Wrong {
        inner: system,
        mistake: None,
        extra: Arc::default(),
    });
    check.run(runtime).await.unwrap();
}

async fn the_process_system_keeps_its_promises<R: Runtime>(runtime: R) {
    let mark = mark();
    let (on, marked) = (runtime.clone(), mark.clone());
    let make = move || {
        let words = [
            env!("CARGO_BIN_EXE_test-worker"),
            "{procs}",
            "{machine}",
            &marked,
            "serve",
        ];
        ProcessSystem::new(on.clone(), words.map(str::to_owned).to_vec())
            .functions(FUNCTIONS)
            .procs(2)
    };
    let check = SystemCheck::new(make, move || alive(&mark).len())
        .quick("square", postcard::to_allocvec(&7_u64).unwrap())
        .endless("sleep", postcard::to_allocvec(&(60_000_u64, true)).unwrap())
        .prints(
            "print",
            postcard::to_allocvec(&300_000_u64).unwrap(),
            300_000,
        );
    check.run(runtime).await.unwrap();
}

/// What a system does wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mistake {
    Panics,
    StartFails,
    DroppedStartStays,
    StartsFewer,
    DropOfOneEndsAll,
    OffersNothing,
    KillWaits,
    KillDoesNothing,
    StopThenNoKill,
    StoppedTooEarly,
    SomethingStays,
    KillsNeighbours,
    PollsNothing,
    DroppedPollEndsPolls,
    CallHangs,
    CancelIgnored,
    CallEndsBeforeItsWork,
    OutputCut,
    OutputAfterResult,
    NeverFinished,
    OffersLess,
    WatcherStays,
}

/// The scripted system, whose machines take a moment to start; and a mistake.
#[derive(Clone)]
struct Wrong {
    inner: Scripted,
    mistake: Option<Mistake>,
    /// What is alive beside what the scripted system knows.
    extra: Arc<AtomicUsize>,
}

fn check(system: Wrong) -> SystemCheck<Wrong> {
    let all = system.clone();
    let alive = move || all.inner.alive() + all.extra.load(Ordering::SeqCst);
    SystemCheck::new(move || system.clone(), alive)
        .quick("echo", Vec::new())
        .endless("wait", Vec::new())
        .prints("print", vec![20], 200)
}

/// Some milliseconds, whatever the runtime.
async fn moment() {
    let (says, said) = oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        says.send(())
    });
    let _ = said.await;
}

/// A machine that is not up yet.
struct Booting<'a>(&'a Wrong, Option<ScriptedMachine>);

impl Drop for Booting<'_> {
    fn drop(&mut self) {
        if let Some(machine) = self.1.take()
            && self.0.mistake != Some(Mistake::DroppedStartStays)
        {
            self.0.inner.lose(machine.id, "its start was dropped");
        }
    }
}

/// One of a batch that its owner may drop.
struct OfBatch(Arc<AtomicUsize>);

impl Drop for OfBatch {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wrong {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}

impl System for Wrong {
    type Machine = ScriptedMachine;

    async fn start(&self, start: Start) -> Result<ScriptedMachine, StartError> {
        assert!(!self.makes(Mistake::Panics), "a panic, as this test wants");
        if self.makes(Mistake::StartFails) {
            return Err(StartError::new("out of machines"));
        }
        let mut booting = Booting(self, Some(self.inner.start(start).await?));
        moment().await;
        if self.makes(Mistake::SomethingStays) {
            self.extra.fetch_add(1, Ordering::SeqCst);
        }
        Ok(booting.1.take().expect("it was not dropped"))
    }

    fn start_many(
        &self,
        mut starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<ScriptedMachine, StartError>> + Send> {
        if self.makes(Mistake::StartsFewer) {
            starts.pop();
        }
        let dropped = Arc::new(AtomicUsize::new(0));
        let one_by_one = starts.into_iter().map(|start| {
            let (dropped, guard) = (dropped.clone(), OfBatch(dropped.clone()));
            async move {
                let before = dropped.load(Ordering::SeqCst);
                if before > 0 && self.makes(Mistake::DropOfOneEndsAll) {
                    return Err(StartError::new("the batch was given up"));
                }
                let machine = self.start(start).await;
                std::mem::forget(guard);
                machine
            }
        });
        one_by_one.collect()
    }

    fn offer(&self, machine: &ScriptedMachine, capacity: Resources) -> Resources {
        match self.mistake {
            Some(Mistake::OffersNothing) => Resources::ZERO,
            Some(Mistake::OffersLess) => Resources::procs(1),
            _ => self.inner.offer(machine, capacity),
        }
    }

    async fn stopped(&self, machine: &ScriptedMachine) -> String {
        if self.makes(Mistake::StoppedTooEarly) {
            return "perhaps".into();
        }
        self.inner.stopped(machine).await
    }

    async fn stop(&self, machine: &ScriptedMachine) {
        if self.makes(Mistake::StopThenNoKill) {
            self.inner.book().immortal = true;
            return;
        }
        self.inner.stop(machine).await;
    }

    fn kill(&self, machine: &ScriptedMachine) {
        if self.makes(Mistake::KillWaits) {
            std::thread::sleep(Duration::from_millis(2_500));
        }
        if self.makes(Mistake::KillsNeighbours) {
            self.inner.lose(
                remuda::MachineId(machine.id.0 + 1),
                "a neighbour was killed",
            );
        }
        if !self.makes(Mistake::KillDoesNothing) {
            self.inner.kill(machine);
        }
    }

    async fn leaving(&self, _: &ScriptedMachine) -> Duration {
        if self.makes(Mistake::WatcherStays) {
            self.extra.fetch_add(1, Ordering::SeqCst);
        }
        std::future::pending().await
    }

    async fn finished(&self) {
        if self.makes(Mistake::NeverFinished) {
            std::future::pending::<()>().await;
        }
    }

    async fn poll(&self, machine: &ScriptedMachine) -> Figures {
        if self.makes(Mistake::PollsNothing) {
            return Figures::default();
        }
        if self.makes(Mistake::DroppedPollEndsPolls) {
            // The connection is in the middle of an answer.
            let before = self.extra.load(Ordering::SeqCst);
            let half_read = OfBatch(self.extra.clone());
            moment().await;
            if before > 0 {
                std::mem::forget(half_read);
                return Figures::default();
            }
            std::mem::forget(half_read);
        }
        self.inner.poll(machine).await
    }

    async fn call(
        &self,
        machine: &ScriptedMachine,
        mut call: Invocation,
    ) -> Result<Vec<u8>, CallError> {
        match (self.mistake, call.function.as_str()) {
            (Some(Mistake::CallHangs), "echo") => std::future::pending().await,
            (Some(Mistake::CancelIgnored), "wait") => {
                call.cancelled().await;
                std::future::pending().await
            }
            (Some(Mistake::CallEndsBeforeItsWork), "wait") => {
                call.cancelled().await;
                self.extra.fetch_add(1, Ordering::SeqCst);
                Err(CallError::Cancelled)
            }
            (Some(Mistake::OutputCut), "print") => {
                call.args = vec![19];
                self.inner.call(machine, call).await
            }
            (Some(Mistake::OutputAfterResult), "print") => {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(50));
                    let (stream, bytes) = (Stream::Stdout, vec![0; 200]);
                    let chunk = Chunk { stream, bytes };
                    futures::executor::block_on(call.output.send(chunk));
                });
                Ok(Vec::new())
            }
            _ => self.inner.call(machine, call).await,
        }
    }
}

#[test]
fn a_system_that_breaks_a_promise_is_told_which() {
    let mistakes = [
        (Mistake::Panics, Promise::NoPanic),
        (Mistake::StartFails, Promise::StartMakesAMachine),
        (Mistake::DroppedStartStays, Promise::DroppedStartEnds),
        (Mistake::StartsFewer, Promise::StartManyStartsEach),
        (Mistake::DropOfOneEndsAll, Promise::StartManyEachOnItsOwn),
        (Mistake::OffersNothing, Promise::OfferHasAProc),
        (Mistake::KillWaits, Promise::KillReturnsAtOnce),
        (Mistake::KillDoesNothing, Promise::StoppedAfterKill),
        (Mistake::StopThenNoKill, Promise::StoppedAfterStop),
        (Mistake::StoppedTooEarly, Promise::StoppedWaits),
        (Mistake::SomethingStays, Promise::NothingRunsAfterStopped),
        (Mistake::KillsNeighbours, Promise::MachinesEndOnTheirOwn),
        (Mistake::PollsNothing, Promise::PollAnswers),
        (Mistake::DroppedPollEndsPolls, Promise::PollMayBeDropped),
        (Mistake::CallHangs, Promise::CallEnds),
        (Mistake::CancelIgnored, Promise::CallEndsAfterCancel),
        (Mistake::CallEndsBeforeItsWork, Promise::CallHasEnded),
        (Mistake::OutputCut, Promise::OutputIsWhole),
        (Mistake::OutputAfterResult, Promise::OutputBeforeResult),
        (Mistake::NeverFinished, Promise::FinishedResolves),
        (Mistake::OffersLess, Promise::ClusterServes),
        (Mistake::WatcherStays, Promise::ClusterLeavesNothing),
    ];
    for promise in Promise::ALL {
        let named = mistakes.iter().any(|(_, named)| named == promise);
        assert!(named, "{promise:?}: a promise without a mistake");
    }
    // Most wait for what does not come.
    let tests =
        mistakes.map(|(mistake, promise)| (promise, std::thread::spawn(move || broken(mistake))));
    for (promise, test) in tests {
        let broken = test.join().expect("the mistake is found");
        assert_eq!(broken.promise, promise, "{broken}");
    }
}

fn broken(mistake: Mistake) -> BrokenPromise {
    let mut found = None;
    on_tokio(async |runtime| {
        let system = Wrong {
            inner: Scripted::default(),
            mistake: Some(mistake),
            extra: Arc::default(),
        };
        let check = check(system).limit(Duration::from_secs(4));
        found = check.run(runtime).await.err();
    });
    let found = found.unwrap_or_else(|| panic!("{mistake:?} is not found"));
    println!("{mistake:?}: {found}");
    found
}
