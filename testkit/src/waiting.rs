//! Waiting in tests: never longer than a generous limit, which says what did not come about.

use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use remuda_driver::Runtime;

/// Sleeps on `runtime`.
pub async fn sleep<R: Runtime>(runtime: &R, time: Duration) {
    runtime.sleep_until(runtime.now() + time).await;
}

/// Waits until `holds`, up to a generous limit.
///
/// # Panics
/// When the limit has passed; `what` says what did not come about.
pub async fn eventually<R: Runtime>(runtime: &R, what: &str, mut holds: impl FnMut() -> bool) {
    let limit = runtime.now() + Duration::from_secs(30);
    while !holds() {
        assert!(runtime.now() < limit, "not within 30 s: {what}");
        sleep(runtime, Duration::from_millis(5)).await;
    }
}

/// Waits for `future`, up to a generous limit.
///
/// # Panics
/// When the limit has passed; `what` says what did not come about.
pub async fn within<R: Runtime, F: Future>(runtime: &R, what: &str, future: F) -> F::Output {
    let limit = std::pin::pin!(sleep(runtime, Duration::from_secs(30)));
    match select(std::pin::pin!(future), limit).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("not within 30 s: {what}"),
    }
}
