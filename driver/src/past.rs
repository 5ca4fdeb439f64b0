//! A run that was cut off, read from its journal: what a cluster is resumed from.

use std::collections::BTreeMap;
use std::fmt;

use remuda::journal::{Body, Error, Header, Index, Note, Reader, Writer, hash};
use remuda::{Event, Instant, MachineId, Manager};

/// What the journal of a run says that was cut off, say because its process was killed. [`Cluster::resume`](crate::Cluster::resume)
/// goes on from there.
#[derive(Debug)]
pub struct Past {
    pub(crate) manager: Manager,
    header: Header,
    events: u64,
    time: Instant,
    length: u64,
    epoch: u64,
    /// By which each machine can be found again, from [`System::token`](crate::System::token).
    pub(crate) tokens: BTreeMap<MachineId, String>,
    /// No request and no waiter has had this id or a later one.
    pub(crate) next_id: u64,
    /// How many machines have joined.
    pub(crate) joined: u64,
    /// Whether any machine was ever up.
    pub(crate) ever_up: bool,
}

/// Why a run cannot be resumed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PastError {
    /// The journal cannot be read.
    Journal(Error),
    /// The manager of this version decides otherwise: the journal is of another version. Where its frame begins.
    Diverges {
        /// The offset in bytes.
        offset: usize,
    },
}

impl fmt::Display for PastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PastError::Journal(error) => error.fmt(f),
            PastError::Diverges { offset } => write!(
                f,
                "at byte {offset} this version decides otherwise than the one that wrote it"
            ),
        }
    }
}

impl std::error::Error for PastError {}

impl From<Error> for PastError {
    fn from(error: Error) -> Self {
        PastError::Journal(error)
    }
}

impl Past {
    /// Reads a journal to the end of its last whole frame: what follows was being written when the run was cut off. `note` is
    /// given each note, in order. The manager is that of the last snapshot, with all events after it.
    ///
    /// # Errors
    /// It is no sound journal, or one of another version.
    pub fn read(bytes: &[u8], mut note: impl FnMut(&Note<'_>)) -> Result<Past, PastError> {
        let mut reader = Reader::new(bytes)?;
        let snapshot = Index::new(bytes)?.before_event(u64::MAX);
        let mut past = Past {
            manager: match &snapshot {
                Some(snapshot) => snapshot.thaw()?,
                None => Manager::new(reader.header().config.clone()).map_err(Error::Config)?,
            },
            header: reader.header().clone(),
            events: 0,
            time: Instant::ZERO,
            length: 0,
            epoch: 2,
            tokens: BTreeMap::new(),
            next_id: 0,
            joined: 0,
            ever_up: false,
        };
        // The manager is as it was after this many events.
        let known = snapshot.map_or(0, |snapshot| snapshot.events);
        let mut actions = Vec::new();
        for frame in reader.by_ref() {
            let frame = match frame {
                Ok(frame) => frame,
                Err(Error::Cut { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            match frame.body {
                Body::Event(recorded) => {
                    past.see(&recorded.event);
                    past.time = recorded.time;
                    if recorded.number > known {
                        let manager = &mut past.manager;
                        manager.handle_into(recorded.event, recorded.time, &mut actions);
                        if hash(&actions) != recorded.hash {
                            let offset = frame.offset;
                            return Err(PastError::Diverges { offset });
                        }
                        actions.clear();
                    }
                }
                Body::Snapshot(snapshot) => past.time = snapshot.time,
                Body::Note(remark) => {
                    past.remember(&remark);
                    note(&remark);
                }
                _ => {}
            }
        }
        past.events = reader.events();
        past.length = reader.offset() as u64;
        Ok(past)
    }

    fn see(&mut self, event: &Event) {
        let id = match event {
            Event::Submit { request, .. } => request.0,
            Event::Once { waiter, .. } => waiter.0,
            Event::Join { machine, .. } => {
                self.ever_up = true;
                // A cluster numbers them in a row.
                let number = machine.0 - MachineId::joined(0).0.min(machine.0);
                self.joined = self.joined.max(number.saturating_add(1));
                return;
            }
            Event::Up { .. } => {
                self.ever_up = true;
                return;
            }
            _ => return,
        };
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    fn remember(&mut self, note: &Note<'_>) {
        match note.topic {
            "session" => drop(self.tokens.insert(note.machine, note.text.to_owned())),
            "ended" => drop(self.tokens.remove(&note.machine)),
            "epoch" => {
                let epoch = note.text.parse().unwrap_or(0_u64);
                self.epoch = self.epoch.max(epoch.saturating_add(1));
            }
            _ => {}
        }
    }

    /// What stands at the beginning of the journal: config and labels.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The manager as it stood when the run was cut off.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// The length of the journal in bytes, without what was being written when the run was cut off.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The number of the run that goes on: 2 after the first was cut off.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The time of the last event.
    pub fn time(&self) -> Instant {
        self.time.max(self.manager.now())
    }

    /// Whether the run was ended in good order: its cluster was shut down, and cannot be resumed.
    pub fn is_over(&self) -> bool {
        self.manager.is_shut_down()
    }

    /// The machines that had ended, and that the system may not be through with, with what [`System::token`](crate::System::token)
    /// said of each: those without a note of topic `ended`.
    pub fn ended(&self) -> impl Iterator<Item = (MachineId, &str)> {
        let tokens = self.tokens.iter();
        tokens
            .filter(|&(&id, _)| self.manager.machine(id).is_none())
            .map(|(&id, token)| (id, token.as_str()))
    }

    /// What appends to the journal.
    pub(crate) fn writer(&self) -> Writer {
        Writer::resume(self.events, self.time)
    }
}
