//! What the stories share: the real binary, its input and output, its processes, and generous deadlines.
#![allow(dead_code)] // Each test file uses its own part.
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Nothing here takes as long; what does is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The binary; tests within it have none.
pub(crate) const REMUDA: &str = match option_env!("CARGO_BIN_EXE_remuda") {
    Some(path) => path,
    None => "",
};

/// What a run left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Finished {
    /// The last line on standard error.
    pub(crate) fn summary(&self) -> &str {
        self.err.lines().next_back().unwrap_or_default()
    }

    /// The lines on standard output, sorted.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.out.lines().collect();
        lines.sort_unstable();
        lines
    }

    /// Asserts how the run ended and what its last line says.
    #[track_caller]
    pub(crate) fn ends(&self, status: i32, summary: &str) -> &Finished {
        assert_eq!(self.status, Some(status), "{}", self.err);
        assert!(
            self.summary().starts_with(summary),
            "the last line does not begin with {summary:?}:\n{}",
            self.err
        );
        self
    }

    /// Asserts that standard error has this text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Finished {
        assert!(self.err.contains(text), "no {text:?} in:\n{}", self.err);
        self
    }
}

/// A run that goes on. Killed if the test ends first.
pub(crate) struct Run {
    child: Child,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
    began: Instant,
}

/// `remuda run` with these words.
pub(crate) fn remuda(words: &[&str]) -> Command {
    let mut command = Command::new(REMUDA);
    command.arg("run").args(words);
    command
}

/// `remuda run` with these words, begun by a shell that first does `prelude`, such as `ulimit -n 128`.
pub(crate) fn remuda_after(prelude: &str, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{prelude}\nexec \"$0\" run \"$@\"");
    command.arg("-c").arg(script).arg(REMUDA).args(words);
    command
}

/// Runs to the end.
pub(crate) fn run(words: &[&str], jobs: &str) -> Finished {
    Run::start(remuda(words), jobs).finish()
}

/// A run that writes behind what `out` holds, and its messages to `err`.
pub(crate) fn start_appending(words: &[&str], dir: &Dir) -> Run {
    let append = |name: &str| {
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).open(dir.at(name));
        Stdio::from(file.expect("it is ours"))
    };
    let mut command = remuda(words);
    command
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(append("out"))
        .stderr(append("err"));
    Run::spawn(&mut command)
}

impl Run {
    pub(crate) fn start(mut command: Command, jobs: &str) -> Run {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = Run::spawn(command.stderr(Stdio::piped()));
        let mut stdin = run.child.stdin.take().unwrap();
        // What refuses its command line may be gone before it has read its jobs.
        let _ = stdin.write_all(jobs.as_bytes());
        drop(stdin);
        run.out = run.child.stdout.take().map(reader);
        run.err = run.child.stderr.take().map(reader);
        run
    }

    /// As it is: the caller says what becomes of the three streams.
    pub(crate) fn spawn(command: &mut Command) -> Run {
        let child = command.spawn().expect("the binary was built for this test");
        Run {
            child,
            out: None,
            err: None,
            began: Instant::now(),
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn finish(mut self) -> Finished {
        let began = self.began;
        wait_for("the run to end", || self.is_over());
        let status = self.child.wait().unwrap().code();
        let text = |reader: Option<JoinHandle<String>>| {
            reader.map(|it| it.join().unwrap()).unwrap_or_default()
        };
        let (out, err) = (text(self.out.take()), text(self.err.take()));
        Finished {
            status,
            out,
            err,
            took: began.elapsed(),
        }
    }

    /// The pids of its workers.
    pub(crate) fn workers(&self) -> Vec<u32> {
        let own = self.pid().to_string();
        let mut found = Vec::new();
        for process in processes() {
            if process.words.iter().any(|word| word == "worker") && process.parent == own {
                found.push(process.pid);
            }
        }
        found
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[track_caller]
pub(crate) fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process ignores a signal.
pub(crate) fn ignores(pid: u32, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask & (1 << (signal.as_raw() - 1)) != 0
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).expect("the process is there");
}

pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: String,
    pub(crate) words: Vec<String>,
}

/// All living processes.
pub(crate) fn processes() -> Vec<Process> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Either may be gone by now.
        let Ok(words) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        if field("State:").starts_with('Z') {
            continue;
        }
        let words = words.split(|&byte| byte == 0);
        let words = words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        found.push(Process {
            pid,
            parent: field("PPid:"),
            words,
        });
    }
    found
}

/// The living processes that have this word in their command line.
pub(crate) fn with_word(mark: &str) -> Vec<u32> {
    let with = processes()
        .into_iter()
        .filter(|process| process.words.iter().any(|word| word == mark));
    with.map(|process| process.pid).collect()
}

/// A number of seconds to sleep that is like no other, to find the sleeper by.
pub(crate) fn mark() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "1000.{}{:03}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The highest resident size a living process has had, in KiB.
pub(crate) fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A directory of the test's own.
pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Dir {
        Dir(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.at(name), text).unwrap();
        self.text(name)
    }

    /// How many lines a file has by now.
    pub(crate) fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.at(name))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// The lines of a job log.
    pub(crate) fn joblog(&self, name: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.at(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// `echo job 1` to `echo job N`, a line each.
pub(crate) fn echoes(count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, job| {
        writeln!(text, "echo job {job}").unwrap();
        text
    })
}

/// What those print, sorted.
pub(crate) fn echoed(count: usize) -> Vec<String> {
    let mut lines: Vec<_> = (1..=count).map(|job| format!("job {job}")).collect();
    lines.sort_unstable();
    lines
}
