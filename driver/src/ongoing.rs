//! Counts what goes on in tasks of its own, and waits until there is nothing of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::signal::{Defer, Signal};

/// A count of what goes on. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ongoing(Arc<Mutex<Count>>);

#[derive(Debug, Default)]
struct Count {
    number: usize,
    /// Raised when the number is 0 again.
    none: Signal,
}

impl Ongoing {
    /// Counts one, until the result is dropped.
    pub(crate) fn begin(&self) -> Defer<impl FnOnce() + Send + use<>> {
        self.count().number += 1;
        let ongoing = self.clone();
        Defer::new(move || ongoing.end())
    }

    /// Resolves when nothing goes on.
    pub(crate) async fn finished(&self) {
        loop {
            let none = {
                let count = self.count();
                if count.number == 0 {
                    return;
                }
                count.none.clone()
            };
            none.wait().await;
        }
    }

    fn end(&self) {
        let none = {
            let mut count = self.count();
            count.number -= 1;
            (count.number == 0).then(|| std::mem::take(&mut count.none))
        };
        none.inspect(Signal::raise);
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn it_is_finished_when_all_that_began_has_ended() {
        let ongoing = Ongoing::default();
        assert_eq!(ongoing.finished().now_or_never(), Some(()));
        let (first, second) = (ongoing.begin(), ongoing.begin());
        let mut finished = Box::pin(ongoing.finished());
        assert_eq!(finished.as_mut().now_or_never(), None);
        drop(first);
        assert_eq!(finished.as_mut().now_or_never(), None);
        drop(second);
        assert_eq!(finished.now_or_never(), Some(()));
    }
}
