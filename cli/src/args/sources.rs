//! Arguments for the command: `:::` and what belongs to it, which is taken off the command line before anything else.
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Where values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// The command line.
    Words(Vec<OsString>),
    /// The lines of a file; `-` is standard input.
    File(PathBuf),
}

/// Groups of linked sources; all combinations of the groups are taken.
pub(crate) type Groups = Vec<Vec<Values>>;

/// Splits a command line in front of the first `:::` or `::::`.
///
/// # Errors
/// One line that says which of them has nothing behind it.
pub(super) fn split(words: Vec<OsString>) -> Result<(Vec<OsString>, Groups), String> {
    let mark = |word: &OsStr| match word.to_str() {
        Some(":::") => Some((false, false)),
        Some(":::+") => Some((false, true)),
        Some("::::") => Some((true, false)),
        Some("::::+") => Some((true, true)),
        _ => None,
    };
    let first = words.iter().position(|word| mark(word).is_some());
    let Some(first) = first else {
        return Ok((words, Groups::new()));
    };
    let mut own = words;
    let rest = own.split_off(first);
    let mut groups = Groups::new();
    let mut rest = rest.into_iter().peekable();
    while let Some(word) = rest.next() {
        let (files, linked) = mark(&word).unwrap_or_default();
        let mut values = Vec::new();
        while let Some(value) = rest.next_if(|word| mark(word).is_none()) {
            values.push(value);
        }
        if files && values.is_empty() {
            return Err(format!(
                "{} has no file behind it (try --help)",
                word.display()
            ));
        }
        let sources = if files {
            values
                .into_iter()
                .map(|path| Values::File(path.into()))
                .collect()
        } else {
            vec![Values::Words(values)]
        };
        for source in sources {
            match groups.last_mut() {
                Some(group) if linked => group.push(source),
                _ => groups.push(vec![source]),
            }
        }
    }
    Ok((own, groups))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Result<(Vec<OsString>, Groups), String> {
        split(words.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn what_stands_behind_the_colons_is_taken_off() {
        let words =
            |words: &str| Values::Words(words.split_whitespace().map(OsString::from).collect());
        let file = |path: &str| Values::File(path.into());
        assert_eq!(of("run -- x").unwrap().1, Groups::new());
        let (own, groups) = of("run -k x ::: a b ::: c :::+ d :::: f g ::::+ - :::").unwrap();
        assert_eq!(own, ["run", "-k", "x"]);
        let expected: Groups = vec![
            vec![words("a b")],
            vec![words("c"), words("d")],
            vec![file("f")],
            vec![file("g"), file("-")],
            vec![words("")],
        ];
        assert_eq!(groups, expected);
        assert_eq!(
            of("x ::::"),
            Err(":::: has no file behind it (try --help)".into())
        );
    }
}
