//! A driver for tests: starts this test program again as a worker, as a real process, and speaks the wire by hand.

use remuda_worker::wire::{
    Decoder, Failure, Figures, FromWorker, Opening, Stream, ToWorker, WINDOW, encode,
};
use remuda_worker::{Exec, Exit, Registry, Worker, names};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Serialize, de::DeserializeOwned};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is slower than this hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// In the environment of the worker: that it is one.
const WORKER: &str = "REMUDA_TEST_WORKER";

/// Tells it to take SIGTERM as an order to leave.
pub(crate) const GRACE: &str = "REMUDA_TEST_GRACE";

/// The worker's functions, for both sides.
fn registry() -> Registry {
    Registry::new()
        .function("square", |x: u64| {
            x.checked_mul(x)
                .ok_or_else(|| format!("{x} squared is too large"))
        })
        .function("panic", |text: String| -> Result<(), String> {
            panic!("{text}")
        })
        .function("zeros", |length: usize| Ok::<_, String>(vec![0u8; length]))
        .function_with("print", |context, text: String| {
            // As careless code does: on the process's own outputs, and on the call's.
            println!("{text}");
            eprintln!("{text}");
            Command::new("echo").arg(&text).status()?;
            context.stdout().write_all(text.as_bytes())?;
            context.stderr().write_all(text.as_bytes())?;
            Ok::<_, std::io::Error>(())
        })
        .function_with("write", |context, length: usize| {
            let mut left = length;
            while left > 0 {
                left -= context.stdout().write(&vec![7; left.min(1 << 20)])?;
            }
            context.counter("written").add(1);
            Ok::<_, std::io::Error>(())
        })
        .function_with("spin", |context, (): ()| {
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            context.stdout().write_all(b"late")?;
            Ok::<_, std::io::Error>(())
        })
        .function_with("count", |context, (name, n): (String, i64)| {
            context.counter(&name).add(n);
            Ok::<_, String>(())
        })
        .function("read_line", |(): ()| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line)
        })
        .function("spawn", |line: String| {
            // A process that the user's own code starts.
            let child = Command::new("sh")
                .arg("-c")
                .arg(line)
                .stdout(Stdio::null())
                .spawn()?;
            Ok::<_, std::io::Error>(child.id())
        })
        .exec()
        .job()
        .on_discard(|task| match task {
            13 => panic!("unlucky"),
            task if task % 2 == 1 => Err(format!("{task} is odd")),
            _ => Ok(()),
        })
}

/// Not a test: the worker that the others start. (The test harness prints before it and the guard, so every test shows too
/// that a banner is passed over and that what the guard's program prints goes nowhere.)
#[test]
fn worker_process() {
    if std::env::var_os(WORKER).is_some() {
        let mut worker = Worker::new(registry()).procs(3);
        if std::env::var_os(GRACE).is_some() {
            worker = worker.grace(PATIENCE);
        }
        worker.serve();
    }
}

/// One worker and its driver's ends.
pub(crate) struct Driver {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    decoder: Decoder<FromWorker>,
    functions: Vec<String>,
    next_call: u64,
    /// The stream has ended, properly.
    ended: bool,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) result: Result<Vec<u8>, Failure>,
}

impl Ended {
    pub(crate) fn value<R: DeserializeOwned>(&self) -> R {
        let bytes = self.result.as_ref().expect("the call succeeds");
        postcard::from_bytes(bytes).expect("the result has its type")
    }

    pub(crate) fn error(&self) -> &str {
        match &self.result {
            Err(Failure::Remote(text)) => text,
            other => panic!("expected a remote error, not {other:?}"),
        }
    }

    /// What the machine says of itself.
    pub(crate) fn machine(&self) -> &str {
        match &self.result {
            Err(Failure::Machine(text)) => text,
            other => panic!("expected a failure of the machine, not {other:?}"),
        }
    }

    pub(crate) fn text(&self) -> (&str, &str) {
        let text = |bytes| std::str::from_utf8(bytes).expect("text");
        (text(&self.stdout), text(&self.stderr))
    }
}

impl Driver {
    /// A worker that has said hello and been welcomed.
    pub(crate) fn start() -> Driver {
        let mut driver = Driver::launch(|_| ());
        driver.open();
        driver.send(&ToWorker::Welcome { silence_ms: 0 });
        driver
    }

    /// A worker that has been started.
    pub(crate) fn launch(setup: impl FnOnce(&mut Command)) -> Driver {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "support::worker_process", "--nocapture"])
            .env(WORKER, "1")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        setup(&mut command);
        let mut child = command.spawn().expect("this program can be started");
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (decoder, functions) = (Decoder::new(), Vec::new());
        Driver {
            child,
            stdin,
            stdout,
            stderr,
            decoder,
            functions,
            next_call: 0,
            ended: false,
        }
    }

    /// A worker whose standard output is a terminal, as `srun -u` makes it.
    pub(crate) fn behind_a_terminal() -> Driver {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("it is ours");
        unlockpt(&ours).expect("it is ours");
        let name = ptsname(&ours, Vec::new()).expect("it has a name");
        let name = name.to_str().expect("of letters and digits");
        let mut options = fs::File::options();
        let theirs = options.read(true).write(true).open(name);
        let mut driver = Driver::launch(|command| {
            command.stdout(theirs.expect("it is there"));
        });
        driver.stdout = Some(ours.into());
        driver
    }

    /// Takes the preamble and the hello.
    pub(crate) fn open(&mut self) {
        let mut opening = Opening::new();
        loop {
            let bytes = self.read(PATIENCE).expect("a worker speaks first");
            assert!(!bytes.is_empty(), "{}", opening.finish());
            if let Some(opened) = opening.push(&bytes).expect("a worker's preamble") {
                self.decoder = opened.decoder;
                break;
            }
        }
        match self.next() {
            FromWorker::Hello {
                procs: 3,
                functions,
                ..
            } => {
                assert_eq!(functions, names(&registry()));
                self.functions = functions;
            }
            other => panic!("expected the hello, not {other:?}"),
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(crate) fn send(&mut self, message: &ToWorker) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).expect("small");
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stdin
            .as_mut()
            .expect("not hung up")
            .write_all(bytes)
            .expect("the worker reads");
    }

    /// Starts a call; its number.
    pub(crate) fn call(&mut self, function: &str, args: &impl Serialize) -> u64 {
        let index = self
            .functions
            .iter()
            .position(|name| name == function)
            .expect("a known function");
        let args = postcard::to_allocvec(args).expect("an argument");
        let call = self.next_call;
        self.next_call += 1;
        self.send(&ToWorker::Call {
            call,
            function: u32::try_from(index).expect("few"),
            args,
        });
        call
    }

    pub(crate) fn exec(&mut self, line: &str) -> u64 {
        self.call("exec", &Exec::shell(line))
    }

    /// Runs a command line to its end.
    pub(crate) fn run(&mut self, line: &str) -> (Exit, String, String) {
        let call = self.exec(line);
        let ended = self.finish(call);
        let (stdout, stderr) = ended.text();
        (ended.value(), stdout.into(), stderr.into())
    }

    /// Takes all of the one call that runs, giving back its credits.
    pub(crate) fn finish(&mut self, call: u64) -> Ended {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match self.next() {
                FromWorker::Output {
                    call: of,
                    stream,
                    bytes,
                } if of == call => {
                    let credit = u32::try_from(bytes.len()).expect("a chunk");
                    match stream {
                        Stream::Stdout => stdout.extend(bytes),
                        Stream::Stderr => stderr.extend(bytes),
                    }
                    self.send(&ToWorker::Credit {
                        call,
                        bytes: credit,
                    });
                }
                FromWorker::Reply { call: of, result } if of == call => {
                    return Ended {
                        stdout,
                        stderr,
                        result,
                    };
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Takes output of a call until it is as long as its credits.
    pub(crate) fn window(&mut self, call: u64) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < WINDOW as usize {
            all.extend(self.output(call));
        }
        assert_eq!(
            all.len(),
            WINDOW as usize,
            "output goes no further than its credits"
        );
        all
    }

    pub(crate) fn output(&mut self, call: u64) -> Vec<u8> {
        match self.next() {
            FromWorker::Output {
                call: of, bytes, ..
            } if of == call => bytes,
            other => panic!("expected output of call {call}, not {other:?}"),
        }
    }

    pub(crate) fn poll(&mut self, poll: u64) -> Figures {
        self.send(&ToWorker::Poll { poll });
        match self.next() {
            FromWorker::Figures { poll: of, figures } if of == poll => figures,
            other => panic!("expected figures, not {other:?}"),
        }
    }

    /// The next message, which must come.
    pub(crate) fn next(&mut self) -> FromWorker {
        self.next_within(PATIENCE)
            .expect("the worker says something")
    }

    /// The next message, or `None` where none comes in time or the stream has ended.
    pub(crate) fn next_within(&mut self, patience: Duration) -> Option<FromWorker> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(message) = self.decoder.next().expect("good frames") {
                return Some(message);
            }
            let bytes = self.read(deadline.saturating_duration_since(Instant::now()))?;
            if bytes.is_empty() {
                self.decoder.finish().expect("whole frames");
                self.ended = true;
                return None;
            }
            self.decoder.push(&bytes);
        }
    }

    /// What can be read, empty at the end, or `None` where nothing comes in time.
    fn read(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let stdout = self.stdout.as_mut().expect("not closed");
        let timeout = Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let ready =
            poll(&mut [PollFd::new(&*stdout, PollFlags::IN)], Some(&timeout)).expect("poll");
        let mut bytes = vec![0; 64 * 1024];
        (ready > 0).then(|| {
            let read = stdout.read(&mut bytes).expect("read");
            bytes.truncate(read);
            bytes
        })
    }

    /// Reads to the end of the stream, which must come.
    pub(crate) fn until_end(&mut self) -> Vec<FromWorker> {
        let mut messages = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while !self.ended {
            messages.extend(self.next_within(deadline.saturating_duration_since(Instant::now())));
            assert!(
                self.ended || Instant::now() < deadline,
                "the stream does not end"
            );
        }
        messages
    }

    /// Closes the driver's end of the worker's input.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Closes both ends, as the death of the driver does. Standard error goes too.
    pub(crate) fn die(&mut self) {
        self.stdin = None;
        self.stdout = None;
        self.stderr = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the worker has not been reaped");
    }

    /// Stops it, and waits until each of its threads has stopped.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.pid());
        eventually("every thread stops", || {
            let running = fs::read_dir(&tasks)
                .expect("it runs")
                .filter_map(Result::ok)
                .filter(|task| {
                    let stat = fs::read_to_string(task.path().join("stat"));
                    stat.is_ok_and(|stat| !stat.contains(") T "))
                });
            (running.count() == 0).then_some(())
        });
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the worker exits", || {
            self.child.try_wait().expect("our child")
        })
    }

    /// What it wrote to its standard error; to be called when it has ended.
    pub(crate) fn complaint(&mut self) -> String {
        let mut text = String::new();
        self.stderr
            .take()
            .expect("read once")
            .read_to_string(&mut text)
            .expect("text");
        text
    }

    /// The guard's process.
    pub(crate) fn guard(&self) -> i32 {
        let worker = self.pid();
        let guard = |process: &Running| {
            process.parent == worker && process.command.starts_with("remuda-guard ")
        };
        eventually("there is a guard", || processes().into_iter().find(guard)).pid
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A line of the list of processes; zombies are left out.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) command: String,
}

pub(crate) fn processes() -> Vec<Running> {
    let pids = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        (state != "Z" && state != "X").then_some(Running {
            pid,
            parent,
            command,
        })
    })
    .collect()
}

/// A number of seconds to sleep that no other process sleeps, by which a test knows its own.
pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}.{next}", 10_000_000 + u64::from(std::process::id()))
}

/// How many processes sleep that long.
pub(crate) fn sleepers(seconds: &str) -> usize {
    let command = format!("sleep {seconds} ");
    processes()
        .iter()
        .filter(|process| process.command == command)
        .count()
}

/// Waits until so many processes sleep that long.
pub(crate) fn await_sleepers(seconds: &str, count: usize) {
    eventually(&format!("{count} sleep {seconds}"), || {
        (sleepers(seconds) == count).then_some(())
    });
}
