//! Commands made of arguments, as GNU parallel makes them: `gzip -9 {}` and what may stand for `{}`.
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::jobs::quoted;

/// A command with places for arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    /// The arguments, or one of them: from 1 up, or from -1 down if counted from the end.
    Argument(Option<i64>, Change),
    /// The job's number, from 1 up.
    Number,
    /// The number of its slot, which is known only when it runs.
    Slot,
}

/// What is done to an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Whole,
    /// `.`: without its extension.
    Stem,
    /// `/`: without its directory.
    Base,
    /// `//`: its directory.
    Directory,
    /// `/.`: without directory and extension.
    BaseStem,
}

impl Template {
    /// Reads a command. Without any place (also for a number) it gets one for the arguments at its end; an empty command is its arguments, as they
    /// are.
    ///
    /// # Examples
    /// ```
    /// use remuda_cli::template::Template;
    /// let line = |command: &str, argument: &str| Template::new(command.as_bytes()).fill(1, &[argument.as_bytes()]);
    /// assert_eq!(line("gzip -9 {}", "a b.txt"), b"gzip -9 'a b.txt'");
    /// assert_eq!(line("convert {} {.}.png", "in/x.jpg"), b"convert in/x.jpg in/x.png");
    /// assert_eq!(line("echo", "$HOME"), b"echo '$HOME'");
    /// ```
    pub fn new(command: &[u8]) -> Template {
        let mut parts = Vec::new();
        let mut text = Vec::new();
        let mut rest = command;
        while let Some((&first, behind)) = rest.split_first() {
            let place = (first == b'{').then(|| place(rest)).flatten();
            if let Some((part, length)) = place {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(part);
                rest = &rest[length..];
            } else {
                text.push(first);
                rest = behind;
            }
        }
        let has_place = parts.iter().any(|part| !matches!(part, Part::Text(_)));
        if !has_place && !command.is_empty() {
            text.push(b' ');
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        if !has_place && !command.is_empty() {
            parts.push(Part::Argument(None, Change::Whole));
        }
        Template { parts }
    }

    /// The command for these arguments, which are quoted for the shell. `number` counts jobs from 1 up.
    pub fn fill(&self, number: usize, arguments: &[&[u8]]) -> Vec<u8> {
        if self.parts.is_empty() {
            return arguments.join(&b' ');
        }
        let mut line = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => line.extend_from_slice(text),
                Part::Number => line.extend_from_slice(number.to_string().as_bytes()),
                Part::Slot => line.extend_from_slice(b"$REMUDA_SLOT"),
                Part::Argument(None, change) => {
                    let all = arguments
                        .iter()
                        .map(|argument| quoted(&change.of(argument)));
                    line.extend(all.collect::<Vec<_>>().join(&b' '));
                }
                Part::Argument(Some(at), change) => {
                    let index = match usize::try_from(*at) {
                        Ok(from_front) => from_front.checked_sub(1),
                        Err(_) => usize::try_from(-at)
                            .ok()
                            .and_then(|back| arguments.len().checked_sub(back)),
                    };
                    // One that is not there is nothing, not even an empty word.
                    if let Some(argument) = index.and_then(|index| arguments.get(index)) {
                        line.extend(quoted(&change.of(argument)));
                    }
                }
            }
        }
        line
    }
}

/// The place at the beginning of a text that begins with a brace, and its length.
fn place(text: &[u8]) -> Option<(Part, usize)> {
    // None is longer.
    let end = text.iter().take(24).position(|&byte| byte == b'}')?;
    let inside = str::from_utf8(&text[1..end]).ok()?;
    let number = inside.find(|c: char| !c.is_ascii_digit() && c != '-');
    let (number, change) = inside.split_at(number.unwrap_or(inside.len()));
    let part = match (number, change) {
        ("", "#") => Part::Number,
        ("", "%") => Part::Slot,
        _ => {
            let at = match number {
                "" => None,
                number => Some(number.parse().ok().filter(|&at| at != 0)?),
            };
            let change = match change {
                "" => Change::Whole,
                "." => Change::Stem,
                "/" => Change::Base,
                "//" => Change::Directory,
                "/." => Change::BaseStem,
                _ => return None,
            };
            Part::Argument(at, change)
        }
    };
    Some((part, end + 1))
}

impl Change {
    fn of(self, argument: &[u8]) -> Vec<u8> {
        let base = |argument: &[u8]| match argument.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => argument[slash + 1..].to_vec(),
            None => argument.to_vec(),
        };
        let stem = |argument: &[u8]| {
            let dot = argument
                .iter()
                .rposition(|&byte| byte == b'.' || byte == b'/');
            match dot.filter(|&at| argument[at] == b'.' && at + 1 < argument.len()) {
                Some(dot) => argument[..dot].to_vec(),
                None => argument.to_vec(),
            }
        };
        match self {
            Change::Whole => argument.to_vec(),
            Change::Stem => stem(argument),
            Change::Base => base(argument),
            Change::BaseStem => stem(&base(argument)),
            Change::Directory => {
                let path = Path::new(std::ffi::OsStr::from_bytes(argument));
                match path.parent() {
                    Some(parent) if parent.as_os_str().is_empty() => b".".to_vec(),
                    Some(parent) => parent.as_os_str().as_bytes().to_vec(),
                    // The root, or nothing at all.
                    None if argument.starts_with(b"/") => b"/".to_vec(),
                    None => b".".to_vec(),
                }
            }
        }
    }
}

/// The columns of a line, by a separator.
pub fn columns<'a>(line: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut columns = Vec::new();
    let mut rest = line;
    while let Some(at) = rest
        .windows(separator.len().max(1))
        .position(|window| window == separator)
    {
        columns.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    columns.push(rest);
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(command: &str, arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|argument| argument.as_bytes())
            .collect();
        String::from_utf8(Template::new(command.as_bytes()).fill(7, &arguments)).unwrap()
    }

    #[test]
    fn places_stand_for_arguments_and_parts_of_them() {
        let path = "dir/sub/file.tar.gz";
        for (command, expected) in [
            ("x {}", "x dir/sub/file.tar.gz"),
            ("x {.}", "x dir/sub/file.tar"),
            ("x {/}", "x file.tar.gz"),
            ("x {//}", "x dir/sub"),
            ("x {/.}", "x file.tar"),
            ("x {#} {%}", "x 7 $REMUDA_SLOT"),
            ("x {1.}-{-1/}", "x dir/sub/file.tar-file.tar.gz"),
            ("x", "x dir/sub/file.tar.gz"),
            ("x {2}{}", "x dir/sub/file.tar.gz"),
            ("", "dir/sub/file.tar.gz"),
            (
                "awk '{print $1}' {}",
                "awk '{print $1}' dir/sub/file.tar.gz",
            ),
            (
                "x {0} {a} {..} {} {",
                "x {0} {a} {..} dir/sub/file.tar.gz {",
            ),
        ] {
            assert_eq!(line(command, &[path]), expected, "{command}");
        }
        assert_eq!(line("x {2} {1} {-1}", &["a", "b"]), "x b a b");
        assert_eq!(line("x", &["a b", "c", ""]), "x 'a b' c ''");
        assert_eq!(line("x {//} {/} {.}", &["a"]), "x . a a");
        assert_eq!(line("x {//} {.}", &["/a.b/c"]), "x /a.b /a.b/c");
        assert_eq!(line("x {//}", &["/"]), "x /");
    }

    #[test]
    fn a_line_has_columns() {
        assert_eq!(columns(b"a,b,,c", b","), [&b"a"[..], b"b", b"", b"c"]);
        assert_eq!(columns(b"a::b", b"::"), [b"a", b"b"]);
        assert_eq!(columns(b"", b"\t"), [b""]);
    }

    proptest! {
        #[test]
        fn a_shell_gets_each_argument_back(argument in proptest::collection::vec(1..=255_u8, 0..30)) {
            let line = Template::new(b"x {} {1}").fill(1, &[&argument]);
            let words: Vec<Vec<u8>> = shlex::bytes::Shlex::new(&line).collect();
            prop_assert_eq!(words, [b"x".to_vec(), argument.clone(), argument]);
        }

        #[test]
        fn any_command_is_a_template(command in proptest::collection::vec(any::<u8>(), 0..40)) {
            Template::new(&command).fill(1, &[b"a"]);
        }
    }
}
