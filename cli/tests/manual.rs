//! `remuda completions` and `remuda man`: what shells and manuals make of them.
mod support;

use std::process::{Command, Stdio};

use support::Dir;

fn remuda(words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remuda"));
    let ended = command.args(words).stdin(Stdio::null()).output();
    let ended = ended.expect("remuda starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

/// What bash offers for the last of these words.
fn offers(words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _remuda remuda "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_remuda")]);
    let ended = command.args(words).output().expect("bash runs");
    assert!(ended.status.success(), "{ended:?}");
    let said = String::from_utf8(ended.stdout).expect("flags are text");
    said.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(offers(&["remuda", "mini"]), ["minimise"]);
    let expected = ["--joblog", "--joblog-format"];
    assert_eq!(offers(&["remuda", "run", "--jobl"]), expected);
    let expected = ["json", "gnu"];
    assert_eq!(offers(&["remuda", "run", "--joblog-format", ""]), expected);
}

#[test]
fn each_shell_has_its_completions() {
    for (shell, first) in [
        ("bash", "_remuda() {"),
        ("zsh", "#compdef remuda"),
        ("fish", "# Print an optspec"),
        ("elvish", "use builtin;"),
        ("powershell", "using namespace"),
    ] {
        let (status, text, _) = remuda(&["completions", shell]);
        assert_eq!(status, Some(0));
        assert!(text.trim_start().starts_with(first), "{text:.80}");
        assert!(text.contains("joblog-format"), "{shell}");
    }
    let (status, _, error) = remuda(&["completions", "tcsh"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("tcsh") && error.contains("bash"), "{error}");
}

/// Flags of a help text or a page, in their order.
fn flags(text: &str) -> Vec<String> {
    let mut flags: Vec<String> = text
        .split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(str::to_owned)
        .collect();
    flags.sort();
    flags.dedup();
    flags
}

#[test]
fn a_page_has_all_that_the_help_has() {
    for command in [
        "run", "worker", "key", "replay", "minimise", "plan", "top", "man",
    ] {
        let (status, page, _) = remuda(&["man", command]);
        assert_eq!(status, Some(0));
        assert!(
            page.contains(&format!(".TH remuda-{command} 1")),
            "{page:.200}"
        );
        let plain = ["\\fB", "\\fI", "\\fR", "\\"].into_iter();
        let plain = plain.fold(page, |page, markup| page.replace(markup, ""));
        let page = flags(&plain);
        let (_, help, _) = remuda(&[command, "--help"]);
        let missing: Vec<String> = flags(&help)
            .into_iter()
            .filter(|flag| !page.contains(flag))
            .collect();
        assert_eq!(missing, Vec::<String>::new(), "{command}");
    }
    let (status, page, _) = remuda(&["man"]);
    assert_eq!(status, Some(0));
    assert!(page.contains("remuda\\-run(1)"), "{page}");
    let (status, _, error) = remuda(&["man", "walk"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("no command walk"), "{error}");
}

#[test]
fn all_pages_go_into_a_folder() {
    let dir = Dir::new();
    let (status, out, error) = remuda(&["man", "--all", &dir.text("")]);
    assert_eq!((status, &*out, &*error), (Some(0), "", ""));
    for page in ["remuda.1", "remuda-run.1", "remuda-worker.1"] {
        let text = std::fs::read_to_string(dir.text(page)).expect("the page is there");
        assert!(text.contains(".SH NAME"), "{page}");
    }
    let (status, _, error) = remuda(&["man", "--all", &dir.text("not/there")]);
    assert_eq!(status, Some(2));
    assert!(error.contains("not/there"), "{error}");
}
