//! Every rule has a script, or a test that tells its story instead.

use std::collections::BTreeSet;
use std::path::Path;

use crate::stories;

/// The rules that no event and no action of the manager shows: which test tells of each.
const ELSEWHERE: [(&str, &str, &str); 4] = [
    // A number to look at, that no decision is made with.
    (
        "s18",
        "core/tests/rules/outside.rs",
        "s18_load_is_used_by_all_procs",
    ),
    // The driver's: to the manager it is a failed start.
    (
        "s19",
        "tests/tests/process/breaches.rs",
        "s19_other_functions_are_a_failed_start_that_names_the_difference",
    ),
    // About all scripts: each is played on the core, the model and both adapters, with the same actions.
    (
        "f06",
        "core/tests/rules/outside.rs",
        "f06_the_same_events_give_the_same_actions",
    ),
    // The driver's, like S19.
    (
        "f09",
        "tests/tests/process/breaches.rs",
        "f09_a_worker_that_offers_less_is_a_failed_start_and_ends",
    ),
];

/// S17 and S20 have scripts for what the manager decides; their lines are the driver's to print.
const LINES: [(&str, &str); 2] = [
    ("driver/src/status.rs", "s17_status_line"),
    (
        "core/tests/rules/outside.rs",
        "s20_the_line_names_probation_only_when_there_is_some",
    ),
];

/// All but A1 and A2, which are about an adapter that starts again: no script begins in the middle.
const RULES: [(char, u32); 11] = [
    ('s', 22),
    ('t', 3),
    ('f', 12),
    ('r', 6),
    ('p', 4),
    ('g', 5),
    ('e', 4),
    ('d', 2),
    ('j', 1),
    ('q', 3),
    ('h', 3),
];

/// `s01` to `s22` and so on.
fn rules() -> BTreeSet<String> {
    RULES
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |number| format!("{letter}{number:02}")))
        .collect()
}

fn assert_test_exists(file: &str, test: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let found = text.contains(&format!("fn {test}(")) || text.contains(&format!("fn {test}<"));
    assert!(found, "{file} has no test {test}");
}

#[test]
fn every_rule_has_a_script_or_a_test_that_is_named_here() {
    let mut told = BTreeSet::new();
    for story in stories::all() {
        let rule = story.rule();
        assert!(rules().contains(rule), "{}: no rule {rule}", story.name);
        told.insert(rule.to_owned());
    }
    for (rule, file, test) in ELSEWHERE {
        assert!(told.insert(rule.to_owned()), "{rule} has a script");
        assert_test_exists(file, test);
    }
    for (file, test) in LINES {
        assert_test_exists(file, test);
    }
    let untold: Vec<_> = rules().difference(&told).cloned().collect();
    assert_eq!(untold, [""; 0], "rules without a script");
}

/// A story says what it shows before it begins, and which rule makes it right.
#[test]
fn every_script_begins_with_a_comment_that_cites_its_rule() {
    for story in stories::all() {
        let rule = story.rule();
        let (letter, number) = (rule[..1].to_uppercase(), rule[1..].trim_start_matches('0'));
        let rule = format!("{letter}{number}");
        let heading = story.heading();
        let mut cited = heading.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(
            story.text.starts_with("# ") && cited.any(|word| word == rule),
            "{} does not say why it is right ({rule})",
            story.name
        );
    }
}
