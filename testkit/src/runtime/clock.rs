//! The promises of `sleep_until` and of `now`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, join_all, select};
use remuda::Instant;
use remuda_driver::Runtime;

use super::{in_time, limit};

/// `sleep_until` a time that has passed does not wait.
pub async fn sleep_until_a_time_that_has_passed_ends_at_once<R: Runtime>(runtime: R) {
    for at in [Instant::ZERO, runtime.now()] {
        in_time(
            "sleep_until: one that is over ends",
            runtime.sleep_until(at),
        )
        .await;
    }
}

/// `sleep_until` resolves when `now` has reached the time, and not before.
pub async fn sleep_until_ends_when_now_has_reached_it<R: Runtime>(runtime: R) {
    let began = std::time::Instant::now();
    let start = runtime.now();
    let sleeps = [80_u64, 1, 40, 0, 20, 5].map(|millis| {
        let runtime = runtime.clone();
        async move {
            let at = start + Duration::from_millis(millis);
            runtime.sleep_until(at).await;
            let now = runtime.now();
            assert!(
                now >= at,
                "sleep_until: over at {now}, and was to last until {at}"
            );
        }
    });
    in_time("sleep_until: a sleep ends", join_all(sleeps)).await;
    let took = began.elapsed();
    let least = Duration::from_millis(79);
    assert!(took >= least, "sleep_until: 80 ms are over after {took:?}");
}

/// `sleep_until` the end of time is no error: it waits.
pub async fn sleep_until_a_time_that_never_comes_waits<R: Runtime>(runtime: R) {
    for at in [Instant::MAX, Instant(u64::MAX / 2)] {
        let never = std::pin::pin!(runtime.sleep_until(at));
        let short = std::pin::pin!(runtime.sleep_until(runtime.now() + Duration::from_millis(20)));
        let first = in_time("sleep_until: the shorter sleep ends", select(never, short)).await;
        let waits = matches!(first, Either::Right(_));
        assert!(waits, "sleep_until: a sleep until {at} is over");
    }
}

/// `sleep_until` can be called and polled on a thread outside of the runtime.
pub async fn sleep_until_works_on_any_thread<R: Runtime>(runtime: R) {
    let at = runtime.now() + Duration::from_millis(10);
    let sleep = thread::scope(|threads| threads.spawn(|| runtime.sleep_until(at)).join());
    let sleep = sleep.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    in_time("sleep_until: one that another thread has made ends", sleep).await;
    let (says, said) = oneshot::channel();
    let runtime = runtime.clone();
    thread::spawn(move || {
        let sleep = runtime.sleep_until(runtime.now() + Duration::from_millis(10));
        futures::executor::block_on(sleep);
        let _ = says.send(());
    });
    let said = in_time("sleep_until: one that another thread waits for ends", said).await;
    assert_eq!(said, Ok(()), "sleep_until: panics on another thread");
}

/// `now` never decreases, whichever threads ask, and goes on.
pub async fn now_never_decreases<R: Runtime>(runtime: R) {
    let latest = Arc::new(AtomicU64::new(0));
    let threads = (0..4).map(|_| {
        let (runtime, latest) = (runtime.clone(), latest.clone());
        thread::spawn(move || {
            for _ in 0..20_000 {
                let before = latest.load(Ordering::SeqCst);
                let now = runtime.now().0;
                assert!(now >= before, "now: {now} ns after {before} ns");
                latest.fetch_max(now, Ordering::SeqCst);
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
    let before = runtime.now();
    thread::sleep(Duration::from_millis(30));
    let passed = runtime.now() - before;
    let enough = passed >= Duration::from_millis(29) && passed < limit();
    assert!(enough, "now: 30 ms went by, and it says {passed:?}");
}

/// Clones of a runtime have one clock.
pub async fn now_is_the_same_for_clones<R: Runtime>(runtime: R) {
    thread::sleep(Duration::from_millis(20));
    let clone = runtime.clone();
    let (before, now, after) = (runtime.now(), clone.now(), runtime.now());
    let between = before <= now && now <= after;
    assert!(
        between,
        "now: a clone says {now} between {before} and {after}"
    );
}
