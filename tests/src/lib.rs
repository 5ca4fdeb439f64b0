//! What the tests that cross crates share: the same test on both adapters, and a system that does as a script says.

pub mod processes;
pub mod scripted;
pub mod virtual_time;

use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use remuda_driver::Runtime;

/// Runs each of the named `async fn name<R: Runtime>(runtime: R)` on both adapters, as `tokio::name` and
/// `async_std::name`.
#[macro_export]
macro_rules! on_both_adapters {
    ($($name:ident),* $(,)?) => {
        mod tokio {
            $(#[test] fn $name() { $crate::on_tokio(|runtime| super::$name(runtime)); })*
        }
        mod async_std {
            $(#[test] fn $name() { $crate::on_async_std(|runtime| super::$name(runtime)); })*
        }
    };
}

/// Runs a test on tokio.
pub fn on_tokio<F: Future<Output = ()>>(test: impl FnOnce(remuda_tokio::Tokio) -> F) {
    remuda_tokio::run(async |runtime| test(runtime).await).expect("a runtime is built");
}

/// Runs a test on async-std.
pub fn on_async_std<F: Future<Output = ()>>(test: impl FnOnce(remuda_async_std::AsyncStd) -> F) {
    remuda_async_std::run(async |runtime| test(runtime).await);
}

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

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
