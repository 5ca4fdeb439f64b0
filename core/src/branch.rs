//! What the compiler cannot know of the ways through the code.

#[cfg(not(no_cold_path))]
pub(crate) use core::hint::cold_path;

/// Says so where it is seldom that one gets here; not, to a compiler that knows no way to be told.
#[cfg(no_cold_path)]
#[inline(always)]
pub(crate) fn cold_path() {}

/// A condition that most often holds: what is done then is laid out in a row, and what is not is out of the way.
#[inline(always)]
pub(crate) fn likely(holds: bool) -> bool {
    if !holds {
        cold_path();
    }
    holds
}
