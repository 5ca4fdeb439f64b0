//! Wakers run anybody's code: one that drops leases, one that calls back, one that panics; and eight threads at once.
//!
//! Who feeds an event does not always run its wakers: another thread that is emptying the outbox does it then. So what
//! a waker does is waited for, never expected at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use futures::task::noop_waker;
use remuda::{MachineId, Outcome, TaskId};
use remuda_driver::{Cluster, Lease, RequestError, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, on_both_adapters, sleep, within};

use super::support::{
    Count, Run, block_on, cluster, config, idle, lease, one_machine, poll, procs, queued, rests,
};

type Held<R> = Arc<Mutex<Option<Lease<R, Scripted>>>>;

fn hold<R: Runtime>(lease: Lease<R, Scripted>) -> Held<R> {
    Arc::new(Mutex::new(Some(lease)))
}

async fn a_waker_may_drop_a_lease<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let first = lease(&runtime, &cluster, 1).await;
    let held = hold(lease(&runtime, &cluster, 1).await);
    let drops = Run::waker(move || drop(held.lock().unwrap().take()));
    let mut second = queued(&cluster, procs(1), &drops);
    let count = Arc::<Count>::default();
    let mut third = queued(&cluster, procs(1), &Waker::from(count.clone()));
    // The second is granted and its waker drops a lease, which grants the third.
    drop(first);
    eventually(&runtime, "the third is woken", || count.wakes() == 1).await;
    assert!(poll(&mut second, &noop_waker()).is_ready());
    assert!(poll(&mut third, &noop_waker()).is_ready());
    drop((second, third, drops));
    rests(&runtime, &cluster, &system).await;
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("what was thrown panics, as a test asked for");
        }
    }
}

async fn what_a_waker_throws_may_panic_when_it_is_dropped<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let first = lease(&runtime, &cluster, 2).await;
    let throws = Run::waker(|| std::panic::panic_any(Bomb));
    let mut second = queued(&cluster, procs(2), &throws);
    first.finish(Outcome::Ok);
    eventually(&runtime, "it is granted", || cluster.counts().running == 1).await;
    assert!(poll(&mut second, &noop_waker()).is_ready());
    // The others are still woken.
    let held = lease(&runtime, &cluster, 2).await;
    let count = Arc::<Count>::default();
    let mut third = queued(&cluster, procs(1), &Waker::from(count.clone()));
    held.finish(Outcome::Ok);
    eventually(&runtime, "the third is woken", || count.wakes() == 1).await;
    assert!(poll(&mut third, &noop_waker()).is_ready());
    drop((second, third, throws));
    rests(&runtime, &cluster, &system).await;
}

async fn of_several_wakers_the_last_is_woken<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let held = lease(&runtime, &cluster, 2).await;
    let counts = [0; 3].map(|_| Arc::<Count>::default());
    let mut request = queued(&cluster, procs(1), &Waker::from(counts[0].clone()));
    for count in &counts[1..] {
        assert!(poll(&mut request, &Waker::from(count.clone())).is_pending());
    }
    held.finish(Outcome::Ok);
    let wakes = || counts.each_ref().map(|count| count.wakes());
    eventually(&runtime, "a wake", || wakes() != [0, 0, 0]).await;
    assert_eq!(wakes(), [0, 0, 1]);
    // Who was replaced is not kept.
    eventually(&runtime, "no waker is kept", || {
        counts.each_ref().map(Arc::strong_count) == [1, 1, 1]
    })
    .await;
    drop(request);
    rests(&runtime, &cluster, &system).await;
}

async fn a_waker_may_call_back_into_the_cluster<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(2));
    let first = lease(&runtime, &cluster, 2).await;
    let (slot, ran) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let calls_back = {
        let (cluster, slot, ran) = (cluster.clone(), slot.clone(), ran.clone());
        Run::waker(move || {
            assert_eq!(cluster.counts().running, 2);
            assert_eq!(cluster.machines().len(), 1);
            let (machine, task) = (MachineId(0), TaskId(4));
            cluster.assign(machine, task).unwrap();
            cluster.discard(machine, task).unwrap();
            cluster.assign(MachineId(7), task).unwrap_err();
            assert!(format!("{cluster:?}").contains("Cluster"));
            drop(cluster.lost_tasks());
            drop(queued(&cluster, procs(2), &noop_waker()));
            // Its own request resolves, in the middle of its wake.
            let mut own = slot.lock().unwrap().take().expect("it is woken once");
            assert!(poll(&mut own, &noop_waker()).is_ready());
            ran.store(true, Ordering::SeqCst);
        })
    };
    *slot.lock().unwrap() = Some(queued(&cluster, procs(1), &calls_back));
    let other = queued(&cluster, procs(1), &noop_waker());
    first.finish(Outcome::Ok);
    eventually(&runtime, "the wake", || ran.load(Ordering::SeqCst)).await;
    eventually(&runtime, "the discard", || system.logged("discard t4 m0")).await;
    drop((other, calls_back));
    rests(&runtime, &cluster, &system).await;
}

/// Drops a lease, and asks for the counts, when it is dropped itself.
struct Parting<R: Runtime>(Cluster<R, Scripted>, Held<R>, Arc<AtomicUsize>);

impl<R: Runtime> Wake for Parting<R> {
    fn wake(self: Arc<Self>) {}
}

impl<R: Runtime> Drop for Parting<R> {
    fn drop(&mut self) {
        self.0.counts();
        drop(self.1.lock().unwrap().take());
        self.2.fetch_add(1, Ordering::SeqCst);
    }
}

async fn the_drop_of_a_waker_may_drop_a_lease<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    let cluster = cluster(&runtime, &system, one_machine(4));
    let dropped = Arc::new(AtomicUsize::new(0));
    let drops = async |count| {
        let holds = || dropped.load(Ordering::SeqCst) == count;
        eventually(&runtime, "a waker is dropped", holds).await;
    };
    let rest = lease(&runtime, &cluster, 1).await;
    let mut wakers = Vec::new();
    for _ in 0..3 {
        let held = hold(lease(&runtime, &cluster, 1).await);
        let parting = Parting(cluster.clone(), held, dropped.clone());
        wakers.push(Waker::from(Arc::new(parting)));
    }
    let noop = noop_waker();
    // Replaced by a second poll.
    let mut whole = queued(&cluster, procs(4), &wakers.pop().unwrap());
    assert!(poll(&mut whole, &noop).is_pending());
    drops(1).await;
    // Gone with its request.
    drop(queued(&cluster, procs(4), &wakers.pop().unwrap()));
    drops(2).await;
    // Used up by a grant: two procs are free by now.
    drop(whole);
    let last = queued(&cluster, procs(3), &wakers.pop().unwrap());
    drop(rest);
    drops(3).await;
    drop(last);
    rests(&runtime, &cluster, &system).await;
}

async fn a_waker_that_panics_takes_nobody_along<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    system.book().hold_starts = true;
    let cluster = cluster(&runtime, &system, one_machine(3));
    let panics = Run::waker(|| panic!("the waker panics, as a test asked for"));
    let count = Arc::<Count>::default();
    let counts = Waker::from(count.clone());
    let mut requests: Vec<_> = [&panics, &counts, &counts]
        .map(|waker| queued(&cluster, procs(1), waker))
        .into();
    eventually(&runtime, "the start", || system.book().starts == 1).await;
    system.release_starts();
    // The two after it are woken all the same, and the machine is none the worse.
    eventually(&runtime, "two wakes", || count.wakes() == 2).await;
    let leases: Vec<_> = requests
        .iter_mut()
        .map(|request| poll(request, &noop_waker()))
        .collect();
    assert!(
        leases.iter().all(std::task::Poll::is_ready),
        "{:?}",
        cluster.counts()
    );
    assert_eq!(cluster.counts().machines.ok, 1);
    // The same where a lease that is dropped runs it.
    let waiting = [&panics, &counts].map(|waker| queued(&cluster, procs(1), waker));
    drop(leases);
    eventually(&runtime, "a third wake", || count.wakes() == 3).await;
    drop(waiting);
    rests(&runtime, &cluster, &system).await;
}

/// A small generator of numbers, so that each thread does something else.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Asks, drops, calls and finishes at random.
fn client<R: Runtime>(cluster: &Cluster<R, Scripted>, seed: u64, until: Instant) -> usize {
    let (mut draw, mut leases) = (Draw(seed), 0);
    while Instant::now() < until {
        let demand = procs(1 + draw.below(2) as u32);
        let mut request = cluster.request(demand).priority(draw.below(3) as i64);
        if draw.below(3) == 0 {
            for _ in 0..draw.below(4) {
                if poll(&mut request, &noop_waker()).is_ready() {
                    // Resolved: its lease is dropped, and it must not be polled again.
                    break;
                }
            }
            continue;
        }
        let lease = match block_on(request) {
            Ok(lease) => lease,
            Err(RequestError::Lost(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        leases += 1;
        match draw.below(6) {
            0 => drop(lease),
            1 => drop(lease.call::<_, ()>("wait", &())),
            2 => lease.finish(Outcome::Unused),
            3 => {
                let call = lease.call::<_, u64>("echo", &seed);
                lease.finish(Outcome::Ok);
                let _ = block_on(call);
            }
            4 => {
                lease.assign(TaskId(seed)).unwrap();
                let call = lease.call::<_, ()>("print", &9_u8);
                drop(lease);
                drop(call);
            }
            _ => {
                let _ = block_on(lease.call::<_, u64>("echo", &seed));
                lease.finish(Outcome::Ok);
            }
        }
    }
    leases
}

async fn eight_threads_at_once_leave_nothing_behind<R: Runtime>(runtime: R) {
    let system = Scripted::default();
    // A machine that is lost soon after it came up is no failed start here (G3).
    let cluster = cluster(&runtime, &system, config().settle(Duration::ZERO));
    let until = Instant::now() + Duration::from_millis(700);
    let threads: Vec<_> = (1..=8)
        .map(|seed| {
            let cluster = cluster.clone();
            std::thread::spawn(move || client(&cluster, seed, until))
        })
        .collect();
    let mut losses = 0;
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        sleep(&runtime, Duration::from_millis(10)).await;
        if Instant::now() < until + Duration::from_secs(20) {
            losses += u64::from(system.lose(MachineId(losses), "a test lost it"));
        } else {
            panic!("the threads hang: {cluster:?}");
        }
    }
    let leases = threads.into_iter().map(|thread| thread.join().unwrap());
    assert!(leases.sum::<usize>() > 100 && losses > 1, "{losses}");
    eventually(&runtime, "it is idle", || idle(&cluster, &system)).await;
    within(&runtime, "rest", rests(&runtime, &cluster, &system)).await;
}

on_both_adapters!(
    what_a_waker_throws_may_panic_when_it_is_dropped,
    of_several_wakers_the_last_is_woken,
    a_waker_may_drop_a_lease,
    a_waker_may_call_back_into_the_cluster,
    the_drop_of_a_waker_may_drop_a_lease,
    a_waker_that_panics_takes_nobody_along,
    eight_threads_at_once_leave_nothing_behind,
);
