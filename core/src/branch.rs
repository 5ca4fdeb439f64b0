//! What the compiler cannot know of the ways through the code.

use core::hint::cold_path;

/// A condition that most often holds: what is done then is laid out in a row, and what is not is out of the way.
#[inline(always)]
pub(crate) fn likely(holds: bool) -> bool {
    if !holds {
        cold_path();
    }
    holds
}
