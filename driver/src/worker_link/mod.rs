//! The driver's end of a worker's connection, whatever carries its bytes: the frames to write, the tasks that wait for an
//! answer, and the events of each call. Nothing here does I/O.

mod events;
mod functions;
mod link;

pub(crate) use functions::compare_functions;
pub(crate) use link::{Link, call_number};
