//! Runs a command to its end, and keeps what it printed.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use futures::future::{Either, join3, select};
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use crate::process::{Group, readable};
use crate::runtime::{Child, Runtime, timeout};

/// How many bytes of each output are kept: of the standard output the first, of the standard error the last.
const KEPT: usize = 64 * 1024;

/// How long the rest of its output may take when a command has ended.
const REST: Duration = Duration::from_millis(200);

/// Runs a command without a shell, `input` on its standard input, and gives the first line that it printed. Dropped, it kills
/// the command.
///
/// # Errors
/// It cannot be run, takes longer than `limit`, or ends with a status other than 0; with the last that it printed.
pub(super) async fn first_line<R: Runtime>(
    runtime: &R,
    words: &[String],
    input: &str,
    limit: Duration,
) -> Result<String, String> {
    let shown = words.join(" ");
    let refuse = |what: String| format!("`{shown}`: {what}");
    let mut command = Command::new(&words[0]);
    // Ctrl-C at the terminal is for the driver.
    command.args(&words[1..]).process_group(0);
    let child = runtime
        .start(command)
        .map_err(|error| refuse(format!("it cannot be run: {error}")))?;
    let ended = timeout(runtime, limit, run(runtime, child, input)).await;
    let ended = ended.ok_or_else(|| refuse(format!("it did not end within {limit:?}")))?;
    let said = |what: String| match readable(&ended.stderr) {
        said if said.is_empty() => refuse(what),
        said => refuse(format!("{what}; it printed: {said}")),
    };
    match ended.status {
        Ok(status) if status.success() => {
            let text = String::from_utf8_lossy(&ended.stdout);
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        Ok(status) => Err(said(format!("it ended ({status})"))),
        Err(error) => Err(said(format!("it cannot be waited for: {error}"))),
    }
}

struct Ended {
    status: std::io::Result<ExitStatus>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn run<R: Runtime>(runtime: &R, child: Child, input: &str) -> Ended {
    let Child {
        id,
        mut stdin,
        stdout,
        stderr,
        process,
    } = child;
    let mut process = Group::new(id, process);
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let write = async move {
        // A command that reads nothing may close it.
        let _ = stdin.write_all(input.as_bytes()).await;
        let _ = stdin.close().await;
    };
    let first_kept = read(stdout, &mut first, |kept| kept.truncate(KEPT));
    let last_kept = read(stderr, &mut last, |kept| {
        drop(kept.drain(..kept.len().saturating_sub(KEPT)));
    });
    let pipes = Box::pin(join3(first_kept, last_kept, write));
    let status = match select(Box::pin(process.wait()), pipes).await {
        Either::Left((status, pipes)) => {
            // What it has left in the background may hold them open for ever.
            let _ = timeout(runtime, REST, pipes).await;
            status
        }
        Either::Right((_, status)) => status.await,
    };
    Ended {
        status,
        stdout: first,
        stderr: last,
    }
}

/// Reads to the end, and keeps what `cut` leaves.
async fn read(
    mut source: Box<dyn AsyncRead + Send + Unpin>,
    kept: &mut Vec<u8>,
    cut: impl Fn(&mut Vec<u8>),
) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = source.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..length]);
        cut(kept);
    }
}
