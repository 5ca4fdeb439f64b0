//! Every script on the core, which must decide just what it says, and on the reference model, which must agree.

use remuda::Manager;
use remuda_sim::script::Step;
use remuda_sim::{Pair, Script, Subject as _};

use crate::stories::{self, Story};

/// What the core decides; its invariants are checked, and all that it answers held against the model's, after each event.
fn played(story: &Story) -> Script {
    let mut script = story.script.clone();
    let manager = Manager::new(script.config.clone()).expect("a valid config");
    let mut pair = Pair::new(script.config.clone(), manager);
    for step in &mut script.steps {
        step.actions.clear();
        pair.handle_into(step.event, step.at, &mut step.actions);
        let verdict = pair.verdict().and_then(|()| pair.check());
        verdict.unwrap_or_else(|wrong| panic!("{}: {wrong}, after\n{step}", story.name));
    }
    script
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
fn every_script_is_what_the_core_decides_and_the_model() {
    let bless = std::env::var_os("REMUDA_BLESS").is_some_and(|value| value == "1");
    let stories = stories::all();
    let (mut differences, mut changed) = (String::new(), 0);
    for story in &stories {
        let played = played(story);
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
         REMUDA_BLESS=1 cargo test -p remuda-tests --test golden\n{differences}"
    );
}
