//! Jobs made of a command and arguments: of one source, of all combinations of several, of linked ones.
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use remuda_cli::jobs::{Command, Extra, Job};
use remuda_cli::template::{Template, columns};

use crate::args::Values;

/// A job for each combination, the last source's values changing fastest.
pub(crate) struct Arguments {
    template: Template,
    separator: Option<Vec<u8>>,
    first: First,
    /// The groups behind the first, each as rows of values.
    others: Vec<Vec<Row>>,
    /// The row of the first group, and where each other group stands.
    current: Option<(Row, Vec<usize>)>,
    number: usize,
}

/// The values of a group of linked sources that belong together.
type Row = Vec<Vec<u8>>;

/// The first group: a file on its own is read as it goes.
enum First {
    Rows(std::vec::IntoIter<Row>),
    Lines(BufReader<Box<dyn Read + Send>>, u8, String),
}

impl Arguments {
    /// Opens and reads all sources but the first, if that is a file on its own.
    ///
    /// # Errors
    /// One line that names the file that cannot be read.
    pub(crate) fn new(
        command: &[u8],
        groups: Vec<Vec<Values>>,
        separator: Option<Vec<u8>>,
        nul: bool,
    ) -> Result<(Arguments, Option<usize>), String> {
        let end = if nul { 0 } else { b'\n' };
        let mut groups = groups.into_iter();
        let first = match groups.next().unwrap_or_default().as_slice() {
            [Values::File(path)] => {
                let name = path.display().to_string();
                let file = open(path).map_err(|error| format!("{name}: {error}"))?;
                First::Lines(BufReader::with_capacity(1 << 16, file), end, name)
            }
            group => First::Rows(rows(group, end)?.into_iter()),
        };
        let others = groups
            .map(|group| rows(&group, end))
            .collect::<Result<Vec<_>, _>>()?;
        let known = match &first {
            First::Rows(rows) => Some(rows.len()),
            First::Lines(..) => None,
        };
        let total = known.and_then(|first| {
            let mut lengths = others.iter().map(Vec::len);
            lengths.try_fold(first, usize::checked_mul)
        });
        let arguments = Arguments {
            template: Template::new(command),
            separator,
            first,
            others,
            current: None,
            number: 0,
        };
        Ok((arguments, total))
    }

    /// Whether the next job may be long in coming: a line must be read that is not there yet.
    pub(super) fn waits(&self) -> bool {
        let first_is_over = self.current.as_ref().is_none_or(|(_, at)| {
            let mut others = at.iter().zip(&self.others);
            others.all(|(&at, rows)| at + 1 == rows.len())
        });
        match &self.first {
            First::Rows(_) => false,
            First::Lines(from, end, _) => first_is_over && !from.buffer().contains(end),
        }
    }

    /// The next combination.
    fn step(&mut self) -> Result<bool, String> {
        if let Some((_, at)) = &mut self.current {
            for (position, rows) in at.iter_mut().zip(&self.others).rev() {
                *position += 1;
                if *position < rows.len() {
                    return Ok(true);
                }
                *position = 0;
            }
        }
        let empty = self.others.iter().any(Vec::is_empty);
        let row = if empty { None } else { self.first.next()? };
        self.current = row.map(|row| (row, vec![0; self.others.len()]));
        Ok(self.current.is_some())
    }

    fn job(&mut self) -> Option<Result<Job, String>> {
        match self.step() {
            Err(error) => return Some(Err(error)),
            Ok(false) => return None,
            Ok(true) => {}
        }
        self.number += 1;
        let (first, at) = self.current.as_ref()?;
        let others = at.iter().zip(&self.others).map(|(&at, rows)| &rows[at]);
        let values = std::iter::once(first).chain(others).flatten();
        let mut arguments: Vec<&[u8]> = Vec::new();
        for value in values {
            match &self.separator {
                Some(separator) => arguments.extend(columns(value, separator)),
                None => arguments.push(value),
            }
        }
        let line = self.template.fill(self.number, &arguments);
        let tag = String::from_utf8_lossy(&arguments.join(&b' ')).into_owned();
        let wrong =
            |why: &dyn std::fmt::Display| Some(Err(format!("argument {}: {why}", self.number)));
        // Quoting has left it out, so that it would pass unseen.
        if arguments.iter().any(|argument| argument.contains(&0)) {
            return wrong(&"it has a NUL character in it (see --null)");
        }
        match Job::new(self.number, Command::Shell(OsString::from_vec(line))) {
            Err(error) => wrong(&error.problem),
            Ok(job) => {
                let extra = Extra {
                    tag: Some(tag),
                    ..Extra::default()
                };
                Some(Ok(Job {
                    extra: Some(Box::new(extra)),
                    ..job
                }))
            }
        }
    }
}

impl Iterator for Arguments {
    type Item = Result<Job, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.job()
    }
}

impl First {
    fn next(&mut self) -> Result<Option<Row>, String> {
        match self {
            First::Rows(rows) => Ok(rows.next()),
            First::Lines(from, end, name) => {
                let line = line(from, *end).map_err(|error| format!("{name}: {error}"))?;
                Ok(line.map(|line| vec![line]))
            }
        }
    }
}

/// The rows of a group: its first values, its second ones, and so on. Where a source has fewer, it begins anew.
fn rows(group: &[Values], end: u8) -> Result<Vec<Row>, String> {
    let mut sources = Vec::new();
    for from in group {
        sources.push(match from {
            Values::Words(words) => words.iter().map(|word| word.as_bytes().to_vec()).collect(),
            Values::File(path) => {
                all(path, end).map_err(|error| format!("{}: {error}", path.display()))?
            }
        });
    }
    let most = sources.iter().map(Vec::len).max().unwrap_or(0);
    if sources.iter().any(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let row = |at: usize| {
        sources
            .iter()
            .map(move |source: &Vec<Vec<u8>>| source[at % source.len()].clone())
    };
    Ok((0..most).map(|at| row(at).collect()).collect())
}

fn all(path: &Path, end: u8) -> io::Result<Vec<Vec<u8>>> {
    let mut from = BufReader::new(open(path)?);
    let mut values = Vec::new();
    while let Some(value) = line(&mut from, end)? {
        values.push(value);
    }
    Ok(values)
}

fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(path)?))
}

fn line(from: &mut dyn BufRead, end: u8) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if from.read_until(end, &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&end) {
        line.pop();
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &str) -> Values {
        Values::Words(words.split(' ').map(OsString::from).collect())
    }

    fn lines(command: &str, groups: Vec<Vec<Values>>, separator: Option<&str>) -> Vec<String> {
        let separator = separator.map(|text| text.as_bytes().to_vec());
        let (arguments, total) =
            Arguments::new(command.as_bytes(), groups, separator, false).unwrap();
        let lines: Vec<String> = arguments
            .map(|job| job.unwrap().command.line().into_string().unwrap())
            .collect();
        assert!(total.is_none_or(|total| total == lines.len()));
        lines
    }

    #[test]
    fn sources_are_combined_the_last_one_fastest() {
        assert_eq!(lines("x", vec![vec![words("a b")]], None), ["x a", "x b"]);
        assert_eq!(
            lines(
                "x {2}{1}",
                vec![vec![words("a b")], vec![words("1 2 3")]],
                None
            ),
            ["x 1a", "x 2a", "x 3a", "x 1b", "x 2b", "x 3b"]
        );
        assert_eq!(
            lines(
                "x",
                vec![vec![words("a b c"), words("1 2")], vec![words("z")]],
                None
            ),
            ["x a 1 z", "x b 2 z", "x c 1 z"]
        );
        assert_eq!(
            lines("x {2} {1}", vec![vec![words("a,b c")]], Some(",")),
            ["x b a", "x  c"]
        );
        let none = Values::Words(Vec::new());
        assert_eq!(
            lines("x", vec![vec![words("a")], vec![none]], None),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_is_read_by_lines_and_the_first_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("values");
        std::fs::write(&path, "a b\n\nc").unwrap();
        let file = || vec![Values::File(path.clone())];
        assert_eq!(lines("x", vec![file()], None), ["x 'a b'", "x ''", "x c"]);
        assert_eq!(
            lines("x", vec![vec![words("1")], file()], None),
            ["x 1 'a b'", "x 1 ''", "x 1 c"]
        );
        let missing = vec![vec![Values::File(dir.path().join("none"))]];
        let Err(error) = Arguments::new(b"x", missing, None, false) else {
            panic!("there is no such file");
        };
        assert!(
            error.ends_with("none: No such file or directory (os error 2)"),
            "{error}"
        );
    }

    #[test]
    fn a_job_of_arguments_goes_by_its_number_and_is_tagged_with_them() {
        let (mut arguments, _) = Arguments::new(
            b"x",
            vec![vec![words("a b")], vec![words("c")]],
            None,
            false,
        )
        .unwrap();
        arguments.next();
        let job = arguments.next().unwrap().unwrap();
        assert_eq!((job.name().as_ref(), job.tag().as_ref()), ("2", "b c"));
    }
}
