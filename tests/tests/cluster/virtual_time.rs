//! Virtual time on both adapters: tasks run one at a time, in the order in which they were woken.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use remuda::Instant;
use remuda_driver::Runtime;
use remuda_tests::virtual_time::Virtual;
use remuda_tests::within;
use tracing::Dispatch;

async fn tasks_run_in_the_order_in_which_they_were_woken<R: Runtime>(runtime: R) {
    let time = Virtual::new(runtime.clone(), Dispatch::none());
    let told = Arc::new(Mutex::new(Vec::new()));
    // The later it was spawned the earlier it wakes, two at a time. A sleep that is dropped wakes nobody.
    time.turn(Instant::ZERO, || {
        for n in 0..8_u64 {
            let (time, told) = (time.clone(), told.clone());
            let (until, clock) = (Instant::from_secs(10 - n / 2), time.clone());
            time.spawn(async move {
                drop(clock.sleep_until(Instant(1)));
                clock.sleep_until(until).await;
                told.lock().unwrap().push((n, clock.now()));
                // Woken in its last turn: it gets no other.
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::Ready(())
                })
                .await;
            });
        }
        assert_eq!(told.lock().unwrap().len(), 0, "nobody else has the turn");
    });
    within(&runtime, "all sleep", time.quiet()).await;
    assert_eq!(time.tasks(), 8);
    assert_eq!(time.next_waking(), Some(Instant::from_secs(7)));
    time.turn(Instant::from_millis(9_999), || ());
    within(&runtime, "some have ended", time.quiet()).await;
    let late = Instant::from_millis(9_999);
    let expected = [6, 7, 4, 5, 2, 3].map(|n| (n, late));
    assert_eq!(*told.lock().unwrap(), expected);
    time.turn(Instant::from_secs(10), || ());
    within(&runtime, "all have ended", time.quiet()).await;
    assert_eq!(told.lock().unwrap()[6..], [0, 1].map(|n| (n, time.now())));
    assert_eq!((time.tasks(), time.next_waking()), (0, None));
}

remuda_tests::on_both_adapters!(tasks_run_in_the_order_in_which_they_were_woken,);
