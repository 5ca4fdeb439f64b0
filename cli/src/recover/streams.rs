//! How far standard output and standard error were written, where they are files.
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// A file, and how long it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    device: u64,
    inode: u64,
    length: u64,
}

/// Standard output and standard error; none is no file.
pub(crate) type Marks = [Option<Mark>; 2];

/// Where both stand now.
pub(crate) fn now() -> Marks {
    [Mark::of(io::stdout()), Mark::of(io::stderr())]
}

impl Mark {
    fn of(stream: impl AsFd) -> Option<Mark> {
        let file = stream.as_fd().try_clone_to_owned().map(File::from);
        let found = file.and_then(|file| file.metadata()).ok()?;
        found.is_file().then(|| Mark {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
        })
    }

    /// Cuts what was written to a stream since, if it is the same file; how many bytes that was.
    fn cut(self, stream: impl AsFd) -> io::Result<Option<u64>> {
        let Some(is) = Mark::of(&stream) else {
            return Ok(None);
        };
        if (is.device, is.inode) != (self.device, self.inode) {
            return Ok(None);
        }
        if is.length > self.length {
            let file = File::from(stream.as_fd().try_clone_to_owned()?);
            file.set_len(self.length)?;
        }
        Ok(Some(is.length.saturating_sub(self.length)))
    }

    pub(crate) fn parse(text: &str) -> Option<Mark> {
        let mut parts = text.split(':').map(|part| part.parse().ok());
        Some(Mark {
            device: parts.next()??,
            inode: parts.next()??,
            length: parts.next()??,
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.device, self.inode, self.length)
    }
}

/// Takes back what a job has printed since these marks; what to tell the user of it.
pub(crate) fn take_back(job: &str, marks: Marks) -> Vec<String> {
    let [out, err] = marks;
    let cut = |mark: Option<Mark>, stream: std::os::fd::BorrowedFd<'_>| {
        mark.map_or(Ok(None), |mark| mark.cut(stream))
    };
    let mut told = Vec::new();
    let mut unsure = false;
    for (cut, name) in [
        (cut(out, io::stdout().as_fd()), "output"),
        (cut(err, io::stderr().as_fd()), "error"),
    ] {
        match cut {
            Ok(Some(0)) => {}
            Ok(Some(bytes)) => told.push(format!(
                "took back the last {bytes} bytes of the standard {name}: job {job} was being printed when the run was killed"
            )),
            Ok(None) => unsure = true,
            Err(error) => {
                told.push(format!("cannot take back from the standard {name}: {error}"));
                unsure = true;
            }
        }
    }
    if unsure {
        told.push(format!(
            "job {job} was being printed when the run was killed: what it printed then may be there twice"
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_written_since_is_cut_in_the_same_file_alone() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        let mark = Mark::of(&file).unwrap();
        assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        assert_eq!(mark.cut(&file).unwrap(), Some(0));
        file.write_all(b" and after").unwrap();
        let mut other = tempfile::tempfile().unwrap();
        other.write_all(b"quite another one").unwrap();
        assert_eq!(mark.cut(&other).unwrap(), None);
        assert_eq!(other.metadata().unwrap().len(), 17);
        assert_eq!(mark.cut(&file).unwrap(), Some(10));
        assert_eq!(file.metadata().unwrap().len(), 6);
        // It holds less than it did: nothing is made up.
        file.set_len(2).unwrap();
        assert_eq!(mark.cut(&file).unwrap(), Some(0));
        assert_eq!(file.metadata().unwrap().len(), 2);
        assert_eq!(Mark::of(io::pipe().unwrap().1), None);
    }
}
