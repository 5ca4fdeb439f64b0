//! Copies the core's source into one file of the output folder, each planted bug beside the lines it replaces, so that
//! the copy decides while it runs which of the two it does.

#[allow(dead_code, unreachable_pub)] // Some of it is for the library alone.
#[path = "src/flaws/mod.rs"]
mod flaws;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The core, from this package.
const CORE: &str = "../../core";

/// Modules of the core that no manager needs.
const LEFT_OUT: [&str; 1] = ["journal"];

/// The style of a copy is the original's.
const LINTS: &str = "#[allow(warnings, clippy::all)]";

/// One file's part of a flaw.
struct Change {
    at: Range<usize>,
    number: usize,
    wrong: &'static str,
}

/// The copy as far as it is made.
struct Copy {
    folder: PathBuf,
    /// The edits by file, with the number of their flaw; those of a file that was copied are gone.
    edits: BTreeMap<&'static str, Vec<(usize, &'static flaws::Flaw, &'static flaws::Edit)>>,
    errors: Vec<String>,
}

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join(CORE)
        .join("src");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=src/flaws");
    println!(
        "cargo::rustc-check-cfg=cfg(feature, values(\"serde\", \"journal\", \"check-shortcut\"))"
    );
    // Events and actions cross the border between original and copy as bytes.
    println!("cargo::rustc-cfg=feature=\"serde\"");
    let mut copy = Copy {
        folder,
        edits: BTreeMap::new(),
        errors: Vec::new(),
    };
    for (number, flaw) in (1..).zip(flaws::all()) {
        for edit in flaw.edits {
            copy.edits
                .entry(edit.file)
                .or_default()
                .push((number, flaw, edit));
        }
    }
    let text = copy.file("lib.rs", "");
    for (file, edits) in std::mem::take(&mut copy.edits) {
        for (_, flaw, _) in edits {
            copy.errors
                .push(format!("no such file of the core: {file} ({})", flaw.what));
        }
    }
    for error in &copy.errors {
        println!("cargo::error={error}");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("core.rs"), text).expect("the output folder can be written to");
}

impl Copy {
    /// A file of the core with its flaws and the modules below it, which are in `below`.
    fn file(&mut self, file: &str, below: &str) -> String {
        let path = self.folder.join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // The original's own tests stand last in a file.
        let text = text.split("#[cfg(test)]").next().unwrap_or(&text);
        let text = self.with_flaws(file, text);
        let mut copy = String::new();
        let is_root = below.is_empty();
        let mut in_attribute = false;
        for line in text.lines() {
            // The root is included, and has neither attributes nor documentation of its own.
            if is_root && (in_attribute || line.starts_with("#![") || line.starts_with("//!")) {
                in_attribute = !line.starts_with("//!") && !line.ends_with(")]");
                in_attribute &= !line.ends_with(']');
                continue;
            }
            let module = line
                .split("mod ")
                .nth(1)
                .and_then(|rest| rest.strip_suffix(';'));
            let Some(module) = module.filter(|_| !line.starts_with([' ', '/'])) else {
                copy += line;
                copy.push('\n');
                continue;
            };
            let head = line.trim_end_matches(';');
            let lints = if is_root { LINTS } else { "" };
            let text = match LEFT_OUT.contains(&module) && is_root {
                true => String::new(),
                false => self.module(&format!("{below}{module}")),
            };
            write!(copy, "{lints}\n{head} {{\n{text}}}\n").expect("strings take all");
        }
        copy
    }

    /// A module, which is a file or a folder.
    fn module(&mut self, path: &str) -> String {
        let in_folder = format!("{path}/mod.rs");
        let file = match self.folder.join(&in_folder).exists() {
            true => in_folder,
            false => format!("{path}.rs"),
        };
        self.file(&file, &format!("{path}/"))
    }

    /// A file's text with the bugs that belong into it.
    fn with_flaws(&mut self, file: &str, text: &str) -> String {
        let mut changes = Vec::new();
        for (number, flaw, edit) in self.edits.remove(file).unwrap_or_default() {
            match find(text, edit.right) {
                Ok(at) => changes.push(Change {
                    at,
                    number,
                    wrong: edit.wrong,
                }),
                Err(times) => self.errors.push(format!(
                    "these lines must be in core file {file} once, and are there {times} times: `{}` ({})",
                    edit.right, flaw.what
                )),
            }
        }
        changes.sort_by_key(|change| (change.at.start, change.at.end));
        let (mut done, mut result) = (0, String::new());
        let mut changes = &changes[..];
        while let Some(first) = changes.first() {
            // Those that overlap are decided at one place.
            let (mut at, mut count) = (first.at.clone(), 1);
            while let Some(next) = changes.get(count).filter(|next| next.at.start < at.end) {
                at.end = at.end.max(next.at.end);
                count += 1;
            }
            let (these, rest) = changes.split_at(count);
            result.push_str(&text[done..at.start]);
            result.push_str(&choice(these, text, &at));
            (done, changes) = (at.end, rest);
        }
        result + &text[done..]
    }
}

/// Where these words stand, or what is between the marks « and » in them; if not once, how often. White space and
/// comments do not count.
fn find(text: &str, right: &str) -> Result<Range<usize>, usize> {
    let black = |text: &str| -> Vec<(usize, char)> {
        let mut at = 0;
        let mut all = Vec::new();
        for line in text.split_inclusive('\n') {
            let code = line.split("//").next().unwrap_or(line);
            let black = code.char_indices().filter(|(_, c)| !c.is_whitespace());
            all.extend(black.map(|(n, c)| (at + n, c)));
            at += line.len();
        }
        all
    };
    let marked: Vec<char> = black(right).into_iter().map(|(_, c)| c).collect();
    let begin = marked.iter().position(|c| *c == '«').unwrap_or(0);
    let wanted: Vec<char> = marked
        .iter()
        .copied()
        .filter(|c| !['«', '»'].contains(c))
        .collect();
    let end = marked
        .iter()
        .position(|c| *c == '»')
        .map_or(wanted.len(), |at| at - 1);
    let there = black(text);
    let same = |at: &usize| {
        let window = there[*at..].iter().map(|(_, c)| c);
        window.take(wanted.len()).eq(wanted.iter())
    };
    let found: Vec<usize> = (0..there.len()).filter(same).collect();
    match found[..] {
        [at] => {
            let (last, c) = there[at + end - 1];
            Ok(there[at + begin].0..last + c.len_utf8())
        }
        _ => Err(found.len()),
    }
}

/// `if …` between what is right and the bugs at this place; in parentheses where it is part of an expression.
fn choice(changes: &[Change], text: &str, at: &Range<usize>) -> String {
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    // From the end, so that the earlier places stay where they are.
    for change in changes.iter().rev() {
        let text = wrong
            .entry(change.number)
            .or_insert_with(|| text[at.clone()].to_owned());
        text.replace_range(
            change.at.start - at.start..change.at.end - at.start,
            change.wrong,
        );
    }
    let mut choice = String::new();
    for (number, wrong) in wrong {
        write!(choice, "if crate::planted({number}) {{ {wrong} }} else ")
            .expect("strings take all");
    }
    let right = &text[at.clone()];
    write!(choice, "{{ {right} }}").expect("strings take all");
    if right.ends_with([';', '}']) {
        choice
    } else {
        format!("({choice})")
    }
}
