//! What requests are for, where the journal has notes of it.
use remuda::RequestId;
use remuda::journal::Note;
use remuda_tokio::{Keep, harmless};

use crate::values;

/// The most characters of a name that are shown.
const LONGEST: usize = 100;

/// The request that a note names, and its name, fit to be shown; none if the note is of something else.
pub(crate) fn named(note: &Note<'_>) -> Option<(RequestId, String)> {
    if note.topic != "job" {
        return None;
    }
    let (id, name) = note.text.split_once(' ')?;
    let id = values::id(id, 'r').ok()?;
    Some((RequestId(id), shown(name)))
}

/// A name as it is shown: in one line, not too long.
pub(crate) fn shown(name: &str) -> String {
    harmless(name, Keep::Start(LONGEST))
}
