//! The driver's end of a worker's connection, whatever carries its bytes: the frames to write, the tasks that wait for an
//! answer, and the events of each call. Nothing here does I/O.

mod events;
mod link;

pub(crate) use link::Link;
