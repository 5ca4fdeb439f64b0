//! Output by lines: put together of pieces, and marked.

/// Most bytes of a line to hold until it ends.
const MOST: usize = 64 * 1024;

/// Puts lines together.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// Adds a piece; gives the lines that end in it. A line that is very long comes in parts.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        let (whole, rest) = bytes.split_at(end.map_or(0, |at| at + 1));
        if end.is_none() && self.0.len() + bytes.len() <= MOST {
            self.0.extend_from_slice(bytes);
            return Vec::new();
        }
        let mut lines = std::mem::take(&mut self.0);
        if end.is_none() {
            lines.extend_from_slice(bytes);
            return lines;
        }
        lines.extend_from_slice(whole);
        self.0.extend_from_slice(rest);
        lines
    }

    /// What is left, ended.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut last = std::mem::take(&mut self.0);
        if !last.is_empty() {
            last.push(b'\n');
        }
        last
    }
}

/// Marks the beginning of each line.
#[derive(Debug)]
pub(crate) struct Tagged {
    mark: Vec<u8>,
    within: bool,
}

impl Tagged {
    /// A tag and a tab, in a colour of its own on a terminal.
    pub(crate) fn new(tag: &str, colour: bool) -> Tagged {
        let mark = if colour && std::env::var_os("NO_COLOR").is_none() {
            let sum = tag
                .bytes()
                .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
            // Six of the eight: neither black nor white.
            format!("\x1b[{}m{tag}\x1b[0m\t", 31 + sum % 6)
        } else {
            format!("{tag}\t")
        };
        Tagged {
            mark: mark.into_bytes(),
            within: false,
        }
    }

    /// The next bytes, marked.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + self.mark.len());
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if !self.within {
                out.extend_from_slice(&self.mark);
            }
            out.extend_from_slice(line);
            self.within = line.last() != Some(&b'\n');
        }
        out
    }

    /// These bytes, marked.
    pub(crate) fn all(mut self, bytes: &[u8]) -> Vec<u8> {
        self.next(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together() {
        let mut lines = Lines::default();
        let mut push = |text: &str| String::from_utf8(lines.push(text.as_bytes())).unwrap();
        assert_eq!(push("a"), "");
        assert_eq!(push("b\nc\nd"), "ab\nc\n");
        assert_eq!(push(""), "");
        let long = "x".repeat(MOST);
        assert_eq!(push(&long), format!("d{long}"));
        assert_eq!(lines.finish(), b"");
        lines.push(b"e");
        assert_eq!(lines.finish(), b"e\n");
    }

    #[test]
    fn each_line_is_marked_once() {
        let mut tagged = Tagged::new("t", false);
        let parts = ["a\nb", "c", "\n\n"].map(|part| tagged.next(part.as_bytes()));
        assert_eq!(parts.concat(), b"t\ta\nt\tbc\nt\t\n");
    }
}
