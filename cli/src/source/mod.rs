//! Where jobs come from: a file, a pipe, or arguments. A thread reads them, a bounded number ahead of those that run.
mod arguments;
mod lines;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::executor::block_on;
use futures::stream::Fuse;
use futures::{SinkExt, StreamExt};
use remuda_cli::jobs::{Format, Job};
use remuda_cli::offers::Offers;

pub(crate) use arguments::Arguments;
pub(crate) use lines::Survey;
use lines::survey;

/// How many batches wait to be taken, and how many jobs are in one.
const BATCHES: usize = 4;
const BATCH: usize = 64;

/// Jobs in order, or one line that says what is wrong with them.
pub(crate) type Batch = Result<Vec<Job>, String>;

/// Jobs that come.
pub(crate) struct Source {
    input: Input,
    pub(crate) survey: Survey,
}

/// What is read.
pub(crate) enum Input {
    /// A job file or a pipe, what to call it, and how it is written.
    Lines {
        from: File,
        name: String,
        format: Format,
        /// What the machines have: a job that none could hold is refused.
        offers: Offers,
        /// It was not looked through before: names must be known when they are waited for.
        unseen: bool,
    },
    /// All jobs.
    Whole(Vec<Job>),
    Arguments(Arguments),
}

impl Source {
    pub(crate) fn new(input: Input, survey: Survey) -> Source {
        Source { input, survey }
    }

    /// A job file, looked through if that is possible: it is run whole or not at all.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub(crate) fn file(
        mut file: File,
        name: String,
        format: Format,
        offers: Offers,
    ) -> Result<Source, String> {
        let failed = |error: io::Error| format!("{name}: {error}");
        let unseen = !file.metadata().map_err(failed)?.is_file();
        let survey = if unseen {
            // A folder, say, is told at once.
            if file.metadata().map_err(failed)?.is_dir() {
                file.read(&mut [0]).map_err(failed)?;
            }
            Survey::unseen(format)
        } else {
            look(&mut file, &name, |from| {
                survey(from, &name, format, &offers)
            })?
        };
        let input = Input::Lines {
            from: file,
            name,
            format,
            offers,
            unseen,
        };
        Ok(Source::new(input, survey))
    }

    /// Takes in what the machines have, where more is known of that by now: a file is looked through once more.
    ///
    /// # Errors
    /// The first job that none of them could hold, or why the jobs have no order.
    pub(crate) fn with(mut self, now: &Offers) -> Result<Source, String> {
        let Input::Lines {
            from,
            name,
            format,
            offers,
            unseen,
        } = &mut self.input
        else {
            return Ok(self);
        };
        let known = std::mem::replace(offers, now.clone()) == *now;
        if self.survey.whole {
            let jobs = look(from, name, |from| lines::all(from, name, *format, now))?;
            self.input = Input::Whole(jobs);
        } else if !known && !*unseen && *format == Format::Jsonl {
            // Other lines ask for a proc each, which all machines have.
            look(from, name, |from| survey(from, name, *format, now))?;
        }
        Ok(self)
    }

    /// Begins to read.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(self) -> io::Result<Fuse<Receiver<Batch>>> {
        let (sender, receiver) = channel(BATCHES);
        let input = self.input;
        // Nothing waits for its end: it may be held up by a pipe for ever.
        let thread = std::thread::Builder::new().name("jobs".into());
        thread.spawn(move || input.read(&mut Sending(sender)))?;
        Ok(receiver.fuse())
    }

    /// All jobs, as they are read, on this thread.
    pub(crate) fn each(self, take: &mut dyn FnMut(Batch) -> bool) {
        self.input.read(take);
    }
}

/// Looks a file through, and goes back to where it began.
fn look<T>(
    file: &mut File,
    name: &str,
    read: impl FnOnce(BufReader<&File>) -> Result<T, String>,
) -> Result<T, String> {
    let failed = |error: io::Error| format!("{name}: {error}");
    let start = file.stream_position().map_err(failed)?;
    let found = read(BufReader::new(file))?;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    Ok(found)
}

/// What takes batches until it says false.
pub(crate) trait Take {
    fn take(&mut self, batch: Batch) -> bool;
}

struct Sending(Sender<Batch>);

impl Take for Sending {
    fn take(&mut self, batch: Batch) -> bool {
        block_on(self.0.send(batch)).is_ok()
    }
}

impl Take for &mut dyn FnMut(Batch) -> bool {
    fn take(&mut self, batch: Batch) -> bool {
        self(batch)
    }
}

impl Input {
    fn read(self, mut to: impl Take) {
        match self {
            Input::Lines {
                from,
                name,
                format,
                offers,
                unseen,
            } => lines::read(from, &name, format, &offers, unseen, &mut to),
            Input::Whole(jobs) => {
                let mut jobs = jobs.into_iter();
                loop {
                    let batch: Vec<Job> = jobs.by_ref().take(BATCH).collect();
                    if batch.is_empty() || !to.take(Ok(batch)) {
                        return;
                    }
                }
            }
            Input::Arguments(mut arguments) => {
                let mut batch = Vec::new();
                let error = loop {
                    let full = batch.len() == BATCH || !batch.is_empty() && arguments.waits();
                    if full && !to.take(Ok(std::mem::take(&mut batch))) {
                        return;
                    }
                    match arguments.next() {
                        Some(Ok(job)) => batch.push(job),
                        Some(Err(error)) => break Some(error),
                        None => break None,
                    }
                };
                if to.take(Ok(batch))
                    && let Some(error) = error
                {
                    to.take(Err(error));
                }
            }
        }
    }
}

impl<T: Take + ?Sized> Take for &mut T {
    fn take(&mut self, batch: Batch) -> bool {
        (**self).take(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use remuda_cli::offers::UNKNOWN;

    use super::*;

    #[test]
    fn a_file_is_looked_through_again_when_more_is_known_of_machines() {
        // Jobs without priorities are read as they are needed, the others are held.
        for more in ["", r#", "priority": 1"#] {
            let text = format!("{{\"cmd\": \"a\"}}\n{{\"cmd\": \"b\", \"procs\": 5{more}}}\n");
            let source = || {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(text.as_bytes()).unwrap();
                file.rewind().unwrap();
                let offers = Offers::procs(UNKNOWN);
                Source::file(file, "x".into(), Format::Jsonl, offers).unwrap()
            };
            let Err(error) = source().with(&Offers::procs(4)) else {
                panic!("no machine is so large");
            };
            assert_eq!(
                error,
                "x: line 2: procs 5 is more than a machine has (limit 4)"
            );
            let source = source().with(&Offers::procs(5)).unwrap();
            assert_eq!(source.survey.whole, !more.is_empty());
            let mut count = 0;
            source.each(&mut |batch| {
                count += batch.unwrap().len();
                true
            });
            assert_eq!(count, 2);
        }
    }
}
