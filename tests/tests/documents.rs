//! What the documents say, held against the code: versions, dependencies, folders, and a test for every rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests stand in the workspace")
        .to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a section of a manifest.
fn section(manifest: &str, name: &str) -> Vec<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| *line != format!("[{name}]"));
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    lines.map(str::to_owned).collect()
}

/// Every rule there is: S1–S22, T1–T3, F1–F12.
fn rules() -> impl Iterator<Item = (char, u32)> {
    [('S', 22), ('T', 3), ('F', 12)]
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |number| (letter, number)))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rules that the name of a test begins with: `s05_s07_…` names S5 and S7.
fn rules_named(test: &str) -> impl Iterator<Item = (char, u32)> + '_ {
    test.split('_').map_while(|part| {
        let letter = part.chars().next()?;
        let number = part[1..].parse().ok()?;
        "stf"
            .contains(letter)
            .then(|| (letter.to_ascii_uppercase(), number))
    })
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let mut files = Vec::new();
    for folder in ["core", "worker", "driver", "cli", "tests"] {
        rust_files(&root().join(folder), &mut files);
    }
    let mut tested = BTreeSet::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for (at, _) in text.match_indices("fn ") {
            let name: String = text[at + 3..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            tested.extend(rules_named(&name));
        }
    }
    let untested: Vec<_> = rules().filter(|rule| !tested.contains(rule)).collect();
    assert_eq!(untested, [], "rules without a test that names them");
}

#[test]
fn the_architecture_states_every_rule_once() {
    let text = read("ARCHITECTURE.md");
    for (letter, number) in rules() {
        let statements = text.matches(&format!("**{letter}{number}**")).count();
        assert_eq!(statements, 1, "**{letter}{number}** in ARCHITECTURE.md");
    }
}

#[test]
fn the_readme_names_the_rust_version_that_the_manifest_asks_for() {
    let manifest = read("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("a rust-version").trim_matches('"');
    let said = format!("Rust ({version} or later)");
    assert!(
        read("README.md").contains(&said),
        "README.md does not say `{said}`"
    );
}

#[test]
fn every_dependency_has_its_reason_in_the_architecture() {
    let text = read("ARCHITECTURE.md");
    let (_, reasons) = text
        .split_once("## Dependencies")
        .expect("a section on dependencies");
    let named: BTreeSet<&str> = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(" | ").next())
        .flat_map(|names| names.split(", "))
        .collect();
    let mut lines = section(&read("Cargo.toml"), "workspace.dependencies");
    // Outside the workspace, so that it names its own.
    lines.extend(section(&read("fuzz/Cargo.toml"), "dependencies"));
    let used: BTreeSet<String> = lines
        .iter()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.starts_with("remuda"))
        .collect();
    for name in &used {
        assert!(
            named.contains(name.as_str()),
            "{name} has no line in ARCHITECTURE.md"
        );
    }
    for name in named
        .iter()
        .filter(|name| **name != "crate" && !name.starts_with("---"))
    {
        assert!(
            used.contains(*name),
            "{name} is in ARCHITECTURE.md and not in Cargo.toml"
        );
    }
}

#[test]
fn the_house_has_the_rooms_that_are_drawn() {
    let text = read("ARCHITECTURE.md");
    let manifest = read("Cargo.toml");
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = ["));
    let members = members.expect("members").trim_end_matches(']').split(", ");
    for folder in members
        .map(|member| member.trim_matches('"'))
        .chain(["fuzz"])
    {
        assert!(
            text.contains(&format!("| `{folder}/` |")),
            "{folder}/ is not in ARCHITECTURE.md"
        );
    }
}

#[test]
fn the_readme_shows_where_its_files_are() {
    for path in [
        "cli/examples/jobs.txt",
        "core/examples/threads.rs",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        assert!(root().join(path).exists(), "{path}");
        assert!(
            read("README.md").contains(path),
            "README.md does not name {path}"
        );
    }
}
