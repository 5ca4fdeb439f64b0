//! Every future may be dropped at any point: polled step by step, and dropped after each number of polls.

use std::sync::Arc;
use std::task::Waker;

use futures::future::{BoxFuture, select};
use remuda::{MachineId, OnceKey, Outcome};
use remuda_driver::{Cluster, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, sleep, within};

use super::support::{Count, SHORT, cluster, gone, one_machine, poll, procs, rests};

/// When a future is dropped after its polls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// Right after the last poll.
    AtOnce,
    /// When it was woken after the last poll: what it waited for has come and was not seen.
    Woken,
}

/// A client, polled `polls` times, each time once it was woken, and dropped. Whether it has ended.
///
/// What the script holds is released only when nothing else wakes the client, so that it is polled into every wait.
async fn drive<R: Runtime>(
    runtime: &R,
    system: &Scripted,
    mut client: BoxFuture<'static, ()>,
    polls: usize,
    moment: Moment,
) -> bool {
    let count = Arc::<Count>::default();
    let waker = Waker::from(count.clone());
    for n in 1..=polls {
        let before = count.wakes();
        if poll(&mut client, &waker).is_ready() {
            return true;
        }
        if n == polls && moment == Moment::AtOnce {
            break;
        }
        sleep(runtime, SHORT / 10).await;
        let what = format!("a wake after poll {n}");
        eventually(runtime, &what, || {
            if count.wakes() == before {
                release(system);
            }
            count.wakes() > before
        })
        .await;
    }
    false
}

fn release(system: &Scripted) {
    system.release_starts();
    system.release_calls();
}

/// Makes a client, drops it after each number of polls until it ends, and hands each try to `after`. How many polls it
/// took to the end.
async fn drop_everywhere<R: Runtime>(
    runtime: &R,
    client: impl Fn(Cluster<R, Scripted>) -> BoxFuture<'static, ()>,
    after: impl AsyncFn(&Cluster<R, Scripted>, &Scripted),
) -> usize {
    for polls in 0.. {
        let mut ended = true;
        for moment in [Moment::AtOnce, Moment::Woken] {
            let system = Scripted::default();
            system.book().hold_starts = true;
            system.book().hold_cancels = true;
            let cluster = cluster(runtime, &system, one_machine(2));
            ended = drive(runtime, &system, client(cluster.clone()), polls, moment).await;
            system.book().hold_starts = false;
            system.book().hold_cancels = false;
            // What had begun before comes to its hold yet.
            let releasing = async {
                loop {
                    release(&system);
                    sleep(runtime, SHORT / 10).await;
                }
            };
            let all = select(Box::pin(after(&cluster, &system)), Box::pin(releasing));
            within(runtime, &format!("rest after {polls} polls"), all).await;
            drop(cluster);
            gone(runtime, &system).await;
        }
        if ended {
            return polls;
        }
    }
    unreachable!("every client ends")
}

async fn a_request_and_its_lease_and_calls_may_be_dropped_anywhere<R: Runtime>(runtime: R) {
    let client = |cluster: Cluster<R, Scripted>| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let lease = cluster.request(procs(2)).await.unwrap();
            let mut call = lease.call::<_, ()>("print", &2_u8);
            while call.output().await.is_some() {}
            call.await.unwrap();
            let (one, two) = (lease.call("hold", &()), lease.call::<_, u8>("echo", &7_u8));
            let ((), seven) = futures::future::try_join(one, two).await.unwrap();
            assert_eq!(seven, 7);
            lease.finish(Outcome::Ok);
            let again = cluster.request(procs(1)).await.unwrap();
            let call = again.call::<_, ()>("wait", &());
            call.cancel();
            call.await.unwrap_err();
        })
    };
    let after = async |cluster: &Cluster<R, Scripted>, system: &Scripted| {
        rests(&runtime, cluster, system).await;
    };
    let polls = drop_everywhere(&runtime, client, after).await;
    // For a grant and for a release at least; what else it is polled into depends on who is faster.
    assert!(polls > 2, "{polls}");
}

async fn an_asker_of_work_done_once_may_be_dropped_anywhere<R: Runtime>(runtime: R) {
    let client = |cluster: Cluster<R, Scripted>| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let lease = cluster.request(procs(1)).await.unwrap();
            let once = |kind| {
                cluster.once(lease.id(), OnceKey { kind, key: 1 }, async |machine| {
                    machine.call::<_, ()>("hold", &()).await?;
                    machine.call::<_, ()>("hold", &()).await
                })
            };
            let answers = futures::future::join3(once(1), once(1), once(2)).await;
            assert_eq!(answers, (Ok(()), Ok(()), Ok(())));
        })
    };
    let after = async |cluster: &Cluster<R, Scripted>, system: &Scripted| {
        rests(&runtime, cluster, system).await;
        assert_eq!(cluster.machines()[0].id, MachineId(0));
    };
    drop_everywhere(&runtime, client, after).await;
}

async fn a_shutdown_goes_on_when_it_is_dropped<R: Runtime>(runtime: R) {
    let client = |cluster: Cluster<R, Scripted>| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let lease = cluster.request(procs(1)).await.unwrap();
            let call = lease.call::<_, ()>("hold", &());
            cluster.shutdown().await;
            call.await.unwrap_err();
        })
    };
    let after = async |cluster: &Cluster<R, Scripted>, system: &Scripted| {
        cluster.shutdown().await;
        let counts = cluster.counts();
        assert_eq!(
            (
                counts.have.procs(),
                counts.pending.procs(),
                counts.need.procs()
            ),
            (0, 0, 0)
        );
        eventually(&runtime, "no call runs", || {
            super::support::idle(cluster, system)
        })
        .await;
    };
    drop_everywhere(&runtime, client, after).await;
}

on_both_adapters!(
    a_request_and_its_lease_and_calls_may_be_dropped_anywhere,
    an_asker_of_work_done_once_may_be_dropped_anywhere,
    a_shutdown_goes_on_when_it_is_dropped,
);
