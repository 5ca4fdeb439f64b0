//! What is wrong with a job file.
use core::fmt;

use crate::memory::MemoryMib;

/// Why a job file was refused: the first line that is wrong, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// The line, from 1 up.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line of a job file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A byte that is not UTF-8: its place in the line, from 1 up, and its value.
    NotUtf8 {
        /// Place in the line, from 1 up.
        byte: usize,
        /// The byte.
        value: u8,
    },
    /// Not the JSON object that was expected.
    Json {
        /// Place in the line, from 1 up; 0 where the parser knows none.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A NUL in a command: no operating system could pass it on.
    Nul,
    /// A command without a program.
    EmptyCommand,
    /// A name that is empty or has a control character in it.
    BadName,
    /// No procs at all.
    NoProcs,
    /// More procs than a machine has.
    Procs {
        /// What the line asks for.
        asked: u32,
        /// What a machine has.
        limit: u32,
    },
    /// More memory than a machine has.
    Memory {
        /// What the line asks for.
        asked: MemoryMib,
        /// What a machine has.
        limit: MemoryMib,
    },
    /// More GPUs than a machine has.
    Gpus {
        /// What the line asks for.
        asked: u32,
        /// What a machine has.
        limit: u32,
    },
    /// Some machine has enough of each amount, and none of all at once.
    Together,
    /// No kind of machine is called so.
    Kind {
        /// What the line asks for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Both a whole machine and an amount of it were asked for: the name of that amount.
    PartAndMachine(&'static str),
    /// A list, say, where an object was expected.
    NoObject,
    /// A field that has a value it cannot have.
    Field {
        /// Its name.
        name: &'static str,
        /// What would be right.
        reason: String,
    },
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotUtf8 { byte, value } => {
                write!(f, "byte {byte} of the line is not UTF-8 (0x{value:02x})")
            }
            Problem::Json { column: 0, reason } => write!(f, "bad JSON: {reason}"),
            Problem::Json { column, reason } => write!(f, "bad JSON at column {column}: {reason}"),
            Problem::Nul => f.write_str("a NUL character in the command"),
            Problem::EmptyCommand => f.write_str("the command is empty"),
            Problem::BadName => f.write_str("the name is empty or has a control character in it"),
            Problem::NoProcs => f.write_str("procs 0: a job takes at least 1"),
            Problem::Procs { asked, limit } => more(f, "procs", asked, limit),
            Problem::Memory { asked, limit } => more(f, "memory", asked, limit),
            Problem::Gpus { asked, limit } => more(f, "gpus", asked, limit),
            Problem::Together => {
                f.write_str("no kind of machine has so much of all that it asks for at once")
            }
            Problem::Kind { asked, known } if known.is_empty() => write!(
                f,
                "kind {asked:?}: the kinds of machine have no names here (see --host and --cluster)"
            ),
            Problem::Kind { asked, known } => write!(
                f,
                "kind {asked:?}: none is called so (there are: {})",
                known.join(", ")
            ),
            Problem::NoObject => f.write_str(
                "a list where an object was expected, such as {\"cmd\": [\"cp\", \"a\", \"b\"]}",
            ),
            Problem::Field { name, reason } => write!(f, "{name}: {reason}"),
            Problem::PartAndMachine(part) => {
                write!(f, "{part} and \"machine\": true exclude each other")
            }
        }
    }
}

fn more(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    asked: &dyn fmt::Display,
    limit: &dyn fmt::Display,
) -> fmt::Result {
    write!(
        f,
        "{what} {asked} is more than a machine has (limit {limit})"
    )
}

impl core::error::Error for JobError {}
