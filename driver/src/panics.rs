//! Catches panics of code outside the driver. Their payload may be anything, also a value whose destructor panics: it is
//! dropped here and goes no further.

use std::any::Any;
use std::future::Future;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt as _;

/// Calls `run` and returns its result, or `None` if it panicked. The panic hook has reported the panic.
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(drop_payload)
        .ok()
}

/// Resolves like `future`, or with the text of its panic.
pub(crate) async fn catch_panic_in<F: Future>(future: F) -> Result<F::Output, String> {
    let caught = AssertUnwindSafe(future).catch_unwind().await;
    caught.map_err(|payload| {
        let text = format!("panicked: {}", message(&*payload));
        drop_payload(payload);
        text
    })
}

/// The text of a panic's payload, if it has one.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("it did not say why")
}

/// Drops a panic's payload. Its destructor may run any code: never call this under a lock.
pub(crate) fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        forget(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    /// A payload whose destructor panics with another `Bomb`, as many times as the number says.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_caught_panic_says_what_it_said() {
        let says = |panics: fn()| {
            let future = async move { panics() };
            catch_panic_in(future).now_or_never().expect("it is ready")
        };
        assert_eq!(says(|| ()), Ok(()));
        assert_eq!(says(|| panic!("so")), Err("panicked: so".into()));
        assert_eq!(says(|| panic!("{}", 7)), Err("panicked: 7".into()));
        let mute = says(|| panic_any(7));
        assert_eq!(mute, Err("panicked: it did not say why".into()));
    }

    #[test]
    fn what_is_thrown_may_panic_itself() {
        assert_eq!(catch_panic(|| 7), Some(7));
        for often in [0, 1, 5] {
            assert_eq!(catch_panic(|| panic_any(Bomb(often))), None::<()>);
            let future = catch_panic_in(async { panic_any(Bomb(often)) });
            let said: Result<(), String> = future.now_or_never().expect("it is ready");
            assert_eq!(said, Err("panicked: it did not say why".into()));
        }
    }
}
