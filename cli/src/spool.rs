//! Where the output of jobs waits: unlinked temporary files, one for each attempt at a time.
//!
//! An attempt gets a file of its own with its first chunk, and its chunks lie there in the order they came, each behind
//! its stream and length. Output that is kept may wait long, for a slow terminal or its turn (`--keep-order`), so past
//! [`MOST_OPEN`] files the next attempt writes behind what waits already: however many outputs wait, open files stay few, and
//! nothing is ever copied. Space is given back as soon as an attempt is thrown away or its output is printed.
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use remuda_worker::wire::Stream;

use crate::text::without_path;

/// How many files to open before outputs that wait share them. Attempts that write at the same time never share.
const MOST_OPEN: usize = 32;

/// Length of what stands before each chunk: its stream (one byte), its length (four).
const HEAD: usize = 5;

/// How much is written to see whether anything can be: a block of any file system.
const TRIED: usize = 4096;

/// Most bytes to write at once when an output is printed.
const BLOCK: usize = 64 * 1024;

/// All files, and which of them are in use.
#[derive(Clone, Debug)]
pub(crate) struct Spools {
    pool: Arc<Mutex<Pool>>,
    dir: Arc<PathBuf>,
    most_open: usize,
}

/// The output of a running attempt. Dropped, it is thrown away.
#[derive(Debug)]
pub(crate) struct Spool {
    spools: Spools,
    place: Option<Place>,
}

/// The output of a job that is done. Dropped, its space is given back.
#[derive(Debug)]
pub(crate) struct Output {
    pool: Arc<Mutex<Pool>>,
    place: Place,
}

/// A stretch of a file.
#[derive(Debug)]
struct Place {
    slot: usize,
    file: Arc<File>,
    start: u64,
    end: u64,
}

/// The files by slot, with the slots that are not being written to in two heaps: those that hold nothing and those that hold output.
#[derive(Debug, Default)]
struct Pool {
    slots: Vec<Slot>,
    empty: Vec<usize>,
    partly: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    file: Arc<File>,
    /// Where the next attempt begins.
    end: u64,
    /// Outputs that wait in it.
    kept: usize,
    /// An attempt writes to it, or it is being emptied.
    busy: bool,
}

/// The directory for temporary files: TMPDIR, or /tmp if that says nothing.
pub(crate) fn directory() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(dir) if !dir.is_empty() => dir.into(),
        _ => "/tmp".into(),
    }
}

/// Whether output can be kept in a directory: a disk that is full or read-only is told before anything runs.
///
/// # Errors
/// One line that names the directory.
pub(crate) fn check(dir: &Path) -> Result<(), String> {
    let tried = tempfile::tempfile_in(dir).and_then(|file| file.write_all_at(&[0; TRIED], 0));
    tried.map_err(|error| {
        let (error, dir) = (without_path(&error), dir.display());
        format!("TMPDIR {dir}: output of jobs cannot be kept there: {error}")
    })
}

impl Spools {
    /// Spools in a directory.
    pub(crate) fn new(dir: &Path) -> Spools {
        Spools {
            pool: Arc::default(),
            dir: Arc::new(dir.to_owned()),
            most_open: MOST_OPEN,
        }
    }

    /// A spool for one attempt; costs nothing until something is written.
    pub(crate) fn attempt(&self) -> Spool {
        Spool {
            spools: self.clone(),
            place: None,
        }
    }

    /// A place in a file that is not being written to: an empty file, a new one, or the end of one with kept outputs.
    fn take(&self) -> io::Result<Place> {
        let mut pool = lock(&self.pool);
        if pool.empty.is_empty() && (pool.slots.len() < self.most_open || pool.partly.is_empty()) {
            match tempfile::tempfile_in(self.dir.as_path()) {
                Ok(file) => pool.add(file),
                // Out of descriptors, say: what is open still serves.
                Err(error) if pool.partly.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        let slot = pool
            .empty
            .pop()
            .or_else(|| pool.partly.pop())
            .expect("one was there or just added");
        let Slot {
            file, end, busy, ..
        } = &mut pool.slots[slot];
        *busy = true;
        Ok(Place {
            slot,
            file: Arc::clone(file),
            start: *end,
            end: *end,
        })
    }
}

impl Pool {
    fn add(&mut self, file: File) {
        self.empty.push(self.slots.len());
        self.slots.push(Slot {
            file: Arc::new(file),
            end: 0,
            kept: 0,
            busy: false,
        });
    }

    /// The writer of this slot is done: another attempt may take it.
    fn release(&mut self, slot: usize) {
        let Slot { busy, kept, .. } = &mut self.slots[slot];
        *busy = false;
        let heap = if *kept == 0 {
            &mut self.empty
        } else {
            &mut self.partly
        };
        heap.push(slot);
    }
}

impl Spool {
    /// Appends a chunk.
    ///
    /// # Errors
    /// Whatever the file system says; what was written so far is of no use then, and the spool is to be dropped.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let place = match &mut self.place {
            Some(place) => place,
            None => self.place.insert(self.spools.take()?),
        };
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut head = [0; HEAD];
        head[0] = u8::from(matches!(stream, Stream::Stderr));
        head[1..].copy_from_slice(&length.to_le_bytes());
        place.file.write_all_at(&head, place.end)?;
        place.file.write_all_at(bytes, place.end + HEAD as u64)?;
        place.end += HEAD as u64 + u64::from(length);
        Ok(())
    }

    /// Keeps the output for printing; none if there was none.
    pub(crate) fn finish(mut self) -> Option<Output> {
        let place = self.place.take()?;
        let mut pool = lock(&self.spools.pool);
        pool.slots[place.slot].end = place.end;
        pool.slots[place.slot].kept += 1;
        pool.release(place.slot);
        drop(pool);
        Some(Output {
            pool: Arc::clone(&self.spools.pool),
            place,
        })
    }

    /// Throws away what was written and gives its space back.
    pub(crate) fn discard(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        let mut pool = lock(&self.spools.pool);
        let slot = &mut pool.slots[place.slot];
        if slot.kept == 0 {
            slot.end = 0;
        }
        // Shortening a file of one's own cannot fail in a way that matters: the next attempt writes over the rest.
        let _ = place.file.set_len(slot.end);
        pool.release(place.slot);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.discard();
    }
}

impl Output {
    /// Writes the output to two streams, in the order it came.
    ///
    /// # Errors
    /// Of reading back (a disk fault), or of the stream written to; see [`Side`].
    pub(crate) fn copy(
        &self,
        write: &mut dyn FnMut(Stream, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let rest = Rest {
            file: &self.place.file,
            at: self.place.start,
            end: self.place.end,
        };
        let mut input = BufReader::with_capacity(BLOCK, rest);
        let mut block = Vec::new();
        let mut current = 0;
        loop {
            let mut head = [0; HEAD];
            match input.read_exact(&mut head) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                result => result?,
            }
            let [side, length @ ..] = head;
            let mut left = u32::from_le_bytes(length) as usize;
            // Small chunks of one stream are gathered: a program that prints line by line costs no write a line here.
            if side != current {
                flush(current, &mut block, write)?;
                current = side;
            }
            while left > 0 {
                let start = block.len();
                let take = left.min(BLOCK - start);
                block.resize(start + take, 0);
                input.read_exact(&mut block[start..])?;
                left -= take;
                if block.len() == BLOCK {
                    flush(current, &mut block, write)?;
                }
            }
        }
        flush(current, &mut block, write)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let slot = self.place.slot;
        let mut pool = lock(&self.pool);
        pool.slots[slot].kept -= 1;
        if pool.slots[slot].kept > 0 || pool.slots[slot].busy {
            drop(pool);
            punch(&self.place);
            return;
        }
        // Emptied without the lock: freeing a large file takes its time, and running jobs must not wait for it.
        pool.slots[slot].busy = true;
        pool.slots[slot].end = 0;
        pool.partly.retain(|&other| other != slot);
        drop(pool);
        let _ = self.place.file.set_len(0);
        lock(&self.pool).release(slot);
    }
}

/// The bytes of a stretch, from `at` to `end`; others read and write the same file meanwhile.
struct Rest<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn flush(
    side: u8,
    block: &mut Vec<u8>,
    write: &mut dyn FnMut(Stream, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    if !block.is_empty() {
        write(
            if side == 0 {
                Stream::Stdout
            } else {
                Stream::Stderr
            },
            block,
        )?;
        block.clear();
    }
    Ok(())
}

/// Gives back the space of a stretch between others. Where that is not supported it is given back with theirs.
fn punch(place: &Place) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(&place.file, flags, place.start, place.end - place.start);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = place;
}

/// A panic elsewhere leaves the pool as consistent as it was.
fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn spools() -> Spools {
        Spools::new(&std::env::temp_dir())
    }

    fn text(output: &Output) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let copied = output.copy(&mut |stream, bytes| {
            match stream {
                Stream::Stdout => out.extend_from_slice(bytes),
                Stream::Stderr => err.extend_from_slice(bytes),
            }
            Ok(())
        });
        copied.expect("both streams take it");
        (
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    fn kept(spools: &Spools, words: &str) -> Output {
        let mut spool = spools.attempt();
        spool.write(Stream::Stdout, words.as_bytes()).unwrap();
        spool.finish().expect("something was written")
    }

    #[test]
    fn what_was_written_comes_back_by_stream() {
        let spools = spools();
        assert!(spools.attempt().finish().is_none());
        let mut spool = spools.attempt();
        let long = "x".repeat(3 * BLOCK + 17);
        for (stream, part) in [
            (Stream::Stdout, "a\n"),
            (Stream::Stdout, "b"),
            (Stream::Stderr, "e"),
            (Stream::Stdout, &long),
        ] {
            spool.write(stream, part.as_bytes()).unwrap();
        }
        let output = spool.finish().unwrap();
        assert_eq!(text(&output), (format!("a\nb{long}"), "e".into()));
    }

    #[test]
    fn outputs_that_wait_hold_few_files_and_stay_apart() {
        let spools = spools();
        let outputs: Vec<_> = (0..2000)
            .map(|job| kept(&spools, &format!("job {job}\n")))
            .collect();
        assert_eq!(lock(&spools.pool).slots.len(), MOST_OPEN);
        for (job, output) in outputs.iter().enumerate() {
            assert_eq!(text(output).0, format!("job {job}\n"));
        }
        drop(outputs);
        let pool = lock(&spools.pool);
        assert_eq!((pool.empty.len(), pool.partly.len()), (MOST_OPEN, 0));
        assert!(
            pool.slots
                .iter()
                .all(|slot| slot.file.metadata().unwrap().len() == 0)
        );
    }

    #[test]
    fn attempts_that_run_at_the_same_time_never_share_a_file() {
        let spools = spools();
        let mut running: Vec<_> = (0..MOST_OPEN + 5).map(|_| spools.attempt()).collect();
        for round in 0..3 {
            for (job, spool) in running.iter_mut().enumerate() {
                spool
                    .write(Stream::Stdout, format!("{job}.{round} ").as_bytes())
                    .unwrap();
            }
        }
        for (job, spool) in running.into_iter().enumerate() {
            assert_eq!(
                text(&spool.finish().unwrap()).0,
                format!("{job}.0 {job}.1 {job}.2 ")
            );
        }
    }

    #[test]
    fn an_attempt_thrown_away_gives_its_space_back_and_leaves_the_others() {
        let spools = Spools {
            most_open: 1,
            ..spools()
        };
        let first = kept(&spools, "first");
        let mut lost = spools.attempt();
        lost.write(Stream::Stderr, &vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(lost.place.as_ref().unwrap().start, first.place.end);
        let size = || first.place.file.metadata().unwrap();
        assert!(size().len() > 1 << 20);
        drop(lost);
        assert_eq!(size().len(), first.place.end);

        let large = kept(&spools, &"y".repeat(1 << 20));
        let last = kept(&spools, "last");
        let before = size().blocks();
        drop(large);
        assert_eq!(
            (text(&first).0, text(&last).0),
            ("first".into(), "last".into())
        );
        if cfg!(target_os = "linux") {
            assert!(
                size().blocks() < before,
                "{} blocks before, {} after",
                before,
                size().blocks()
            );
        }
    }
}
