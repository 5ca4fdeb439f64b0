//! Panics of code that is not ours. What is thrown may be anything, also something whose destructor panics: nothing of it goes
//! further than this.

use std::any::Any;
use std::future::Future;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt as _;

/// What `run` returns; nothing, if it panicked, which the panic hook has reported.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(dispose).ok()
}

/// Resolves like `future`, or with what it said when it panicked.
pub(crate) async fn caught_in<F: Future>(future: F) -> Result<F::Output, String> {
    let caught = AssertUnwindSafe(future).catch_unwind().await;
    caught.map_err(|thrown| {
        let text = format!("panicked: {}", said(&*thrown));
        dispose(thrown);
        text
    })
}

/// What was thrown says, if it says anything.
fn said(thrown: &(dyn Any + Send)) -> &str {
    let text = thrown.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| thrown.downcast_ref::<&str>().copied());
    text.unwrap_or("it did not say why")
}

/// Drops what was thrown. Its destructor may run anybody's code: not under a lock.
pub(crate) fn dispose(thrown: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(thrown))) {
        forget(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    /// One whose destructor throws another, so many times.
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
            caught_in(future).now_or_never().expect("it is ready")
        };
        assert_eq!(says(|| ()), Ok(()));
        assert_eq!(says(|| panic!("so")), Err("panicked: so".into()));
        assert_eq!(says(|| panic!("{}", 7)), Err("panicked: 7".into()));
        let mute = says(|| panic_any(7));
        assert_eq!(mute, Err("panicked: it did not say why".into()));
    }

    #[test]
    fn what_is_thrown_may_panic_itself() {
        assert_eq!(caught(|| 7), Some(7));
        for often in [0, 1, 5] {
            assert_eq!(caught(|| panic_any(Bomb(often))), None::<()>);
            let future = caught_in(async { panic_any(Bomb(often)) });
            let said: Result<(), String> = future.now_or_never().expect("it is ready");
            assert_eq!(said, Err("panicked: it did not say why".into()));
        }
    }
}
