//! Copies the core's source into one file of the output folder, each planted bug beside the lines it replaces, so that
//! the copy decides while it runs which of the two it does.

#[allow(dead_code, unreachable_pub)] // Some of it is for the library alone.
#[path = "src/flaws/mod.rs"]
mod flaws;

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The copy speaks the original's language: these rooms are not copied.
const VOCABULARY: [(&str, &str); 6] = [
    ("action", "Action, Loss, Notice, Recovery"),
    ("config", "Config, ConfigError"),
    ("event", "Demand, Event, OnceOutcome, Outcome"),
    ("id", "MachineId, OnceKey, RequestId, TaskId, WaiterId"),
    ("reject", "Reject"),
    ("time", "Instant"),
];

/// Written for the original alone.
const LEFT_OUT: [&str; 1] = ["snapshot"];

/// Nobody looks at all of a copy, and its style is the original's.
const LINTS: &str = "#[allow(warnings, clippy::all)]";

/// The planted bug of this number in place of what is right.
struct Change {
    at: Range<usize>,
    number: usize,
    wrong: &'static str,
}

fn main() {
    let core =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../core/src");
    println!("cargo::rerun-if-changed={}", core.display());
    println!("cargo::rerun-if-changed=src/flaws");
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"serde\"))");
    let (mut copy, mut missing) = (String::new(), Vec::new());
    for room in rooms(&core) {
        let words = VOCABULARY.iter().find(|(name, _)| *name == room);
        let text = match words {
            Some((_, words)) => format!("pub(crate) use remuda::{{{words}}};\n"),
            None => with_flaws(&room, &read(core.join(format!("{room}.rs"))), &mut missing),
        };
        write!(copy, "{LINTS}\nmod {room} {{\n{text}}}\n").expect("strings take all");
    }
    writeln!(copy, "const MISSING: &[&str] = &{missing:?};").expect("strings take all");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("core.rs"), copy).expect("the output folder can be written to");
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The modules of the core.
fn rooms(core: &Path) -> Vec<String> {
    let front = read(core.join("lib.rs"));
    let rooms = front
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    rooms
        .filter(|room| !LEFT_OUT.contains(room))
        .map(str::to_owned)
        .collect()
}

/// A file of the core with the bugs that belong into it; notes those whose lines are not there.
fn with_flaws(room: &str, text: &str, missing: &mut Vec<String>) -> String {
    // The original's own tests stand last in a file.
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    // An enum of another crate may get more variants, says the compiler; this one is the last of all.
    let text = text.replace("Event::Shutdown => {", "_ => {");
    let mut changes = Vec::new();
    for (number, flaw) in (1..).zip(flaws::all()) {
        for edit in flaw.edits {
            let Some(function) = edit
                .place
                .strip_prefix(room)
                .and_then(|rest| rest.strip_prefix(' '))
            else {
                continue;
            };
            match find(&text, function, edit.right) {
                Some(at) => changes.push(Change {
                    at,
                    number,
                    wrong: edit.wrong,
                }),
                None => missing.push(format!(
                    "{}: not once in {}: {}",
                    flaw.what, edit.place, edit.right
                )),
            }
        }
    }
    changes.sort_by_key(|change| (change.at.start, change.at.end));
    let (mut done, mut result) = (0, String::new());
    for same in changes.chunk_by(|a, b| a.at == b.at) {
        let at = same[0].at.clone();
        if at.start < done {
            missing.push(format!("two bugs overlap in {room}: {}", &text[at]));
            continue;
        }
        result.push_str(&text[done..at.start]);
        result.push_str(&choice(same, &text[at.clone()]));
        done = at.end;
    }
    result + &text[done..]
}

/// Where these words stand in the function, if they do once; white space does not count.
fn find(text: &str, function: &str, right: &str) -> Option<Range<usize>> {
    let head = format!("fn {function}(");
    let from = text.find(&head)?;
    let rest = &text[from + head.len()..];
    let to = rest
        .find("fn ")
        .map_or(text.len(), |at| from + head.len() + at);
    let black = |text: &str| {
        text.char_indices()
            .filter(|(_, c)| !c.is_whitespace())
            .collect::<Vec<_>>()
    };
    let (there, wanted) = (black(&text[from..to]), black(right));
    let same = |window: &&[(usize, char)]| {
        window
            .iter()
            .map(|(_, c)| c)
            .eq(wanted.iter().map(|(_, c)| c))
    };
    let mut found = there.windows(wanted.len()).filter(same);
    let window = found.next().filter(|_| found.next().is_none())?;
    Some(
        from + window[0].0
            ..from + window[wanted.len() - 1].0 + window[wanted.len() - 1].1.len_utf8(),
    )
}

/// `if …` between what is right and the bugs at this place; in parentheses where it is part of an expression.
fn choice(changes: &[Change], right: &str) -> String {
    let mut choice = String::new();
    for change in changes {
        write!(
            choice,
            "if crate::planted({}) {{ {} }} else ",
            change.number, change.wrong
        )
        .expect("strings take all");
    }
    write!(choice, "{{ {right} }}").expect("strings take all");
    if right.ends_with([';', '}']) {
        choice
    } else {
        format!("({choice})")
    }
}
