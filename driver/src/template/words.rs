//! Fills in the words of a command: `{name}` in a word stands for a value.

/// The values that a template's names stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values(Vec<(String, String)>);

impl Values {
    pub(super) fn set(&mut self, name: &str, value: impl ToString) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.into(), value.to_string()));
    }

    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Values {
        self.set(name, value);
        self
    }

    /// Replaces each `{name}` that is known. Values are not looked into, and other braces stay as they are.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let found = self.0.iter().find_map(|(name, value)| {
                let after = rest[1..].strip_prefix(name.as_str())?.strip_prefix('}')?;
                Some((value, after))
            });
            match found {
                Some((value, after)) => {
                    filled.push_str(value);
                    rest = after;
                }
                None => {
                    filled.push('{');
                    rest = &rest[1..];
                }
            }
        }
        filled + rest
    }
}

/// Whether a text has one of these names in braces.
pub(super) fn has_any(text: &str, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| text.contains(&format!("{{{name}}}")))
}

/// The words of one command for several machines: a word that names a machine stands there once for each of them, the others
/// once. A word that comes out the same for all of them stands there once.
pub(super) fn for_each(template: &[String], names: &[&str], machines: &[Values]) -> Vec<String> {
    let mut words = Vec::new();
    for word in template {
        if !has_any(word, names) {
            words.push(
                machines
                    .first()
                    .map_or(word.clone(), |values| values.fill(word)),
            );
            continue;
        }
        let mut filled: Vec<String> = Vec::new();
        for values in machines {
            let word = values.fill(word);
            // Machines of one call follow each other.
            if filled.last() != Some(&word) {
                filled.push(word);
            }
        }
        words.append(&mut filled);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_replaced_and_nothing_else() {
        let values = Values::default()
            .with("first", 7)
            .with("key", "a {first} b")
            .with("f", 0);
        for (text, filled) in [
            ("", ""),
            ("--id={first}+$X", "--id=7+$X"),
            ("{first}{f}{first}", "707"),
            // A value is no template.
            ("{key}", "a {first} b"),
            // Braces of a shell, of JSON, of a typing error.
            ("${first} {fi} {first {} }{ {", "$7 {fi} {first {} }{ {"),
            ("{{first}}", "{7}"),
            ("{ä}{f}", "{ä}0"),
        ] {
            assert_eq!(values.fill(text), filled, "{text}");
        }
    }

    #[test]
    fn a_word_that_names_a_machine_stands_there_for_each() {
        let machine = |handle: &str, index: u32| {
            Values::default()
                .with("handle", handle)
                .with("index", index)
                .with("key", "k")
        };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let machines = [machine("5", 0), machine("5", 1), machine("8", 0)];
        for (template, filled) in [
            ("scancel -Q {handle}_{index}", "scancel -Q 5_0 5_1 8_0"),
            ("scancel {handle}", "scancel 5 8"),
            ("stop --key={key} {handle}", "stop --key=k 5 8"),
            ("stop", "stop"),
        ] {
            let filled_in = for_each(&words(template), &["handle", "index"], &machines);
            assert_eq!(filled_in, words(filled), "{template}");
        }
    }
}
