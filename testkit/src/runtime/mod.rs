//! The promises of a [`Runtime`], a test for each: [`conformance!`](crate::conformance) makes them tests of yours.
//!
//! Each panics with the method whose promise is broken, and how. None takes longer than some seconds, whatever the runtime
//! does: a thread watches the time. They start `sh`, `cat`, `sleep` and `ps`.

mod children;
mod clock;
mod listen;

use std::cell::Cell;
use std::future::{Future, pending};
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda_driver::Runtime;

pub use children::{
    start_kills_a_child, start_kills_a_child_that_is_dropped,
    start_pipes_what_a_child_reads_and_writes, start_refuses_what_is_no_command,
    start_runs_many_children, start_says_how_a_child_ended,
    start_waits_again_after_a_wait_was_dropped, start_works_on_any_thread,
};
pub use clock::{
    now_is_the_same_for_clones, now_never_decreases,
    sleep_until_a_time_that_has_passed_ends_at_once, sleep_until_a_time_that_never_comes_waits,
    sleep_until_ends_when_now_has_reached_it, sleep_until_works_on_any_thread,
};
pub use listen::listen_accepts_connections;

/// Makes tests of a [`Runtime`]'s promises, one for each, by a function that runs a test on it:
///
/// ```
/// use remuda_driver::Runtime;
///
/// fn on_tokio<F: Future<Output = ()>>(test: impl FnOnce(remuda_tokio::Tokio) -> F) {
///     remuda_tokio::run(async |runtime| test(runtime).await).expect("a runtime is built");
/// }
///
/// mod promises {
///     remuda_testkit::conformance!(super::on_tokio);
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance {
    ($run:path) => {
        $crate::conformance! { $run:
            spawn_runs_a_task,
            spawn_works_on_any_thread,
            spawn_runs_tasks_beside_each_other,
            spawn_goes_on_after_a_panic,
            sleep_until_a_time_that_has_passed_ends_at_once,
            sleep_until_ends_when_now_has_reached_it,
            sleep_until_a_time_that_never_comes_waits,
            sleep_until_works_on_any_thread,
            now_never_decreases,
            now_is_the_same_for_clones,
            start_pipes_what_a_child_reads_and_writes,
            start_says_how_a_child_ended,
            start_works_on_any_thread,
            start_refuses_what_is_no_command,
            start_runs_many_children,
            start_waits_again_after_a_wait_was_dropped,
            start_kills_a_child,
            start_kills_a_child_that_is_dropped,
            listen_accepts_connections,
        }
    };
    ($run:path: $($promise:ident,)*) => {
        $(
            #[test]
            fn $promise() {
                $run(|runtime| $crate::runtime::$promise(runtime));
            }
        )*
    };
}

thread_local! {
    /// Longer than anything here takes on a machine that has much else to do.
    static LIMIT: Cell<Duration> = const { Cell::new(Duration::from_secs(20)) };
}

/// How long anything may take in the tests that run on this thread; 20 seconds unless said otherwise.
pub fn set_limit(limit: Duration) {
    LIMIT.set(limit);
}

fn limit() -> Duration {
    LIMIT.get()
}

/// Waits for `future`, by a clock that is not the runtime's.
async fn in_time<F: Future>(broken: &str, future: F) -> F::Output {
    let limit = limit();
    let (over, waits) = oneshot::channel::<()>();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || {
        // Until the time is over, or the other end is dropped.
        if ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = over.send(());
        }
    });
    let waits = waits.then(|over| async move {
        if over.is_err() {
            pending::<()>().await;
        }
    });
    let output = match select(std::pin::pin!(future), std::pin::pin!(waits)).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("{broken}: not within {limit:?}"),
    };
    drop(done);
    output
}

/// Does it on a thread that knows nothing of the runtime.
fn elsewhere<T: Send + 'static>(does: impl FnOnce() -> T + Send + 'static) -> T {
    match thread::spawn(does).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A task that says that it runs.
fn spawned<R: Runtime>(runtime: &R) -> oneshot::Receiver<()> {
    let (says, said) = oneshot::channel();
    runtime.spawn(async move { _ = says.send(()) });
    said
}

/// `spawn` runs a task in the background.
pub async fn spawn_runs_a_task<R: Runtime>(runtime: R) {
    let said = in_time("spawn: a task runs", spawned(&runtime)).await;
    assert_eq!(said, Ok(()), "spawn: a task is dropped before it has run");
}

/// `spawn` works on a thread outside of the runtime, where leases may be dropped.
pub async fn spawn_works_on_any_thread<R: Runtime>(runtime: R) {
    let on = runtime.clone();
    let said = elsewhere(move || spawned(&on));
    let said = in_time("spawn: a task of another thread runs", said).await;
    assert_eq!(said, Ok(()), "spawn: a task of another thread is dropped");
}

/// `spawn` does not wait for a task before it runs the next.
pub async fn spawn_runs_tasks_beside_each_other<R: Runtime>(runtime: R) {
    let (begin, mut last) = oneshot::channel();
    // Each waits for the one before it, and the last was spawned first.
    let mut tasks = Vec::new();
    for _ in 0..1_000 {
        let (next, waits) = oneshot::channel();
        let before = std::mem::replace(&mut last, waits);
        tasks.push(async move {
            if let Ok(count) = before.await {
                let _ = next.send(count + 1);
            }
        });
    }
    for task in tasks.into_iter().rev() {
        runtime.spawn(task);
    }
    let _ = begin.send(0);
    let count = in_time("spawn: a thousand tasks wait for each other", last).await;
    assert_eq!(count, Ok(1_000), "spawn: a task is dropped");
}

/// A task that panics ends, and no other does.
pub async fn spawn_goes_on_after_a_panic<R: Runtime>(runtime: R) {
    let (says, said) = oneshot::channel::<()>();
    runtime.spawn(async move {
        let _says = says;
        std::panic::resume_unwind(Box::new("a task panics, as this test wants"));
    });
    // Its end is dropped with it.
    let _ = in_time("spawn: a task that panics ends", said).await;
    let said = in_time(
        "spawn: a task runs after another's panic",
        spawned(&runtime),
    )
    .await;
    assert_eq!(
        said,
        Ok(()),
        "spawn: a task is dropped after another's panic"
    );
}
