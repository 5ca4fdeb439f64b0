//! Calls: how they end, and their output.

use std::pin::pin;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{Either, join, join_all, select};
use remuda_driver::{CallError, Caller, Invocation, Runtime, System};

use super::{Function, Kept, Promise, SystemCheck, broken};

impl Function {
    fn call(&self) -> (Invocation, Caller) {
        Invocation::new(self.name.clone(), self.args.clone())
    }
}

impl<S: System> SystemCheck<S> {
    pub(super) async fn calls<R: Runtime>(&self, runtime: &R) -> Kept {
        let system = (self.make)();
        let machine = self.machine(runtime, &system, 0).await?;
        if let Some(quick) = &self.quick {
            self.calls_quickly(runtime, &system, &machine, quick)
                .await?;
        }
        if let Some((prints, bytes)) = &self.prints {
            for slow in [false, true] {
                self.prints_all(runtime, &system, &machine, prints, *bytes, slow)
                    .await?;
            }
        }
        if let Some(endless) = &self.endless {
            self.cancels(runtime, &system, &machine, endless).await?;
            self.loses(runtime, &system, &machine, endless).await?;
        }
        let stopped = system.stopped(&machine);
        self.end(runtime, &system, &machine, stopped, 0).await
    }

    /// Alone, and several at once.
    async fn calls_quickly<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        machine: &S::Machine,
        quick: &Function,
    ) -> Kept {
        for count in [1, 8] {
            let calls = (0..count).map(|_| {
                let (call, mut caller) = quick.call();
                async move {
                    let reads = async { while caller.output().await.is_some() {} };
                    join(system.call(machine, call), reads).await.0
                }
            });
            for result in self
                .within(runtime, Promise::CallEnds, join_all(calls))
                .await?
            {
                if let Err(error) = result {
                    return broken(Promise::CallEnds, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// A client that reads, and one that takes its time.
    async fn prints_all<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        machine: &S::Machine,
        prints: &Function,
        bytes: usize,
        slow: bool,
    ) -> Kept {
        let (call, mut caller) = prints.call();
        let mut read = 0;
        let mut late = None;
        {
            let mut call = pin!(system.call(machine, call).fuse());
            let both = async {
                if slow {
                    let pause = pin!(
                        runtime
                            .sleep_until(runtime.now() + Duration::from_millis(100))
                            .fuse()
                    );
                    select(&mut call, pause).await;
                }
                let mut result = None;
                loop {
                    let mut chunk = pin!(caller.output().fuse());
                    futures::select_biased! {
                        chunk = chunk => match chunk {
                            Some(chunk) => read += chunk.bytes.len(),
                            None => break,
                        },
                        ended = call => { result = Some(ended); break; }
                    }
                }
                result
            };
            let result = self.within(runtime, Promise::CallEnds, both).await?;
            let result = match result {
                Some(result) => Some(result),
                // Its output was over first.
                None if futures::future::FusedFuture::is_terminated(&call) => None,
                None => Some(self.within(runtime, Promise::CallEnds, call).await?),
            };
            if let Some(Err(error)) = result {
                return broken(Promise::CallEnds, error.to_string());
            }
        }
        // It is over: what it has printed is here, and nobody can print more.
        while let Some(chunk) = caller.output().now_or_never().unwrap_or_else(|| {
            late = Some("it may still come");
            None
        }) {
            read += chunk.bytes.len();
        }
        if let Some(late) = late {
            return broken(Promise::OutputBeforeResult, late);
        }
        match read == bytes {
            true => Ok(()),
            false => broken(Promise::OutputIsWhole, format!("{read} bytes of {bytes}")),
        }
    }

    async fn cancels<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        machine: &S::Machine,
        endless: &Function,
    ) -> Kept {
        let before = (self.alive)();
        for millis in [0, 1, 50] {
            let (call, caller) = endless.call();
            let mut call = pin!(system.call(machine, call));
            let time = Duration::from_millis(millis);
            if self.is_over_after(runtime, time, &mut call).await {
                return broken(Promise::CallEndsAfterCancel, "it has ended before");
            }
            caller.cancel();
            let promise = Promise::CallEndsAfterCancel;
            let result = self.within(runtime, promise, call).await?;
            if let Err(CallError::Lost(why)) = result {
                return broken(promise, format!("the machine is lost: {why}"));
            }
            let alive = (self.alive)();
            if alive > before {
                let what = format!("{alive} are alive, and {before} were before it");
                return broken(Promise::CallHasEnded, what);
            }
        }
        Ok(())
    }

    /// A machine of its own, that is killed under a call. The driver drops a call whose machine has ended.
    async fn loses<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        other: &S::Machine,
        endless: &Function,
    ) -> Kept {
        let before = (self.alive)();
        let machine = self.machine(runtime, system, 1).await?;
        {
            let (call, _caller) = endless.call();
            let mut call = pin!(system.call(&machine, call));
            let time = Duration::from_millis(20);
            if self.is_over_after(runtime, time, &mut call).await {
                return broken(Promise::CallEndsAfterCancel, "it has ended before");
            }
            system.kill(&machine);
            let calls = async {
                let _ = call.await;
                std::future::pending::<()>().await;
            };
            let ended = self.ended(
                runtime,
                system,
                &machine,
                system.stopped(&machine),
                usize::MAX,
            );
            if let Either::Left((ended, _)) = select(pin!(ended), pin!(calls)).await {
                ended?;
            }
        }
        self.rests(runtime, Promise::NothingRunsAfterStopped, before)
            .await?;
        if let Some(quick) = &self.quick {
            let (call, _caller) = quick.call();
            let promise = Promise::MachinesEndOnTheirOwn;
            let result = self
                .within(runtime, promise, system.call(other, call))
                .await?;
            if let Err(error) = result {
                return broken(promise, format!("a call elsewhere: {error}"));
            }
        }
        Ok(())
    }
}
