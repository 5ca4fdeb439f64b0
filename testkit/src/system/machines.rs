//! Machines: how they start, end and answer polls.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join_all, select};
use remuda_driver::{Figures, Runtime, System};

use super::{Kept, Promise, SystemCheck, broken};

impl<S: System> SystemCheck<S> {
    pub(super) async fn machines<R: Runtime>(&self, runtime: &R) -> Kept {
        self.starts_and_ends(runtime).await?;
        self.drops_starts(runtime).await?;
        self.starts_many(runtime).await?;
        self.stops(runtime).await
    }

    /// Waits for a time; whether the future was over by then.
    pub(super) async fn is_over_after<R: Runtime>(
        &self,
        runtime: &R,
        time: Duration,
        future: impl Future,
    ) -> bool {
        let over = pin!(runtime.sleep_until(runtime.now() + time));
        matches!(select(pin!(future), over).await, Either::Left(_))
    }

    async fn starts_and_ends<R: Runtime>(&self, runtime: &R) -> Kept {
        let system = (self.make)();
        let first = self.machine(runtime, &system, 0).await?;
        let second = self.machine(runtime, &system, 1).await?;
        if system.offer(&first, self.capacity).proc_count() == 0 {
            return broken(Promise::OfferHasAProc, "it has none");
        }
        self.polls(runtime, &system, &first).await?;
        let both = (self.alive)();
        let mut watched = pin!(system.stopped(&second));
        let short = Duration::from_millis(50);
        if self.is_over_after(runtime, short, &mut watched).await {
            return broken(Promise::StoppedWaits, "it has resolved");
        }
        let left = both.saturating_sub(1);
        self.end(runtime, &system, &first, system.stopped(&first), left)
            .await?;
        let alone = match self.is_over_after(runtime, short, &mut watched).await {
            true => broken(Promise::StoppedWaits, "it has resolved"),
            false => self.polls(runtime, &system, &second).await,
        };
        if let Err(error) = alone {
            let what = format!("after the end of another, {error}");
            return broken(Promise::MachinesEndOnTheirOwn, what);
        }
        self.end(runtime, &system, &second, watched, 0).await?;
        self.within(runtime, Promise::FinishedResolves, system.finished())
            .await
    }

    async fn polls<R: Runtime>(&self, runtime: &R, system: &S, machine: &S::Machine) -> Kept {
        for promise in [Promise::PollAnswers, Promise::PollMayBeDropped] {
            if promise == Promise::PollMayBeDropped {
                let poll = system.poll(machine);
                self.is_over_after(runtime, Duration::ZERO, poll).await;
            }
            let figures = self.within(runtime, promise, system.poll(machine)).await?;
            if figures == Figures::default() {
                return broken(promise, "it answers none");
            }
        }
        Ok(())
    }

    /// Starts that are dropped after ever longer times, until they are up before.
    async fn drops_starts<R: Runtime>(&self, runtime: &R) -> Kept {
        let system = (self.make)();
        let mut id = 0;
        for micros in [0, 0, 100, 1_000, 3_000, 10_000, 30_000, 100_000] {
            id += 1;
            let (start, progress) =
                remuda_driver::Start::new(remuda::MachineId(id), self.kind, self.capacity);
            let time = pin!(runtime.sleep_until(runtime.now() + Duration::from_micros(micros)));
            let up = match select(pin!(system.start(start)), time).await {
                Either::Left((Ok(machine), _)) => Some(machine),
                Either::Left((Err(error), _)) => {
                    return broken(Promise::StartMakesAMachine, error.to_string());
                }
                // Dropped with the end of this arm.
                Either::Right(_) => None,
            };
            drop(progress);
            match up {
                Some(machine) => {
                    let stopped = system.stopped(&machine);
                    self.end(runtime, &system, &machine, stopped, 0).await?;
                }
                None => self.rests(runtime, Promise::DroppedStartEnds, 0).await?,
            }
        }
        self.within(runtime, Promise::FinishedResolves, system.finished())
            .await
    }

    async fn starts_many<R: Runtime>(&self, runtime: &R) -> Kept {
        let system = (self.make)();
        let mut futures = system.start_many((0..3).map(|id| self.start(id)).collect());
        if futures.len() != 3 {
            let what = format!("{} for three", futures.len());
            return broken(Promise::StartManyStartsEach, what);
        }
        drop(futures.remove(1));
        let promise = Promise::StartManyEachOnItsOwn;
        let started = self.within(runtime, promise, join_all(futures)).await?;
        let mut machines = Vec::new();
        for machine in started {
            match machine {
                Ok(machine) => machines.push(machine),
                Err(error) => {
                    return broken(promise, format!("beside one that is dropped: {error}"));
                }
            }
        }
        // What the dropped one had started is gone when the others are.
        for machine in &machines {
            let stopped = system.stopped(machine);
            self.end(runtime, &system, machine, stopped, usize::MAX)
                .await?;
        }
        self.rests(runtime, Promise::DroppedStartEnds, 0).await
    }

    async fn stops<R: Runtime>(&self, runtime: &R) -> Kept {
        let system = (self.make)();
        let machine = self.machine(runtime, &system, 0).await?;
        let stopped = system.stopped(&machine);
        // Those that do not obey are killed, as the driver does it.
        let stop = async {
            system.stop(&machine).await;
            std::future::pending::<()>().await;
        };
        let (stop, stopped) = (pin!(stop), pin!(stopped));
        let obeys = select(stop, stopped);
        let limit =
            pin!(runtime.sleep_until(runtime.now() + self.limit.min(Duration::from_secs(5))));
        let promise = Promise::StoppedAfterStop;
        match select(obeys, limit).await {
            Either::Left(_) => {}
            Either::Right((_, obeys)) => {
                system.kill(&machine);
                self.within(runtime, promise, obeys).await?;
            }
        }
        match (self.alive)() {
            0 => Ok(()),
            alive => broken(
                Promise::NothingRunsAfterStopped,
                format!("{alive} still alive"),
            ),
        }
    }
}
