//! A result as a test in Rust, which needs the crate `remuda` alone.
use std::fmt::Write as _;
use std::time::Duration;

use remuda::{
    Action, Config, Demand, Event, Instant, Kind, Kinds, MachineId, Packing, Policy, Resources,
    Submit,
};
use remuda_sim::Script;
use serde_json::Value;

/// The names of the crate that a test may have to import.
const NAMES: [&str; 25] = [
    "Action",
    "Config",
    "Demand",
    "Event",
    "Instant",
    "Kind",
    "KindId",
    "Kinds",
    "Limits",
    "Loss",
    "MachineId",
    "Manager",
    "Notice",
    "OnceKey",
    "OnceOutcome",
    "Outcome",
    "Packing",
    "Recovery",
    "Reject",
    "RequestId",
    "Resources",
    "StartHint",
    "Submit",
    "TaskId",
    "WaiterId",
];

/// Fields that come before others.
const FIRST: [&str; 7] = [
    "kind", "first", "request", "waiter", "task", "machine", "key",
];

/// A test that plays the script and expects its actions; with `invariants` it looks at these after every event.
pub(super) fn test(name: &str, script: &Script, invariants: bool) -> String {
    let mut body = config(&script.config);
    body += "    let mut manager = Manager::new(config).unwrap();\n";
    for step in &script.steps {
        let event = event(&step.event);
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

/// The first line of it, then a method a line for what differs from that.
fn config(config: &Config) -> String {
    let plain = |kind: &Kind| *kind == Kind::new(Resources::procs(kind.capacity.proc_count()));
    let by_kinds = || ("Config::empty()".to_owned(), Config::empty());
    let max = config.max_procs;
    let (new, base) = match config.kinds[..] {
        [kind] if plain(&kind) => {
            let procs = kind.capacity.proc_count();
            let words = format!("{}, {}", number(procs.into()), number(max));
            match (config.policy, Config::new(procs, max)) {
                (Policy::Bigslice, _) => (
                    format!("Config::bigslice_machines({words})"),
                    Config::bigslice_machines(procs, max),
                ),
                (_, Ok(base)) if base.max_procs == max => {
                    (format!("Config::new({words}).unwrap()"), base)
                }
                _ => by_kinds(),
            }
        }
        _ => by_kinds(),
    };
    let mut methods = Vec::new();
    if config.kinds != base.kinds {
        let kinds = config.kinds.iter();
        methods.extend(kinds.map(|it| format!("kind({})", kind(it))));
    }
    methods.extend((max != base.max_procs).then(|| format!("max_procs({})", number(max))));
    let packings = config.packing.filter(|_| config.packing != base.packing);
    methods.extend(packings.map(|packing| match packing {
        Packing::FirstFit => "packing(Packing::FirstFit)".to_owned(),
        _ => "packing(Packing::BestFit)".to_owned(),
    }));
    let limit = config.hold_limit;
    methods.extend(limit.map(|limit| format!("hold_limit({})", duration(limit))));
    let numbers = [
        ("patience", config.patience, base.patience),
        ("flaps", config.flaps, base.flaps),
        ("silent_polls", config.silent_polls, base.silent_polls),
    ];
    for (name, now, default) in numbers {
        methods.extend((now != default).then(|| format!("{name}({})", number(now.into()))));
    }
    let spans = [
        ("probation", config.probation, base.probation),
        ("probation_cap", config.probation_cap, base.probation_cap),
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
        ("settle", config.settle, base.settle),
        ("poll_interval", config.poll_interval, base.poll_interval),
        (
            "summary_interval",
            config.summary_interval,
            base.summary_interval,
        ),
    ];
    for (name, now, default) in spans {
        methods.extend((now != default).then(|| format!("{name}({})", duration(now))));
    }
    let flags = [
        ("stop_with_tasks", config.stop_with_tasks),
        ("withdraw", config.withdraw),
    ];
    methods.extend(
        flags
            .iter()
            .filter(|it| it.1)
            .map(|it| format!("{}(true)", it.0)),
    );
    if config.names != base.names {
        methods.push(format!("names({:?})", config.names));
    }
    let methods: String = methods
        .iter()
        .map(|it| format!("\n        .{it}"))
        .collect();
    format!("    let config = {new}{methods};\n")
}

fn kind(kind: &Kind) -> String {
    let base = Kind::new(kind.capacity);
    let mut text = format!("Kind::new({})", amounts(kind.capacity));
    let numbers = [
        ("min", kind.min, base.min),
        ("max", kind.max, base.max),
        ("spare", kind.spare, base.spare),
        ("max_pending", kind.max_pending, base.max_pending),
        ("batch", kind.batch, base.batch),
        ("cost", kind.cost, base.cost),
    ];
    for (name, now, default) in numbers {
        if now != default {
            text += &format!(".{name}({})", number(now.into()));
        }
    }
    if let Some(idle) = kind.idle {
        text += &format!(".idle({})", duration(idle));
    }
    if !kind.startable {
        text += ".startable(false)";
    }
    text
}

fn amounts(amounts: Resources) -> String {
    let [procs, memory, gpus, other] = amounts.amounts().map(|it| number(it.into()));
    let mut text = format!("Resources::procs({procs})");
    for (name, amount) in [("memory_mib", memory), ("gpus", gpus), ("other", other)] {
        if amount != "0" {
            text += &format!(".{name}({amount})");
        }
    }
    text
}

/// A submit has a builder of its own; all other events are written from their JSON.
fn event(event: &Event) -> String {
    match event {
        Event::Submit { request, spec } => format!(
            "Event::Submit {{ request: RequestId({}), spec: {} }}",
            number(request.0),
            submit(spec)
        ),
        other => variant("Event", &json(other)),
    }
}

fn submit(spec: &Submit) -> String {
    let mut text = match spec.demand {
        Demand::Machine => "Submit::machine()".to_owned(),
        Demand::Amounts(it) if it == Resources::procs(it.proc_count()) => {
            format!("Submit::procs({})", number(it.proc_count().into()))
        }
        Demand::Amounts(it) => format!("Submit::new({})", amounts(it)),
    };
    if spec.priority != 0 {
        text += &format!(".priority({})", signed(spec.priority));
    }
    match spec.kinds {
        Kinds::ALL => {}
        kinds => text += &format!(".kinds(Kinds::from_bits({:#b}))", kinds.bits()),
    }
    for (name, machine) in [("prefer", spec.prefer), ("avoid", spec.avoid)] {
        if let Some(id) = machine {
            text += &format!(".{name}({})", self::machine(id));
        }
    }
    if let Some(at) = spec.give_up {
        text += &format!(".give_up({})", instant(at));
    }
    text
}

fn machine(id: MachineId) -> String {
    match id.is_joined() {
        true => format!("MachineId::joined({})", number(id.0 & (u64::MAX >> 1))),
        false => format!("MachineId({})", number(id.0)),
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

/// A field of a variant: the crate has one type for each name, but for those that depend on the variant.
fn field(of: &str, name: &str, value: &Value) -> String {
    let whole = |value: &Value| value.as_u64().unwrap_or_default();
    let plain = || value.as_u64().map_or_else(|| value.to_string(), number);
    let some = |text: String| format!("Some({text})");
    let optional =
        matches!(name, "offer" | "until" | "hint" | "idle") || (name, of) == ("machine", "done");
    match (name, of) {
        _ if optional && value.is_null() => "None".to_owned(),
        ("offer", _) => {
            let read = |n: usize| u32::try_from(whole(&value[n])).unwrap_or(u32::MAX);
            some(amounts(Resources::new([0, 1, 2, 3].map(read))))
        }
        ("until", _) => some(instant(Instant(whole(value)))),
        ("hint", _) => some(match value.get("retry_after") {
            Some(after) => format!("StartHint::RetryAfter({})", duration(span(after))),
            None => variant("StartHint", value),
        }),
        ("idle", _) => some(duration(span(value))),
        ("machine", "done") => some(machine(MachineId(whole(value)))),
        ("limits", "set_limits") => {
            let parts = ["min", "max", "spare", "idle"];
            let parts =
                parts.map(|name| format!("{name}: {}", field("limits", name, &value[name])));
            format!("Limits {{ {} }}", parts.join(", "))
        }
        ("kind", _) => format!("KindId({})", plain()),
        ("request", _) => format!("RequestId({})", plain()),
        ("machine" | "first" | "least", _) => machine(MachineId(whole(value))),
        ("task", _) => format!("TaskId({})", plain()),
        ("waiter", _) => format!("WaiterId({})", plain()),
        ("key", _) => {
            let part = |name: &str| number(whole(&value[name]));
            format!("OnceKey {{ kind: {}, key: {} }}", part("kind"), part("key"))
        }
        ("at", _) => instant(Instant(whole(value))),
        ("outcome", "done") => variant("Outcome", value),
        ("outcome", _) => variant("OnceOutcome", value),
        ("by", "recovered") => variant("Recovery", value),
        ("by", _) => variant("Loss", value),
        _ => plain(),
    }
}

/// A duration from its JSON.
fn span(value: &Value) -> Duration {
    let part = |name: &str| value[name].as_u64().unwrap_or_default();
    let nanos = u32::try_from(part("nanos")).unwrap_or_default();
    Duration::new(part("secs"), nanos)
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

fn signed(n: i64) -> String {
    let digits = number(n.unsigned_abs());
    match n < 0 {
        true => format!("-{digits}"),
        false => digits,
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
            "Event::AssignTask",
            "Event::DiscardTask",
            "Event::Once ",
            "Event::OnceDone",
            "Event::ForgetOnce",
            "Event::Polled",
            "Event::Join",
            "Event::Drain",
            "Event::Keep",
            "Event::SetLimits",
            "Event::SetMaxProcs",
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
            "Action::Expired",
            "Action::SetTimer",
            "Action::ClearTimer",
            "Notice::Probation",
            "Notice::Recovered",
            "Notice::MachineLost",
            "Notice::Ended",
            "Notice::Draining",
            "Notice::Kept",
            "Notice::Held",
            "Notice::NoHome",
            "Notice::StartsFailing",
            "Notice::Summary",
            "Reject::TooManyProcs",
            "Reject::OnceUnknown",
            "Reject::TooLarge",
            "Reject::JoinId",
            "Recovery::Success",
            "Loss::Stopped",
            "Loss::Drained",
            "Submit::machine()",
            "Kinds::from_bits(",
            "StartHint::RetryAfter(",
            "StartHint::AtCapacity",
            "MachineId::joined(",
            ".prefer(",
            ".give_up(",
            "Resources::procs(",
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
