//! Texts of any length, in messages that people read.
use std::borrow::Cow;

/// Most characters of a message: a few lines of a terminal.
const MOST: usize = 600;

/// A message with its middle left out if it is too long: what a name or a path of 200 KB has in it helps no one, and what is
/// said of it stands before and behind it.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    let cut = |from: usize| text.char_indices().nth(from).map(|(at, _)| at);
    // Bytes are never fewer than characters.
    if text.len() <= MOST || cut(MOST).is_none() {
        return Cow::Borrowed(text);
    }
    let half = MOST / 2;
    let count = text.chars().count();
    let (Some(front), Some(back)) = (cut(half), cut(count - half)) else {
        return Cow::Borrowed(text);
    };
    let left_out = count - 2 * half;
    Cow::Owned(format!(
        "{} … ({left_out} characters) … {}",
        &text[..front],
        &text[back..]
    ))
}

/// An error without the path of a temporary file, which no one knows.
pub(crate) fn without_path(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        for text in [String::new(), "a".repeat(MOST), "ä".repeat(MOST)] {
            assert_eq!(short(&text), text);
        }
        let long = format!("job {} failed: exit status 3", "ü".repeat(200_000));
        let said = short(&long);
        assert!(said.starts_with("job ü") && said.ends_with("ü failed: exit status 3"));
        assert!(said.contains("… (199426 characters) …"), "{said}");
        assert!(said.chars().count() < MOST + 40);
    }
}
