//! Text from elsewhere, made fit to be shown: what workers, launchers, labels and journals say.

/// Which part of a text is kept, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many at its start.
    Start(usize),
    /// So many at its end.
    End(usize),
}

/// Makes text of any origin harmless and short: one line, without anything that a terminal obeys or hides, so that it can
/// neither move the cursor nor pass for a line of ours. Lines are divided by `|`, other such characters become dots, and `…`
/// stands where something was left out.
///
/// ```
/// use remuda_driver::{Keep, harmless};
///
/// let forged = "bad\x1b[2J\r\n1 job: 1 ok, 0 failed\n";
/// assert_eq!(harmless(forged, Keep::Start(100)), "bad.[2J | 1 job: 1 ok, 0 failed");
/// assert_eq!(harmless("a long text", Keep::Start(6)), "a long…");
/// assert_eq!(harmless("a long text", Keep::End(4)), "…text");
/// ```
#[must_use]
pub fn harmless(text: &str, keep: Keep) -> String {
    // No more of a long text is looked at than can be kept: characters have four bytes at most.
    let (text, cut) = match keep {
        Keep::Start(most) => {
            let end = text.floor_char_boundary(most.saturating_mul(4));
            (&text[..end], end < text.len())
        }
        Keep::End(most) => {
            let start = text.ceil_char_boundary(text.len().saturating_sub(most.saturating_mul(4)));
            (&text[start..], start > 0)
        }
    };
    let mut plain = String::with_capacity(text.len());
    for line in text.split(is_line_end).map(str::trim) {
        if line.is_empty() {
            continue;
        }
        if !plain.is_empty() {
            plain.push_str(" | ");
        }
        plain.extend(line.chars().map(visible));
    }
    let length = plain.chars().count();
    match keep {
        Keep::Start(most) if length > most => {
            plain.truncate(nth(&plain, most));
            plain.push('…');
        }
        Keep::Start(_) if cut => plain.push('…'),
        Keep::End(most) if length > most => {
            plain.replace_range(..nth(&plain, length - most), "…");
        }
        Keep::End(_) if cut => plain.insert(0, '…'),
        _ => {}
    }
    plain
}

/// Where the character of that number begins.
fn nth(text: &str, number: usize) -> usize {
    let found = text.char_indices().nth(number);
    found.map_or(text.len(), |(at, _)| at)
}

fn is_line_end(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        char::REPLACEMENT_CHARACTER => '.',
        c if c.is_control() => '.',
        // What joins, hides or turns the direction of other characters.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => {
            '.'
        }
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => '.',
        '\u{e0000}'..='\u{e0fff}' => '.',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys_and_no_second_line() {
        let all: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        let plain = harmless(&all, Keep::Start(usize::MAX));
        assert!(!plain.chars().any(|c| c.is_control() || is_line_end(c)));
        assert!(!plain.contains('\u{202e}') && !plain.contains('\u{200b}'));
        // Letters stay letters.
        assert!(plain.contains("abc") && plain.contains('ü') && plain.contains('я'));
    }

    #[test]
    fn it_is_as_short_as_was_asked_for_at_either_end() {
        let long = "ä".repeat(1_000_000);
        for keep in [Keep::Start(10), Keep::End(10)] {
            let short = harmless(&long, keep);
            assert_eq!(short.chars().filter(|&c| c == 'ä').count(), 10, "{short}");
            assert_eq!(short.chars().count(), 11);
            assert_eq!(harmless("short", keep), "short");
            assert_eq!(harmless("\n\n", keep), "");
        }
        // Blank lines may be all that is looked at.
        let blank = "\n".repeat(1000) + "end";
        assert_eq!(harmless(&blank, Keep::Start(3)), "…");
        assert_eq!(harmless(&blank, Keep::End(3)), "…end");
    }
}
