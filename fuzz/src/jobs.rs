//! Bytes as a jobs file: jobs, or an error that names its line.
//!
//! The first byte is the format and what a machine has, the rest is the file.

use std::collections::BTreeMap;

use remuda::Resources;
use remuda_cli::jobs::{Command, Format, Job, JobError, Size};
use remuda_cli::memory::MemoryMib;
use remuda_cli::offers::{Offer, Offers};
use serde_json::Value;

/// In the first byte: JSON, not lines. The other seven bits are the procs of a machine.
pub const JSONL: u8 = 0x80;

/// Parses the file and checks what came out against the file, line by line.
///
/// # Panics
/// When that does not fit.
pub fn run(bytes: &[u8]) {
    // The result is for tests.
    let _ = outcome(bytes);
}

/// The same, and says what came out.
///
/// # Errors
/// What the parser says.
///
/// # Panics
/// See [`run`].
pub fn outcome(bytes: &[u8]) -> Option<Result<Vec<Job>, JobError>> {
    let (&first, file) = bytes.split_first()?;
    let format = match first & JSONL {
        0 => Format::Lines,
        _ => Format::Jsonl,
    };
    let procs = (first & !JSONL).into();
    let parsed = parse(file, format, procs);
    match &parsed {
        Ok(jobs) => sound(jobs, file, format, procs),
        Err(error) => named(error, file, format, procs),
    }
    Some(parsed)
}

/// Machines that have so many procs, as many GiB of memory, and a GPU for each two.
fn parse(file: &[u8], format: Format, procs: u32) -> Result<Vec<Job>, JobError> {
    let capacity = Resources::procs(procs)
        .memory_mib(procs << 10)
        .gpus(procs / 2);
    let (name, labels) = ("big".to_owned(), vec!["a label".to_owned()]);
    let offers = Offers::new(vec![Offer {
        name,
        labels,
        capacity,
    }]);
    remuda_cli::jobs::parse(file, format, &offers)
}

/// Each job is one that can run, stands in the line it says, and is the same when nothing else is in the file.
fn sound(jobs: &[Job], file: &[u8], format: Format, procs: u32) {
    let mut last = 0;
    for job in jobs {
        assert!(job.line > last, "lines go up: {job:?}");
        last = job.line;
        let alone = parse(&only(file, job.line), format, procs).expect("it was good before");
        assert_eq!(
            alone.as_slice(),
            core::slice::from_ref(job),
            "the line alone"
        );
        match job.size {
            Size::Procs(asked) => assert!((1..=procs.max(1)).contains(&asked), "{job:?}"),
            Size::Machine => {}
        }
        let words = match &job.command {
            Command::Shell(text) => core::slice::from_ref(text),
            Command::Argv(words) => words,
        };
        assert!(!words[0].trim().is_empty(), "{job:?}");
        assert!(words.iter().all(|word| !word.contains('\0')), "{job:?}");
        assert!(!job.name().is_empty() && !job.name().contains(char::is_control));
        if format == Format::Jsonl {
            written_and_read(job, procs);
        }
    }
    assert!(last <= lines(file));
}

/// What is before the line that an error names is good, and the line alone is bad in the same way.
fn named(error: &JobError, file: &[u8], format: Format, procs: u32) {
    assert!((1..=lines(file)).contains(&error.line), "{error}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("line {}: ", error.line))
    );
    let before: Vec<_> = file
        .split(|&byte| byte == b'\n')
        .take(error.line - 1)
        .collect();
    let before = parse(&before.join(&b'\n'), format, procs);
    assert!(before.is_ok(), "{error}, but before it: {before:?}");
    let alone = parse(&only(file, error.line), format, procs);
    assert_eq!(alone.as_ref(), Err(error), "the line alone");
}

fn lines(file: &[u8]) -> usize {
    1 + file.iter().filter(|&&byte| byte == b'\n').count()
}

/// The file with nothing in it but that line.
fn only(file: &[u8], line: usize) -> Vec<u8> {
    let text = file.split(|&byte| byte == b'\n').nth(line - 1);
    let mut only = vec![b'\n'; line - 1];
    only.extend(text.expect("the file has the line"));
    only
}

/// A job written as JSON is read as the same job.
fn written_and_read(job: &Job, procs: u32) {
    let mut line = BTreeMap::new();
    line.insert(
        "cmd",
        match &job.command {
            Command::Shell(text) => Value::from(text.as_str()),
            Command::Argv(words) => Value::from(words.as_slice()),
        },
    );
    match job.size {
        Size::Procs(asked) => {
            let memory = MemoryMib(job.memory_mib).to_string();
            line.insert("memory", memory.into());
            line.insert("gpus", job.gpus.into());
            line.insert("procs", asked.into())
        }
        Size::Machine => line.insert("machine", true.into()),
    };
    if let Some(kind) = &job.kind {
        line.insert("kind", kind.as_str().into());
    }
    line.insert("priority", job.priority.into());
    if let Some(name) = &job.given_name {
        line.insert("name", name.as_str().into());
    }
    let text = serde_json::to_string(&line).expect("strings and numbers");
    let back = parse(text.as_bytes(), Format::Jsonl, procs).expect("it is good");
    let expected = Job {
        line: 1,
        ..job.clone()
    };
    assert_eq!(back, [expected], "what was read back");
}
