//! `docs/own-adapter.md`: its adapter is the one that is built, its change makes it the other, and they print what it says.
//! `REMUDA_BLESS=1` writes the blocks that are printed, and the adapter, into the chapter.

use std::fs;
use std::path::{Path, PathBuf};

use remuda::Config;
use remuda_testkit::{Adapter, Check, Part, Rule, World};

#[allow(dead_code, unreachable_pub)] // Programs, of which the adapters are run.
#[path = "../../examples/first_try.rs"]
mod first_try;
#[allow(dead_code, unreachable_pub)]
#[path = "../../examples/own_adapter.rs"]
mod own_adapter;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// The block that follows the nth such mark: from where to where it is in the chapter.
fn block(chapter: &str, mark: &str, nth: usize) -> (usize, usize) {
    let mark = format!("<!-- {mark} -->\n```");
    let (at, _) = chapter.match_indices(&mark).nth(nth).expect(&mark);
    let begin = at + mark.len();
    let begin = begin + chapter[begin..].find('\n').expect("a line") + 1;
    let end = begin + chapter[begin..].find("```\n").expect("an end");
    (begin, end)
}

/// The chapter has this there.
fn says(mark: &str, nth: usize, what: &str) {
    let path = root().join("docs/own-adapter.md");
    let chapter = fs::read_to_string(&path).expect("the chapter");
    let (begin, end) = block(&chapter, mark, nth);
    let what = format!("{}\n", what.trim_end());
    if std::env::var_os("REMUDA_BLESS").is_some() {
        let new = format!("{}{what}{}", &chapter[..begin], &chapter[end..]);
        fs::write(&path, new).expect("it is written");
        return;
    }
    assert_eq!(
        &chapter[begin..end],
        what,
        "{mark} {nth} in docs/own-adapter.md"
    );
}

/// All of it in one test, so that no two write the chapter at once.
#[test]
fn the_chapter_is_true() {
    let first = read("testkit/examples/first_try.rs");
    says("file: testkit/examples/first_try.rs", 0, &first);

    let chapter = read("docs/own-adapter.md");
    let (begin, end) = block(&chapter, "change", 0);
    let side = |without: char| -> String {
        let lines = chapter[begin..end]
            .lines()
            .filter(|line| !line.starts_with(without));
        lines.map(|line| format!("{}\n", &line[1..])).collect()
    };
    assert_eq!(
        first.matches(&side('+')).count(),
        1,
        "what is changed is there"
    );
    let own = read("testkit/examples/own_adapter.rs");
    // But for the line that says what it is.
    let code = |text: &str| text.split_once('\n').expect("lines").1.to_owned();
    assert_eq!(code(&first.replace(&side('+'), &side('-'))), code(&own));

    let broken = Check::default().run(first_try::Farm::new).unwrap_err();
    assert_eq!(broken.rule, Rule::GrantDoneTooEarly);
    says("prints", 0, &broken.to_string());
    let again = Check::default().seed(broken.seed).run(first_try::Farm::new);
    assert_eq!(again, Err(broken));

    let report = Check::default().run(own_adapter::Farm::new).unwrap();
    says("prints", 1, &report.to_string());

    let rules: String = Rule::ALL.iter().map(|rule| format!("{rule}\n")).collect();
    says("rules", 0, &rules);

    let (begin, end) = block(&chapter, "test", 0);
    let tests = include_str!("chapter.rs");
    assert!(
        tests.contains(&chapter[begin..end]),
        "what it shows as a test is one"
    );
}

fn breaks_no_rule<A: Adapter>(new: fn(Config, World) -> A) {
    Check::default().run(new).unwrap();
    // A config of yours, without what your world does not have; longer stories.
    let check = Check::new(Config::new(4, 16).unwrap()).without(Part::Drains);
    check.seeds(0..100).steps(100).run(new).unwrap();
}

#[test]
fn the_mended_adapter_breaks_no_rule() {
    breaks_no_rule(own_adapter::Farm::new);
}
