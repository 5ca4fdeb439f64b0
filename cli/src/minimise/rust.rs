//! A result as a test in Rust, which needs the crate `remuda` alone.
use std::fmt::Write as _;
use std::time::Duration;

use remuda::{Action, Config, Instant};
use remuda_sim::Script;
use serde_json::Value;

/// The names of the crate that a test may have to import.
const NAMES: [&str; 17] = [
    "Action",
    "Config",
    "Demand",
    "Event",
    "Instant",
    "Loss",
    "MachineId",
    "Manager",
    "Notice",
    "OnceKey",
    "OnceOutcome",
    "Outcome",
    "Recovery",
    "Reject",
    "RequestId",
    "TaskId",
    "WaiterId",
];

/// Fields that come before others.
const FIRST: [&str; 7] = [
    "first", "request", "priority", "waiter", "task", "machine", "key",
];

/// A test that plays the script and expects its actions; with `invariants` it looks at these after every event.
pub(super) fn test(name: &str, script: &Script, invariants: bool) -> String {
    let mut body = config(&script.config);
    body += "    let mut manager = Manager::new(config).unwrap();\n";
    for step in &script.steps {
        let event = variant("Event", &json(&step.event));
        let at = instant(step.at);
        writeln!(body, "\n    let actions = manager.handle({event}, {at});").expect(ENDLESS);
        body += &expected(&step.actions);
        if invariants {
            body += "    manager.check_invariants().unwrap();\n";
        }
    }
    let heading: String = script
        .heading
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| format!("//{}\n", line.trim_start_matches('#')))
        .collect();
    let duration = match body.contains("Duration::") {
        true => "use std::time::Duration;\n\n",
        false => "",
    };
    let uses = NAMES.iter().filter(|name| is_used(name, &body));
    let uses = uses.copied().collect::<Vec<_>>().join(", ");
    let name = identifier(name);
    format!("{heading}\n{duration}use remuda::{{{uses}}};\n\n#[test]\nfn {name}() {{\n{body}}}\n")
}

const ENDLESS: &str = "a string takes all";

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("all of it is plain data")
}

/// Whether a path or an expression begins with this name.
fn is_used(name: &str, body: &str) -> bool {
    let before = |at: usize| body[..at].chars().next_back();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    body.match_indices(name).any(|(at, _)| {
        let after = &body[at + name.len()..];
        !before(at).is_some_and(|c| is_word(c) || c == ':')
            && (after.starts_with("::") || after.starts_with('(') || after.starts_with(" {"))
    })
}

fn identifier(name: &str) -> String {
    let word = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    format!("minimised_{}", name.chars().map(word).collect::<String>())
}

fn config(config: &Config) -> String {
    let (procs, max) = (config.machine_procs, config.max_procs);
    let base = Config::new(procs, max.max(procs.into())).expect("only valid configs are tried");
    let mut fields = String::new();
    let mut field = |name: &str, differs: bool, value: String| {
        if differs {
            writeln!(fields, "        {name}: {value},").expect(ENDLESS);
        }
    };
    field("max_procs", max != base.max_procs, number(max));
    let silent = config.silent_polls;
    field(
        "silent_polls",
        silent != base.silent_polls,
        number(silent.into()),
    );
    let spans = [
        ("probation", config.probation, base.probation),
        (
            "start_backoff_base",
            config.start_backoff_base,
            base.start_backoff_base,
        ),
        (
            "start_backoff_cap",
            config.start_backoff_cap,
            base.start_backoff_cap,
        ),
        ("poll_interval", config.poll_interval, base.poll_interval),
        (
            "summary_interval",
            config.summary_interval,
            base.summary_interval,
        ),
    ];
    for (name, span, default) in spans {
        field(name, span != default, duration(span));
    }
    let new = format!(
        "Config::new({}, {}).unwrap()",
        number(procs.into()),
        number(max.max(procs.into()))
    );
    match fields.is_empty() {
        true => format!("    let config = {new};\n"),
        false => format!("    let config = Config {{\n{fields}        ..{new}\n    }};\n"),
    }
}

fn expected(actions: &[Action]) -> String {
    if actions.is_empty() {
        return "    assert!(actions.is_empty(), \"{actions:?}\");\n".to_owned();
    }
    let lines = actions
        .iter()
        .map(|action| format!("        {},\n", variant("Action", &json(action))));
    let lines: String = lines.collect();
    format!("    let expected = [\n{lines}    ];\n    assert_eq!(actions, expected);\n")
}

/// An enum's value, from its JSON.
fn variant(kind: &str, value: &Value) -> String {
    match value {
        Value::String(name) => format!("{kind}::{}", pascal(name)),
        Value::Object(of) => {
            let (name, value) = of.iter().next().expect("a variant has a name");
            let inner = match (kind, name.as_str(), value) {
                ("Action", "notice", value) => format!("({})", variant("Notice", value)),
                ("Action", "reject", value) => format!("({})", variant("Reject", value)),
                (_, _, Value::Object(fields)) => {
                    let mut fields: Vec<_> = fields.iter().collect();
                    // As they are read: who, then what.
                    let place = |name: &str| FIRST.iter().position(|it| *it == name);
                    fields.sort_by_key(|(name, _)| place(name).unwrap_or(FIRST.len()));
                    let fields = fields
                        .into_iter()
                        .map(|(it, value)| format!("{it}: {}", field(name, it, value)));
                    format!(" {{ {} }}", fields.collect::<Vec<_>>().join(", "))
                }
                (_, _, other) => format!("({other})"),
            };
            format!("{kind}::{}{inner}", pascal(name))
        }
        other => other.to_string(),
    }
}

/// A field of a variant: the crate has one type for each name, but for two that depend on the variant.
fn field(of: &str, name: &str, value: &Value) -> String {
    let plain = || value.as_u64().map_or_else(|| value.to_string(), number);
    match (name, of) {
        ("request", _) => format!("RequestId({})", plain()),
        ("machine" | "first", _) => format!("MachineId({})", plain()),
        ("task", _) => format!("TaskId({})", plain()),
        ("waiter", _) => format!("WaiterId({})", plain()),
        ("key", _) => {
            let part = |name: &str| number(value[name].as_u64().unwrap_or_default());
            format!("OnceKey {{ kind: {}, key: {} }}", part("kind"), part("key"))
        }
        ("at", _) => instant(Instant(value.as_u64().unwrap_or_default())),
        ("outcome", "done") => variant("Outcome", value),
        ("outcome", _) => variant("OnceOutcome", value),
        ("by", "machine_lost") => variant("Loss", value),
        ("by", _) => variant("Recovery", value),
        ("demand", _) => match value["procs"].as_u64() {
            Some(procs) => format!("Demand::procs({}).unwrap()", number(procs)),
            None => variant("Demand", value),
        },
        _ => plain(),
    }
}

fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('_').map(word).collect()
}

fn instant(at: Instant) -> String {
    match at.0 % 1_000_000_000 {
        0 => format!("Instant::from_secs({})", number(at.0 / 1_000_000_000)),
        _ => format!("Instant({})", number(at.0)),
    }
}

fn duration(span: Duration) -> String {
    match (span.as_secs(), span.subsec_nanos()) {
        (0, 0) => "Duration::ZERO".to_owned(),
        (secs, 0) => format!("Duration::from_secs({})", number(secs)),
        (secs, nanos) => format!("Duration::new({}, {})", number(secs), number(nanos.into())),
    }
}

/// With a mark between groups of three digits where there are more than four.
fn number(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups = groups.map(|group| std::str::from_utf8(group).expect("digits are ASCII"));
    groups.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/minimise.rs` compiles and runs what is written here.
    #[test]
    fn every_event_and_action_is_written_as_it_is_in_the_crate() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/minimised");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let script = Script::parse(&read("words.txt")).unwrap();
        let text = test("words", &script.played(), true);
        if std::env::var_os("REMUDA_BLESS").is_some_and(|value| value == "1") {
            std::fs::write(format!("{folder}/words.txt"), script.played().to_string()).unwrap();
            std::fs::write(format!("{folder}/words.rs"), &text).unwrap();
        }
        assert_eq!(text, read("words.rs"));
        for word in [
            "Event::Submit",
            "Event::Cancel",
            "Event::Done",
            "Event::Up",
            "Event::StartFailed",
            "Event::Stopped",
            "Event::Assign",
            "Event::Discard",
            "Event::Once ",
            "Event::OnceDone",
            "Event::Forget",
            "Event::Polled",
            "Event::Timer",
            "Event::Shutdown",
            "Action::Grant",
            "Action::Start",
            "Action::Stop",
            "Action::RequestLost",
            "Action::TaskLost",
            "Action::DropTask",
            "Action::RunOnce",
            "Action::OnceReady",
            "Action::Poll",
            "Action::Cancelled",
            "Action::SetTimer",
            "Action::ClearTimer",
            "Notice::Probation",
            "Notice::Recovered",
            "Notice::MachineLost",
            "Notice::StartsFailing",
            "Notice::Summary",
            "Reject::TooManyProcs",
            "Reject::OnceUnknown",
            "Recovery::Success",
            "Loss::Stopped",
            "Demand::Machine",
            "OnceOutcome::MachineLost",
            "Outcome::Unreachable",
            "-3",
            "10_000",
            "Instant(",
        ] {
            assert!(text.contains(word), "no {word} in:\n{text}");
        }
    }

    #[test]
    fn numbers_and_names_are_written_as_rust_wants_them() {
        let numbers = [0, 999, 9_999, 10_000, u64::MAX].map(number);
        assert_eq!(
            numbers,
            ["0", "999", "9999", "10_000", "18_446_744_073_709_551_615"]
        );
        assert_eq!(identifier("a b-c.2\u{fc}"), "minimised_a_b_c_2_");
        assert_eq!(pascal("once_machine_lost"), "OnceMachineLost");
    }
}
