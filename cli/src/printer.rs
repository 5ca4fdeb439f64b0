//! The one thread that writes to standard output and standard error while a run goes on, and the order it does it in.
//!
//! It may block for as long as it likes, in a pager or a stopped terminal: the run hands things over and goes on, and what
//! waits lies in the spools.
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use futures::channel::oneshot;
use remuda_tokio::{Keep, harmless};
use remuda_worker::wire::Stream;
use rustix::event::{PollFd, PollFlags, poll};

use remuda_tokio::Runtime;

use crate::lines::{Lines, Tagged};
use crate::progress::Progress;
use crate::recover::{Noted, Notes};
use crate::results::Results;
use crate::signals::Control;
use crate::spool::Output;
use crate::text::short;

/// Most messages to print before the bar is drawn again.
const BATCH: usize = 256;

/// The most characters of a line of ours that has text of others in it.
const LONGEST_LINE: usize = 4000;

/// Most bytes of lines that wait to be printed as they come; who has more waits with it.
const MOST_WAITING: usize = 4 << 20;
const WAIT: Duration = Duration::from_millis(20);

/// How to print.
pub(crate) struct Settings {
    pub(crate) keep_order: bool,
    /// No lines for failed jobs.
    pub(crate) quiet: bool,
    /// Lines are printed as they come, not when their job is through.
    pub(crate) live: bool,
    /// Where to keep output besides.
    pub(crate) results: Option<Results>,
    pub(crate) progress: Progress,
    /// Where it is noted what is printed, for a run that goes on after this one is killed.
    pub(crate) notes: Option<Notes>,
    /// Hears of it when standard output takes no more.
    pub(crate) control: UnboundedSender<Control>,
}

/// A handle of the printer's thread. Handing something over never blocks.
#[derive(Clone)]
pub(crate) struct Printer {
    sender: Sender<Message>,
    /// Every job is to be heard of, also one that has nothing to say.
    all: bool,
    /// Bytes of lines that wait.
    waiting: Arc<AtomicUsize>,
}

/// The lines of one attempt, as they come.
pub(crate) struct Live {
    printer: Printer,
    tag: Option<Arc<str>>,
    /// Of each stream, what has no end yet.
    parts: [Lines; 2],
}

/// The thread itself, to be waited for.
pub(crate) struct Thread(JoinHandle<bool>);

/// What a job leaves to be printed.
#[derive(Debug)]
pub(crate) struct Print {
    /// Its place in the file.
    pub(crate) index: usize,
    pub(crate) output: Option<Output>,
    /// What each line of it begins with.
    pub(crate) tag: Option<String>,
    /// What it goes by, where output is kept besides.
    pub(crate) name: Option<String>,
    /// What to say of it if it failed.
    pub(crate) failed: Option<String>,
    /// What to note of it.
    pub(crate) noted: Option<Noted>,
}

enum Message {
    Print(Print),
    Settle(oneshot::Sender<()>),
    Lines {
        tag: Option<Arc<str>>,
        stream: Stream,
        bytes: Vec<u8>,
    },
    Note(String),
    Interrupted(String),
    End(String),
}

impl Printer {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is no standard output or error to write to, or no thread to be had.
    pub(crate) fn start(settings: Settings) -> io::Result<(Printer, Thread)> {
        let (sender, receiver) = channel();
        let all = settings.keep_order || settings.results.is_some() || settings.notes.is_some();
        let waiting = Arc::new(AtomicUsize::new(0));
        let state = State {
            in_flight: Arc::clone(&waiting),
            out: Sink::new(io::stdout().as_fd(), io::stdout().is_terminal())?,
            err: Sink::new(io::stderr().as_fd(), io::stderr().is_terminal())?,
            settings,
            next: 0,
            waiting: BTreeMap::new(),
            lost: false,
            ended: false,
        };
        let thread = std::thread::Builder::new().name("printer".into());
        let thread = thread.spawn(move || state.serve(&receiver))?;
        let printer = Printer {
            sender,
            all,
            waiting,
        };
        Ok((printer, Thread(thread)))
    }

    /// Prints a job's output, in its turn. Each index once.
    pub(crate) fn print(&self, print: Print) {
        // A job with nothing to say matters only to those behind it: no thread is woken for the others.
        if self.all || print.output.is_some() || print.failed.is_some() {
            self.send(Message::Print(print));
        }
    }

    /// A job has nothing to print, and no folder for results.
    pub(crate) fn pass_over(&self, index: usize) {
        self.print(Print {
            index,
            output: None,
            tag: None,
            name: None,
            failed: None,
            noted: None,
        });
    }

    /// Resolves when all that was handed over is printed and noted.
    pub(crate) async fn settled(&self) {
        let (done, settled) = oneshot::channel();
        self.send(Message::Settle(done));
        let _ = settled.await;
    }

    /// Prints an attempt's lines as they come.
    pub(crate) fn live(&self, tag: Option<String>) -> Live {
        Live {
            printer: self.clone(),
            tag: tag.map(Arc::from),
            parts: Default::default(),
        }
    }

    /// Prints a line on standard error, soon.
    pub(crate) fn note(&self, line: String) {
        self.send(Message::Note(line));
    }

    /// Prints a line on standard error that says that a signal came.
    pub(crate) fn interrupted(&self, line: String) {
        self.send(Message::Interrupted(line));
    }

    /// Prints all that still waits, then a last line, as it is.
    pub(crate) fn end(&self, last: String) {
        self.send(Message::End(last));
    }

    fn send(&self, message: Message) {
        // The thread ends before its handles only after the last line; what is sent later is not printed.
        let _ = self.sender.send(message);
    }
}

impl Live {
    /// Prints the lines that end here. Waits while much else waits to be printed, say in a pager.
    pub(crate) async fn print(&mut self, stream: Stream, bytes: &[u8], runtime: &impl Runtime) {
        let part = &mut self.parts[usize::from(stream == Stream::Stderr)];
        let lines = part.push(bytes);
        self.send(stream, lines);
        while self.printer.waiting.load(Ordering::Relaxed) > MOST_WAITING {
            runtime.sleep_until(runtime.now() + WAIT).await;
        }
    }

    /// Prints what has no end, with one: another job's line may follow.
    pub(crate) fn end(&mut self) {
        for (part, stream) in [(0, Stream::Stdout), (1, Stream::Stderr)] {
            let last = self.parts[part].finish();
            self.send(stream, last);
        }
    }

    fn send(&self, stream: Stream, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        self.printer
            .waiting
            .fetch_add(bytes.len(), Ordering::Relaxed);
        self.printer.send(Message::Lines {
            tag: self.tag.clone(),
            stream,
            bytes,
        });
    }
}

impl Thread {
    /// Waits for the last line to be printed; false if output of jobs was lost on the way.
    pub(crate) fn join(self) -> bool {
        self.0.join().unwrap_or(false)
    }
}

/// The thread's own state.
struct State {
    settings: Settings,
    out: Sink,
    err: Sink,
    /// With `--keep-order`: the index of the job to print next, and jobs that ended before their turn.
    next: usize,
    waiting: BTreeMap<usize, Print>,
    /// Output of a job was lost.
    lost: bool,
    ended: bool,
    /// Bytes of lines that wait.
    in_flight: Arc<AtomicUsize>,
}

impl State {
    fn serve(mut self, receiver: &Receiver<Message>) -> bool {
        let tick_every = self.settings.progress.tick_every();
        let mut tick_at = tick_every.map(|every| Instant::now() + every);
        while !self.ended {
            let first = match tick_at {
                Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match first {
                Ok(first) => self.batch(first, receiver),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let (Some(at), Some(every)) = (&mut tick_at, tick_every)
                && Instant::now() >= *at
            {
                *at = Instant::now() + every;
                for line in self.settings.progress.tick().unwrap_or_default().lines() {
                    self.say(line);
                }
            }
        }
        !self.lost
    }

    fn batch(&mut self, first: Message, receiver: &Receiver<Message>) {
        let messages: Vec<_> = std::iter::once(first)
            .chain(receiver.try_iter().take(BATCH))
            .collect();
        for message in &messages {
            match message {
                Message::End(_) => self.settings.progress.clear(),
                Message::Interrupted(_) => self.settings.progress.leave(),
                Message::Print(_)
                | Message::Note(_)
                | Message::Lines { .. }
                | Message::Settle(_) => {}
            }
        }
        // Moved out for the call only, as what it suspends for needs the rest of the state.
        let progress = std::mem::replace(&mut self.settings.progress, Progress::Nothing);
        let with_bar = progress.is_bar();
        progress.suspend(|| {
            for message in messages {
                self.handle(message);
            }
            if with_bar {
                self.out.end_line();
                self.err.end_line();
            }
        });
        self.settings.progress = progress;
        if let Some(notes) = &self.settings.notes {
            notes.write_now();
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Note(line) | Message::Interrupted(line) => self.say(&line),
            Message::Lines { tag, stream, bytes } => {
                self.in_flight.fetch_sub(bytes.len(), Ordering::Relaxed);
                self.lines(tag.as_deref(), stream, &bytes);
            }
            Message::Print(print) if !self.settings.keep_order => self.print(print),
            Message::Print(print) => {
                self.waiting.insert(print.index, print);
                while let Some(print) = self.waiting.remove(&self.next) {
                    self.next += 1;
                    self.print(print);
                }
            }
            Message::Settle(done) => {
                self.print_waiting();
                if let Some(notes) = &self.settings.notes {
                    notes.write_now();
                }
                drop(done);
            }
            Message::End(last) => {
                self.print_waiting();
                self.line(&last);
                self.ended = true;
            }
        }
    }

    /// After an interrupt some jobs never come; those that are done keep their order.
    fn print_waiting(&mut self) {
        for print in std::mem::take(&mut self.waiting).into_values() {
            self.print(print);
        }
    }

    fn print(&mut self, print: Print) {
        let prints = !self.settings.live && print.output.is_some()
            || !self.settings.quiet && print.failed.is_some();
        let note = self.settings.notes.clone().zip(print.noted);
        if let Some((notes, noted)) = &note
            && prints
        {
            notes.prints(print.index, *noted);
        }
        self.write(&print);
        // What standard output did not take is not printed.
        if let Some((notes, noted)) = note
            && !self.out.broken
        {
            notes.printed(print.index, noted);
        }
    }

    fn write(&mut self, print: &Print) {
        if let (Some(results), Some(name)) = (&self.settings.results, &print.name)
            && let Err(error) = results.keep(name, print.output.as_ref())
        {
            // Once: what follows has the same trouble.
            self.settings.results = None;
            self.lost = true;
            self.say(&error);
        }
        if let Some(output) = &print.output
            && !self.settings.live
        {
            self.copy(output, print.tag.as_deref());
        }
        if let Some(line) = &print.failed
            && !self.settings.quiet
        {
            self.say(line);
        }
    }

    /// Lines of a job that runs.
    fn lines(&mut self, tag: Option<&str>, stream: Stream, bytes: &[u8]) {
        if self.out.broken {
            self.lost = true;
            return;
        }
        let sink = match stream {
            Stream::Stdout => &mut self.out,
            Stream::Stderr => &mut self.err,
        };
        let written = match tag {
            Some(tag) => sink.write(&Tagged::new(tag, sink.terminal).all(bytes)),
            None => sink.write(bytes),
        };
        if let Err(error) = written {
            self.lost = true;
            if stream == Stream::Stdout {
                self.closed(&error);
            }
        }
    }

    fn copy(&mut self, output: &Output, tag: Option<&str>) {
        if self.out.broken {
            self.lost = true;
            return;
        }
        let (out, err) = (&mut self.out, &mut self.err);
        let tagged = |sink: &Sink| tag.map(|tag| Tagged::new(tag, sink.terminal));
        let (mut out_tag, mut err_tag) = (tagged(out), tagged(err));
        let mut lost_error_output = false;
        let mut closed = None;
        let copied = output.copy(&mut |stream, bytes| match stream {
            Stream::Stdout => write(out, &mut out_tag, bytes).map_err(|error| {
                closed = Some(error);
                ErrorKind::Other.into()
            }),
            Stream::Stderr => {
                // A terminal that went away must not end a run whose results go to a file.
                lost_error_output |= write(err, &mut err_tag, bytes).is_err();
                Ok(())
            }
        });
        self.lost |= lost_error_output || copied.is_err();
        if let Some(error) = closed {
            self.closed(&error);
        } else if let Err(error) = copied {
            self.say(&format!("cannot read back what a job printed: {error}"));
        }
    }

    fn closed(&mut self, error: &io::Error) {
        let _ = self.settings.control.unbounded_send(Control::OutputClosed);
        self.say(&format!("cannot write to standard output: {error}"));
    }

    /// A line about the run, in which there may be text of others.
    fn say(&mut self, line: &str) {
        let line = harmless(&short(line), Keep::Start(LONGEST_LINE));
        self.line(&format!("remuda: {line}"));
    }

    /// A line of our own. Standard error may be closed; then the line is dropped.
    fn line(&mut self, line: &str) {
        self.out.end_line();
        self.err.end_line();
        let _ = self.err.write(format!("{line}\n").as_bytes());
    }
}

fn write(sink: &mut Sink, tagged: &mut Option<Tagged>, bytes: &[u8]) -> io::Result<()> {
    match tagged {
        Some(tagged) => sink.write(&tagged.next(bytes)),
        None => sink.write(bytes),
    }
}

/// One of our two streams.
struct Sink {
    file: File,
    terminal: bool,
    in_line: bool,
    broken: bool,
}

impl Sink {
    fn new(stream: BorrowedFd<'_>, terminal: bool) -> io::Result<Sink> {
        // Without the standard library's buffer, which would cut at lines and write once more at exit.
        let file = File::from(stream.try_clone_to_owned()?);
        Ok(Sink {
            file,
            terminal,
            in_line: false,
            broken: false,
        })
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(written) => {
                    self.in_line = bytes[..written].last().is_some_and(|&byte| byte != b'\n');
                    bytes = &bytes[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process that shares the terminal or pipe with us made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None);
                }
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// On a terminal a line of ours must not start within a job's last line.
    fn end_line(&mut self) {
        if self.terminal && self.in_line {
            let _ = self.write(b"\n");
        }
    }
}
