//! What is still to happen, in the order of time.

use std::collections::BTreeMap;

use remuda::Instant;

/// Things to come. Those of one instant come by their rank, then in the order in which they were
/// added.
///
/// ```
/// use remuda::Instant;
/// use remuda_sim::quality::Agenda;
///
/// let mut agenda = Agenda::new();
/// agenda.add(Instant::from_secs(2), 1, "submit");
/// agenda.add(Instant::from_secs(2), 0, "done");
/// agenda.add(Instant::from_secs(1), 1, "up");
/// assert_eq!(agenda.next(), Some(Instant::from_secs(1)));
/// let order: Vec<_> = std::iter::from_fn(|| agenda.pop()).map(|(_, what)| what).collect();
/// assert_eq!(order, ["up", "done", "submit"]);
/// ```
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    entries: BTreeMap<(Instant, u8, u64), T>,
    added: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Agenda<T> {
        Agenda::new()
    }
}

impl<T> Agenda<T> {
    /// Nothing is to come.
    pub const fn new() -> Agenda<T> {
        Agenda {
            entries: BTreeMap::new(),
            added: 0,
        }
    }

    /// One thing more.
    pub fn add(&mut self, at: Instant, rank: u8, what: T) {
        self.entries.insert((at, rank, self.added), what);
        self.added += 1;
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, ..), _)| *at)
    }

    /// Takes the next thing.
    pub fn pop(&mut self) -> Option<(Instant, T)> {
        let ((at, ..), what) = self.entries.pop_first()?;
        Some((at, what))
    }

    /// How many things are to come.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
