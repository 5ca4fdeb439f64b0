//! What the documents say, held against the code: versions, dependencies, folders, and a test for every rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a folder of the workspace")
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

/// The last rule of each letter.
const LAST_RULES: [(char, u32); 12] = [
    ('S', 22),
    ('T', 3),
    ('F', 12),
    ('R', 6),
    ('P', 4),
    ('G', 5),
    ('E', 4),
    ('D', 2),
    ('J', 1),
    ('Q', 3),
    ('H', 3),
    ('A', 2),
];

/// Every rule there is.
fn rules() -> impl Iterator<Item = (char, u32)> {
    LAST_RULES
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
        let letter = part.chars().next()?.to_ascii_uppercase();
        let number = part[1..].parse().ok()?;
        let known = LAST_RULES.iter().any(|(known, _)| *known == letter);
        known.then_some((letter, number))
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
fn the_architecture_has_a_line_for_each_folder() {
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
        "CONTRIBUTING.md",
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

/// Every folder and file that stands in backquotes in CONTRIBUTING.md and looks like a path.
#[test]
fn the_paths_in_contributing_are_there() {
    let text = read("CONTRIBUTING.md");
    let quoted = text.split('`').skip(1).step_by(2);
    let looks_like_a_path = |word: &&str| {
        let plain = word
            .chars()
            .all(|c| c.is_alphanumeric() || "/._-".contains(c));
        word.contains('/') && plain && !word.starts_with("target/")
    };
    let missing: Vec<&str> = quoted
        .filter(looks_like_a_path)
        .filter(|path| !root().join(path).exists())
        .collect();
    assert_eq!(missing, [""; 0], "paths in CONTRIBUTING.md");
}

#[test]
fn a_published_crate_has_its_licenses_its_page_and_a_readme() {
    let manifest = read("Cargo.toml");
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = ["));
    let members = members.expect("members").trim_end_matches(']').split(", ");
    for folder in members.map(|member| root().join(member.trim_matches('"'))) {
        let manifest = read(folder.join("Cargo.toml"));
        let package = section(&manifest, "package");
        if package.iter().any(|line| line == "publish = false") {
            continue;
        }
        for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert_eq!(
                read(folder.join(license)),
                read(license),
                "{license} of {}",
                folder.display()
            );
        }
        let docs = section(&manifest, "package.metadata.docs.rs");
        assert_eq!(docs[0], "all-features = true", "{}", folder.display());
        let readme = package
            .iter()
            .find_map(|line| line.strip_prefix("readme = "));
        let readme = readme.unwrap_or_else(|| panic!("{} names no readme", folder.display()));
        assert!(
            folder.join(readme.trim_matches('"')).exists(),
            "the readme of {}",
            folder.display()
        );
    }
}

/// A method with a default that a system of other systems does not pass on is not called at all, and nothing says so.
#[test]
fn a_system_of_other_systems_passes_every_method_on() {
    let methods = |path: &str, head: &str| {
        let text = read(path);
        let from = text
            .find(head)
            .unwrap_or_else(|| panic!("{head} is not in {path}"));
        let body = text[from..].split("\n}\n").next().unwrap_or_default();
        let names = body.lines().filter_map(|line| {
            let line = line.strip_prefix("    ")?;
            let line = line.strip_prefix("async ").unwrap_or(line);
            Some(line.strip_prefix("fn ")?.split('(').next()?.to_owned())
        });
        names.collect::<BTreeSet<_>>()
    };
    let all = methods("driver/src/system.rs", "pub trait System");
    assert!(all.len() > 12 && all.contains("leaving"), "{all:?}");
    for (path, head) in [
        ("driver/src/by_kind.rs", "System for ByKind"),
        ("driver/src/template/mod.rs", "System for TemplateSystem"),
    ] {
        assert_eq!(methods(path, head), all, "{path}");
    }
}
