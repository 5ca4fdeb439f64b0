//! What is replayed: a journal, or a scenario in JSON lines; told apart by how it begins, read into memory whole.
use std::io::{self, Read};
use std::path::Path;

use remuda::journal::{Body, Error, MAGIC, Reader};

use super::items::{Head, Item, Place, Recorded, Step};
use super::scenario::{self, Line, Scenario};

/// A recorded run, or one that was written by hand.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) head: Head,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Journal(Vec<u8>),
    Scenario(Vec<Line>),
}

/// All of a run in order; an error is the last.
pub(crate) type Items<'a> = Box<dyn Iterator<Item = Result<Item<'a>, Error>> + 'a>;

impl Input {
    /// Reads a file, or standard input if it is `-`.
    ///
    /// # Errors
    /// One line: what is wrong with it, and where.
    pub(crate) fn read(path: &Path) -> Result<Input, String> {
        let (name, bytes) = read(path);
        let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
        let input = Input::of(name.clone(), bytes);
        input.map_err(|error| format!("{name}: {error}"))
    }

    /// What these bytes are.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub(crate) fn of(name: String, bytes: Vec<u8>) -> Result<Input, String> {
        if bytes.is_empty() {
            return Err("it is empty: nothing was recorded".into());
        }
        if is_journal(&bytes) {
            return Input::journal(name, bytes);
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first != Some(&b'{') {
            let what = "it is neither a journal (`remuda run --journal FILE` writes one) nor a scenario in JSON lines";
            return Err(what.into());
        }
        let text = String::from_utf8(bytes);
        let text = text.map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("it is not UTF-8 at byte {at}")
        })?;
        let Scenario { head, lines } = scenario::parse(&text)?;
        Ok(Input {
            name,
            head,
            source: Source::Scenario(lines),
        })
    }

    /// A run that was made here.
    pub(crate) fn made(name: String, head: Head, lines: Vec<Line>) -> Input {
        Input {
            name,
            head,
            source: Source::Scenario(lines),
        }
    }

    fn journal(name: String, bytes: Vec<u8>) -> Result<Input, String> {
        let reader = Reader::new(&bytes).map_err(|error| match error {
            Error::Format { .. } => {
                format!("{error}: replay it with the version that wrote it, or a newer one")
            }
            Error::Cut { .. } => "it ends within its header: nothing was recorded".into(),
            _ => error.to_string(),
        })?;
        let header = reader.header();
        let head = Head {
            is_journal: true,
            config: header.config.clone(),
            config_hash: None,
            fresh: header.fresh,
            crate_version: Some(header.crate_version.clone()),
            rules: Some(header.rules),
            origin: header.origin,
            labels: header.labels.clone(),
        };
        Ok(Input {
            name,
            head,
            source: Source::Journal(bytes),
        })
    }

    /// All of it in order, up to the first that cannot be read.
    pub(crate) fn items(&self) -> Items<'_> {
        match &self.source {
            Source::Journal(bytes) => {
                let reader = Reader::new(bytes).expect("its header was read before");
                Box::new(reader.filter_map(|frame| match frame {
                    Ok(frame) => of_body(frame.body, frame.offset).map(Ok),
                    Err(error) => Some(Err(error)),
                }))
            }
            Source::Scenario(lines) => Box::new(lines.iter().map(|line| Ok(line.item()))),
        }
    }
}

/// What a file is called, and all of it; `-` is standard input.
pub(crate) fn read(path: &Path) -> (String, io::Result<Vec<u8>>) {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        ("standard input".to_owned(), read.map(|_| bytes))
    } else {
        (path.display().to_string(), std::fs::read(path))
    }
}

/// Some of its first bytes are enough: the others may be what is damaged.
pub(crate) fn is_journal(bytes: &[u8]) -> bool {
    let same = bytes.iter().zip(&MAGIC).filter(|(a, b)| a == b).count();
    same >= MAGIC.len() / 2
}

fn of_body(body: Body<'_>, offset: usize) -> Option<Item<'_>> {
    match body {
        Body::Event(recorded) => Some(Item::Step(Step {
            number: recorded.number,
            time: recorded.time,
            event: recorded.event,
            recorded: Recorded::Hash(recorded.hash),
            place: Place::Byte(offset),
        })),
        Body::Snapshot(frozen) => Some(Item::Snapshot(frozen)),
        Body::Note(note) => Some(Item::Note(note)),
        // A newer version's, which may be passed over.
        _ => None,
    }
}
