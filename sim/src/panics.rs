//! Panics as results: a subject that panics is wrong like others (F5), and its run is shrunk with thousands of panics,
//! which are not to be printed.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is caught here.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// Where the last one was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

static HOOK: Once = Once::new();

/// A panic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Panicked {
    /// Its words and its place, in a sentence.
    pub what: String,
    /// Its place in the source.
    pub place: String,
}

/// What `run` gives, or its panic, which is not printed. Other panics are reported as they were before.
///
/// # Errors
/// It panics.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CAUGHT.get() {
                let place = info.location().map(ToString::to_string);
                PLACE.replace(place.unwrap_or_default());
            } else {
                before(info);
            }
        }));
    });
    let outer = CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CAUGHT.set(outer);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
        let place = PLACE.take();
        let what = format!("it panics: {} ({place})", text.unwrap_or_default());
        Panicked { what, place }
    })
}

/// What `run` gives, or what it panics with, and where.
pub(crate) fn no_panic<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    caught(run).unwrap_or_else(|panic| Err(panic.what))
}
