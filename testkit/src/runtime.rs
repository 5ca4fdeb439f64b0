//! The promises of a [`Runtime`], a test for each: [`conformance!`](crate::conformance) makes them tests of yours.
//!
//! Each panics with the method whose promise is broken, and how. None takes longer than some seconds, whatever the runtime
//! does: a thread watches the time. They start `sh`, `cat`, `sleep` and `ps`.

use std::cell::Cell;
use std::future::{Future, pending};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::future::{Either, join_all, select};
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use futures::{FutureExt as _, StreamExt as _};
use remuda::Instant;
use remuda_driver::{Child, Runtime};

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

fn start<R: Runtime>(runtime: &R, command: Command) -> Child {
    match runtime.start(command) {
        Ok(child) => child,
        Err(error) => panic!("start: a command cannot be started: {error}"),
    }
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

async fn read(mut from: impl futures::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    let read = in_time(
        "start: a pipe is read to its end",
        from.read_to_string(&mut text),
    )
    .await;
    read.expect("start: a pipe can be read");
    text
}

/// `start` pipes the child's standard input, output and error, each for itself.
pub async fn start_pipes_what_a_child_reads_and_writes<R: Runtime>(runtime: R) {
    let mut child = start(&runtime, sh("cat; echo problem >&2"));
    // More than a pipe holds, so that both sides have to go on by turns.
    let text = "0123456789abcdef".repeat(16_384);
    let mut stdin = child.stdin;
    let bytes = text.clone().into_bytes();
    let writes = async move {
        let written = stdin.write_all(&bytes).await;
        written.expect("start: a child's standard input can be written to");
        stdin
            .close()
            .await
            .expect("start: a child's standard input can be closed");
    };
    let both = futures::future::join3(writes, read(child.stdout), read(child.stderr));
    let ((), out, err) = in_time("start: a child reads and writes", both).await;
    assert!(
        out == text,
        "start: standard output has {} bytes of {}",
        out.len(),
        text.len()
    );
    assert_eq!(
        err, "problem\n",
        "start: standard error is piped for itself"
    );
    let status = in_time(
        "start: a child ends when its input does",
        child.process.wait(),
    )
    .await;
    assert!(status.expect("start: a child can be waited for").success());
}

/// The status of a child is that with which it ended.
pub async fn start_says_how_a_child_ended<R: Runtime>(runtime: R) {
    let mut child = start(&runtime, sh("exit 7"));
    let status = in_time("start: a child is waited for", child.process.wait()).await;
    let code = status.expect("start: a child can be waited for").code();
    assert_eq!(code, Some(7), "start: the exit status of a child");
    let again = in_time(
        "start: a child that has ended is waited for again",
        child.process.wait(),
    )
    .await;
    let code = again
        .expect("start: a child can be waited for again")
        .code();
    assert_eq!(
        code,
        Some(7),
        "start: the exit status of a child, asked for again"
    );
    let killed = child.process.kill();
    killed.expect("start: it is no error to kill a child that has ended");
}

/// `start` works on a thread outside of the runtime.
pub async fn start_works_on_any_thread<R: Runtime>(runtime: R) {
    let on = runtime.clone();
    let child = elsewhere(move || start(&on, sh("echo here")));
    assert_eq!(
        read(child.stdout).await,
        "here\n",
        "start: on another thread"
    );
}

/// `start` of what is no command is an error.
pub async fn start_refuses_what_is_no_command<R: Runtime>(runtime: R) {
    let error = runtime.start(Command::new("/nonexistent/command"));
    let kind = error.map(|child| child.id).map_err(|error| error.kind());
    let missing = Err(io::ErrorKind::NotFound);
    assert_eq!(kind, missing, "start: a command that does not exist");
}

/// Many children run at once, and each is waited for.
pub async fn start_runs_many_children<R: Runtime>(runtime: R) {
    let children: Vec<Child> = (0..32)
        .map(|n| start(&runtime, sh(&format!("read line; exit {n}"))))
        .collect();
    let ends = children.into_iter().map(|mut child| async move {
        drop(child.stdin);
        let status = child.process.wait().await;
        status.expect("start: a child can be waited for").code()
    });
    let codes = in_time("start: each of many children ends", join_all(ends)).await;
    let expected: Vec<_> = (0..32).map(Some).collect();
    assert_eq!(codes, expected, "start: each child's own exit status");
}

/// A wait that was dropped takes nothing with it.
pub async fn start_waits_again_after_a_wait_was_dropped<R: Runtime>(runtime: R) {
    let mut child = start(&runtime, sh("read line; exit 3"));
    {
        let wait = child.process.wait();
        let short = std::pin::pin!(runtime.sleep_until(runtime.now() + Duration::from_millis(20)));
        let first = in_time("sleep_until: a sleep ends", select(wait, short)).await;
        assert!(
            matches!(first, Either::Right(_)),
            "start: a child that runs has ended"
        );
    }
    drop(child.stdin);
    let status = in_time("start: the second wait ends", child.process.wait()).await;
    let code = status
        .expect("start: a child can be waited for again")
        .code();
    assert_eq!(
        code,
        Some(3),
        "start: the exit status after a wait that was dropped"
    );
}

/// `kill` ends a child that does nothing to end.
pub async fn start_kills_a_child<R: Runtime>(runtime: R) {
    let mut child = start(
        &runtime,
        sh("trap '' TERM INT HUP; echo ready; while :; do sleep 1; done"),
    );
    let mut ready = [0; 6];
    let read = in_time("start: a child writes", child.stdout.read_exact(&mut ready)).await;
    read.expect("start: a pipe can be read");
    child.process.kill().expect("start: a child can be killed");
    let status = in_time("start: a child that was killed ends", child.process.wait()).await;
    let code = status.expect("start: a child can be waited for").code();
    assert_eq!(
        code, None,
        "start: a child that was killed has no exit status"
    );
}

/// Whether a process runs: one that has ended and was not waited for does not.
fn runs(id: u32) -> bool {
    let ps = Command::new("ps")
        .args(["-o", "stat=", "-p", &id.to_string()])
        .stderr(Stdio::null())
        .output();
    let state = ps.expect("ps is there").stdout;
    let state = String::from_utf8_lossy(&state);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

/// A child that is dropped is killed.
pub async fn start_kills_a_child_that_is_dropped<R: Runtime>(runtime: R) {
    let mut command = Command::new("sleep");
    command.arg("600");
    let child = start(&runtime, command);
    let id = child.id;
    assert!(runs(id), "start: the id of a child is that of its process");
    drop(child);
    let began = std::time::Instant::now();
    while runs(id) {
        assert!(
            began.elapsed() < limit(),
            "start: a child that was dropped still runs"
        );
        in_time(
            "sleep_until: a sleep ends",
            runtime.sleep_until(runtime.now() + Duration::from_millis(10)),
        )
        .await;
    }
}

/// `listen` accepts each connection, says whose it is, and passes on what is sent, both ways. A runtime that does not listen
/// says so ([`Unsupported`](io::ErrorKind::Unsupported)), which is its right.
pub async fn listen_accepts_connections<R: Runtime>(runtime: R) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let mut accepts = match runtime.listen(listener) {
        Ok(accepts) => accepts,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
        Err(error) => panic!("listen: {error}"),
    };
    // A future that is dropped takes no connection with it.
    assert!(
        accepts.accept().now_or_never().is_none(),
        "listen: nobody has connected"
    );
    let (peers, mut clients) = mpsc::unbounded();
    let limit = limit();
    let client = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for n in 0..3_u8 {
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream
                .set_read_timeout(Some(limit))
                .expect("a socket has one");
            let peer = stream.local_addr().expect("it is connected");
            let _ = peers.unbounded_send(peer);
            stream
                .write_all(&[n; 4])
                .expect("listen: what is sent is taken");
            let mut answer = Vec::new();
            let read = stream.read_to_end(&mut answer);
            read.expect("listen: a connection is closed when both its halves are dropped");
            assert_eq!(answer, [n + 1; 4], "listen: what is sent arrives");
        }
    });
    for n in 0..3_u8 {
        let connection = in_time("listen: a connection is accepted", accepts.accept()).await;
        let mut connection = connection.expect("listen: a connection can be accepted");
        let peer = in_time("a client connects", clients.next()).await;
        assert_eq!(
            Some(connection.peer),
            peer,
            "listen: the address of the other side"
        );
        let mut bytes = [0; 4];
        let read = in_time(
            "listen: what is sent arrives",
            connection.reader.read_exact(&mut bytes),
        );
        read.await.expect("listen: a connection can be read");
        assert_eq!(bytes, [n; 4], "listen: what is sent arrives");
        let writes = async {
            connection.writer.write_all(&[n + 1; 4]).await?;
            connection.writer.flush().await
        };
        let written = in_time("listen: what is sent is taken", writes).await;
        written.expect("listen: a connection can be written to");
    }
    if let Err(panic) = client.join() {
        std::panic::resume_unwind(panic);
    }
}
