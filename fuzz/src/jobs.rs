//! Bytes as a jobs file: jobs, or an error that names its line.
//!
//! The first byte is the format and what a machine has, the rest is the file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use remuda::Resources;
use remuda_cli::jobs::{Command, Extra, Format, Job, JobError, Size};
use remuda_cli::memory::MemoryMib;
use remuda_cli::offers::{Offer, Offers};

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

/// Machines that have so many procs, and as many GiB of memory and a GPU for each two, or a GPU for each and no memory.
fn parse(file: &[u8], format: Format, procs: u32) -> Result<Vec<Job>, JobError> {
    let offer = |name: &str, capacity| Offer {
        name: name.to_owned(),
        labels: vec!["a label".to_owned()],
        capacity,
    };
    let all = Resources::procs(procs);
    let offers = Offers::new(vec![
        offer("big", all.memory_mib(procs << 10).gpus(procs / 2)),
        offer("gpus", all.gpus(procs)),
    ]);
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
        let words = job.command.words();
        let first = words[0].as_bytes();
        assert!(!first.trim_ascii().is_empty(), "{job:?}");
        assert!(
            words.iter().all(|word| !word.as_bytes().contains(&0)),
            "{job:?}"
        );
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
    let text = |text: &str| serde_json::to_string(text).expect("a text");
    let bytes = |bytes: &OsStr| {
        serde_json::to_string(&Command::Shell(bytes.to_owned())).expect("bytes are written too")
    };
    let list = |names: &[String]| serde_json::to_string(names).expect("texts");
    let mut fields = vec![format!(
        "\"cmd\": {}",
        serde_json::to_string(&job.command).expect("bytes are written too")
    )];
    fields.push(match job.size {
        Size::Procs(asked) => {
            let (memory, gpus) = (MemoryMib(job.memory_mib), job.gpus);
            format!("\"procs\": {asked}, \"memory\": \"{memory}\", \"gpus\": {gpus}")
        }
        Size::Machine => "\"machine\": true".into(),
    });
    fields.push(format!("\"priority\": {}", job.priority));
    if let Some(name) = &job.given_name {
        fields.push(format!("\"name\": {}", text(name)));
    }
    if let Some(extra) = &job.extra {
        let Extra {
            kind,
            timeout,
            retries,
            env,
            cwd,
            stdin,
            prefer,
            after,
            after_any,
            tag,
        } = &**extra;
        assert!(tag.is_none(), "no line says it");
        if let Some(kind) = kind {
            fields.push(format!("\"kind\": {}", text(kind)));
        }
        if let Some(timeout) = timeout {
            // In two numbers: one would be rounded.
            let (seconds, millis) = (timeout.as_secs(), f64::from(timeout.subsec_nanos()) / 1e6);
            fields.push(format!("\"timeout\": \"{seconds}s{millis}ms\""));
        }
        if let Some(retries) = retries {
            fields.push(format!("\"retries\": {retries}"));
        }
        let env = env
            .iter()
            .map(|(name, value)| format!("{}: {}", text(name), bytes(value)));
        fields.push(format!(
            "\"env\": {{{}}}",
            env.collect::<Vec<_>>().join(",")
        ));
        for (name, path) in [("cwd", cwd), ("stdin", stdin)] {
            if let Some(path) = path {
                fields.push(format!("\"{name}\": {}", bytes(path)));
            }
        }
        if let Some(prefer) = prefer {
            fields.push(format!("\"prefer\": {}", text(prefer)));
        }
        fields.push(format!("\"after\": {}", list(after)));
        fields.push(format!("\"after_any\": {}", list(after_any)));
    }
    let line = format!("{{{}}}", fields.join(", "));
    let mut back = parse(line.as_bytes(), Format::Jsonl, procs).expect("it is good");
    let mut expected = Job {
        line: 1,
        ..job.clone()
    };
    // A time may differ by what a floating point number rounds.
    let times = [&mut back[0], &mut expected].map(|job| {
        let extra = job.extra.as_mut();
        extra.and_then(|extra| extra.timeout.take())
    });
    if let [Some(one), Some(other)] = times {
        let apart = one.abs_diff(other).as_secs_f64();
        assert!(
            apart <= 1e-6 + 1e-9 * other.as_secs_f64(),
            "{one:?}, {other:?}"
        );
    }
    assert_eq!(back, [expected], "what was read back");
}
