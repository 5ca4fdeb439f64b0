//! The golden scripts, `tests/scripts/*.txt`: one story each, named after its rule, on the core and on the model, which
//! must both decide just what it says.
//!
//! `REMUDA_BLESS=1 cargo test -p remuda-sim --test golden` writes what the core decides into them. Read what changed
//! against the rules before you commit it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use remuda::Manager;
use remuda_sim::script::Step;
use remuda_sim::{Model, Pair, Script, Subject as _};

/// A script of the folder.
struct Story {
    /// Its file's name, without the ending.
    name: String,
    path: PathBuf,
    /// What the file says, to the letter.
    text: String,
    script: Script,
}

impl Story {
    fn read(path: PathBuf) -> Story {
        let shown = path.display();
        assert!(path.extension().is_some_and(|e| e == "txt"), "{shown}");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let script = Script::parse(&text).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let name = path.file_stem().expect("a file has a name");
        Story {
            name: name.to_string_lossy().into_owned(),
            path,
            text,
            script,
        }
    }

    /// All of them, by name.
    fn all() -> Vec<Story> {
        let folder = from_root("tests/scripts");
        let entries = std::fs::read_dir(&folder).expect("the folder of the scripts");
        let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
        let mut stories: Vec<Story> = paths.map(Story::read).collect();
        stories.sort_by(|a, b| a.name.cmp(&b.name));
        stories
    }

    /// The rule that it is named after, as its file says it.
    fn rule(&self) -> &str {
        let (rule, _) = self.name.split_once('_').expect("a rule and a title");
        rule
    }

    /// What the core decides; its invariants are checked, and its counts and deadline held against the model's, after
    /// each event.
    fn on_core(&self) -> Script {
        let mut script = self.script.clone();
        let manager = Manager::new(script.config.clone()).expect("a valid config");
        let mut pair = Pair::new(script.config.clone(), manager);
        for step in &mut script.steps {
            step.actions.clear();
            pair.handle_into(step.event, step.at, &mut step.actions);
            let verdict = pair.verdict().and_then(|()| pair.check());
            verdict.unwrap_or_else(|wrong| panic!("{}: {wrong}, after\n{step}", self.name));
        }
        script
    }

    /// What the model decides, all by itself.
    fn on_model(&self) -> Script {
        let model = Model::new(self.script.config.clone());
        self.script.played_on(&mut model.expect("a valid config"))
    }
}

fn from_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The steps that differ, the old lines with a minus and the new ones with a plus.
fn difference(old: &Script, new: &Script) -> String {
    let mut lines = String::new();
    let mut show = |sign: char, step: &Step| {
        for line in step.to_string().lines().skip(step.notes.len()) {
            let mark = if line.starts_with("at ") { ' ' } else { sign };
            if mark == sign || sign == '-' {
                lines += &format!("    {mark} {line}\n");
            }
        }
    };
    for (old, new) in old.steps.iter().zip(&new.steps) {
        if old != new {
            show('-', old);
            show('+', new);
        }
    }
    if lines.is_empty() {
        "    only spaces, blank lines or the way of writing\n".to_owned()
    } else {
        lines
    }
}

#[test]
fn every_script_is_what_the_core_decides() {
    let bless = std::env::var_os("REMUDA_BLESS").is_some_and(|value| value == "1");
    let stories = Story::all();
    let (mut differences, mut changed) = (String::new(), 0);
    for story in &stories {
        let played = story.on_core();
        let text = played.to_string();
        if text == story.text {
            continue;
        }
        changed += 1;
        let file = story.path.display();
        differences += &format!("{file}:\n{}", difference(&story.script, &played));
        if bless {
            std::fs::write(&story.path, text).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }
    let count = stories.len();
    if changed == 0 {
        return;
    }
    if bless {
        panic!(
            "{changed} of {count} scripts were rewritten: read what changed against the rules\n{differences}"
        );
    }
    panic!(
        "{changed} of {count} scripts are not what the core decides (- script, + core). If the core is right:\n\
         REMUDA_BLESS=1 cargo test -p remuda-sim --test golden\n{differences}"
    );
}

#[test]
fn every_script_is_what_the_model_decides() {
    let mut differences = String::new();
    for story in Story::all() {
        let played = story.on_model();
        if played.to_string() != story.text {
            let file = story.path.display();
            differences += &format!("{file}:\n{}", difference(&story.script, &played));
        }
    }
    assert!(
        differences.is_empty(),
        "not what the model decides (- script, + model):\n{differences}"
    );
}

/// The rules that no event and no action of the manager shows: which test tells of each.
const ELSEWHERE: [(&str, &str, &str); 4] = [
    // A number to look at, that no decision is made with.
    (
        "s18",
        "core/tests/rules_outside.rs",
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
        "core/tests/rules_outside.rs",
        "f06_the_same_events_give_the_same_actions",
    ),
    // The driver's, like S19.
    (
        "f09",
        "driver/src/process.rs",
        "f09_fewer_procs_are_refused_with_both_figures",
    ),
];

/// S17 and S20 have scripts for what the manager decides; their lines are the driver's to print.
const LINES: [(&str, &str); 2] = [
    ("driver/src/status.rs", "s17_status_line"),
    (
        "core/tests/rules_outside.rs",
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
    let text = std::fs::read_to_string(from_root(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let found = text.contains(&format!("fn {test}(")) || text.contains(&format!("fn {test}<"));
    assert!(found, "{file} has no test {test}");
}

#[test]
fn every_rule_has_a_script_or_a_test_that_is_named_here() {
    let mut told = BTreeSet::new();
    for story in Story::all() {
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
    for story in Story::all() {
        let rule = story.rule();
        let (letter, number) = (rule[..1].to_uppercase(), rule[1..].trim_start_matches('0'));
        let rule = format!("{letter}{number}");
        let heading = story.script.heading.join("\n");
        let mut cited = heading.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(
            story.text.starts_with("# ") && cited.any(|word| word == rule),
            "{} does not say why it is right ({rule})",
            story.name
        );
    }
}
