//! What the tests that cross crates share: the same test on both adapters, and what the test kit has.

pub mod processes;

use std::future::Future;

pub use remuda_testkit::{eventually, scripted, sleep, virtual_time, within};

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

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
