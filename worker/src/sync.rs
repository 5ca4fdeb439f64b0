//! Helpers for threads: a lock that ignores poisoning, and a wake-up that poll(2) can wait for.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, and ignores poisoning: the data under the worker's locks is valid after every statement, so a panic cannot break it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a thread that sleeps in poll(2). (A pipe and not an eventfd, which only Linux has.)
#[derive(Debug)]
pub(crate) struct Wake {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Wake> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Wake { reader, writer })
    }

    /// Makes the descriptor readable. Never blocks: a full pipe wakes as well as one byte does.
    pub(crate) fn signal(&self) {
        let _ = (&self.writer).write(&[1]);
    }

    /// Makes it unreadable again.
    pub(crate) fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.reader).read(&mut bytes), Ok(read) if read == bytes.len()) {}
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
