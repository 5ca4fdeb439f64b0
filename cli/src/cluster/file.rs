//! Cluster files: the kinds of machine of a run in TOML, `--cluster FILE`.
use std::path::Path;
use std::time::Duration;

use remuda_cli::memory::MemoryMib;
use serde::Deserialize;
use toml::Spanned;

use super::{Amounts, Host, KindPlan, Launch, hosts};
use crate::values::words;

/// What a file describes.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) kinds: Vec<KindPlan>,
    pub(super) max_procs: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    max_procs: Option<u64>,
    #[serde(default)]
    kind: Vec<Spanned<Table>>,
}

/// One `[[kind]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    #[serde(default)]
    labels: Vec<String>,
    procs: Option<u32>,
    memory: Option<MemoryMib>,
    gpus: Option<u32>,
    #[serde(default)]
    min: u32,
    max: Option<u32>,
    #[serde(default)]
    spare: u32,
    idle: Option<Idle>,
    cost: Option<u32>,
    max_pending: Option<u32>,
    host: Option<String>,
    launch: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected seconds from 0.1 to 1000000, or \"never\""
)]
enum Idle {
    Seconds(f64),
    Word(Never),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Never {
    Never,
}

/// Reads a cluster file.
///
/// # Errors
/// One line: the file, the line in it, what is wrong and what is allowed.
pub(super) fn read(path: &Path) -> Result<Described, String> {
    let at = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("--cluster {at}: {error}"))?;
    parse(&text).map_err(|(line, error)| match line {
        0 => format!("--cluster {at}: {error}"),
        line => format!("--cluster {at}, line {line}: {error}"),
    })
}

/// The error has the number of its line, 0 for none.
fn parse(text: &str) -> Result<Described, (usize, String)> {
    let line_of = |at: usize| 1 + text[..at].bytes().filter(|&byte| byte == b'\n').count();
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(span.start));
        (line, error.message().replace('\n', ", "))
    })?;
    let mut kinds: Vec<KindPlan> = Vec::new();
    for table in file.kind {
        let line = line_of(table.span().start);
        let kind = kind(table.into_inner()).map_err(|error| (line, error))?;
        if kinds.iter().any(|other| other.name == kind.name) {
            return Err((line, format!("the kind {} is there twice", kind.name)));
        }
        kinds.push(kind);
    }
    if kinds.is_empty() {
        let error = "it has no kind of machine: [[kind]], then name = \"…\", procs = …";
        return Err((0, error.into()));
    }
    if file.max_procs == Some(0) {
        return Err((0, "max_procs 0: at least 1".into()));
    }
    Ok(Described {
        kinds,
        max_procs: file.max_procs,
    })
}

fn kind(table: Table) -> Result<KindPlan, String> {
    let name = table.name;
    let of = |error: &str| format!("kind {name}: {error}");
    let words_of_it = std::iter::once(&name).chain(&table.labels);
    if words_of_it
        .into_iter()
        .any(|word| word.is_empty() || word.contains(char::is_control))
    {
        return Err(format!(
            "kind {name:?}: a name or label is empty or has a control character in it"
        ));
    }
    let mut said = Amounts {
        procs: table.procs,
        memory_mib: table.memory.map(|memory| memory.0),
        gpus: table.gpus,
    };
    if said.procs == Some(0) {
        return Err(of("procs 0: a machine has at least 1"));
    }
    let (launch, most) = match (table.launch, table.host) {
        (Some(_), Some(_)) => return Err(of("host and launch exclude each other")),
        (Some(launch), None) => {
            let words = words(&launch).map_err(|error| of(&format!("launch: {error}")))?;
            if said.procs.is_none() {
                return Err(of("with launch, procs says what a machine has: procs = 8"));
            }
            if table.max.is_none() {
                let max = "with launch, max says how many machines there may be: max = 4";
                return Err(of(max));
            }
            (Launch::Command(words), u32::MAX)
        }
        (None, Some(host)) => {
            let host: Result<Host, String> = host.parse();
            let host = host.map_err(|error| of(&format!("host: {error}")))?;
            said.procs = said.procs.or(host.procs);
            let launch = match host.name.as_str() {
                hosts::HERE => Launch::Here,
                _ => Launch::Ssh {
                    procs_said: said.procs.is_some(),
                    host: host.name,
                },
            };
            (launch, 1)
        }
        (None, None) => (Launch::Here, u32::MAX),
    };
    let max = table.max.unwrap_or(1);
    if max > most {
        return Err(of(&format!("max {max}: a host is one machine")));
    }
    if launch == Launch::Here && max > 1 && said.gpus.unwrap_or(0) > 0 {
        return Err(of(
            "several machines of this computer cannot share its GPUs",
        ));
    }
    if table.min > max || table.spare > max {
        return Err(of(&format!("min and spare are at most max, {max}")));
    }
    if table.max_pending == Some(0) {
        return Err(of("max_pending 0: no machine could start; at least 1"));
    }
    let defaults = KindPlan::new(name.clone(), launch, said);
    let idle = match table.idle {
        None => defaults.idle,
        Some(Idle::Word(Never::Never)) => None,
        Some(Idle::Seconds(seconds)) if (0.1..=1e6).contains(&seconds) => {
            Some(Duration::from_secs_f64(seconds))
        }
        Some(Idle::Seconds(_)) => {
            return Err(of(
                "idle: expected seconds from 0.1 to 1000000, or \"never\"",
            ));
        }
    };
    Ok(KindPlan {
        labels: table.labels,
        min: table.min,
        max,
        spare: table.spare,
        idle,
        cost: table.cost.unwrap_or(1),
        max_pending: table.max_pending,
        ..defaults
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_describes_kinds_in_their_order() {
        let text = r#"
max_procs = 200

[[kind]]
name = "small"
labels = ["cheap"]
procs = 8
memory = "32GiB"
min = 1
max = 20
spare = 2
idle = 120
cost = 3
max_pending = 4
launch = "ssh 'a host' remuda worker --procs {procs}"

[[kind]]
name = "gpu"
host = "4/build7"
gpus = 2
idle = "never"

[[kind]]
name = "here"
"#;
        let Described { kinds, max_procs } = parse(text).unwrap();
        assert_eq!(max_procs, Some(200));
        let [small, gpu, here] = &kinds[..] else {
            panic!("{kinds:?}")
        };
        assert_eq!(
            (&*small.name, &small.labels[..]),
            ("small", &["cheap".to_owned()][..])
        );
        assert_eq!(
            (small.said.procs, small.said.memory_mib),
            (Some(8), Some(32_768))
        );
        assert_eq!((small.min, small.max, small.spare), (1, 20, 2));
        assert_eq!((small.cost, small.max_pending), (3, Some(4)));
        assert_eq!(small.idle, Some(Duration::from_secs(120)));
        let words = ["ssh", "a host", "remuda", "worker", "--procs", "{procs}"];
        assert_eq!(
            small.launch,
            Launch::Command(words.map(str::to_owned).to_vec())
        );
        let host = Launch::Ssh {
            host: "build7".into(),
            procs_said: true,
        };
        assert_eq!(gpu.launch, host);
        assert_eq!(
            (gpu.said.procs, gpu.said.gpus, gpu.max),
            (Some(4), Some(2), 1)
        );
        assert_eq!((gpu.idle, here.idle), (None, None));
        assert_eq!((&here.launch, here.max), (&Launch::Here, 1));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_allowed() {
        let kind = "\n[[kind]]\nname = \"a\"\n";
        for (text, line, reason) in [
            ("", 0, "no kind of machine"),
            (
                "max_proc = 3",
                1,
                "unknown field `max_proc`, expected `max_procs` or `kind`",
            ),
            (
                &*format!("{kind}proc = 8"),
                4,
                "unknown field `proc`, expected one of `name`, `labels`, `procs`",
            ),
            (
                &format!("{kind}memory = 8"),
                4,
                "expected an amount of memory with its unit, such as \"2GiB\"",
            ),
            (
                &format!("{kind}procs = 0"),
                2,
                "kind a: procs 0: a machine has at least 1",
            ),
            (
                &format!("{kind}procs = -1"),
                4,
                "invalid value: integer `-1`, expected u32",
            ),
            (
                &format!("{kind}idle = \"x\""),
                4,
                "expected seconds from 0.1 to 1000000, or \"never\"",
            ),
            (
                &format!("{kind}idle = 0"),
                2,
                "expected seconds from 0.1 to 1000000, or \"never\"",
            ),
            (&format!("{kind}launch = \"x\""), 2, "procs = 8"),
            (&format!("{kind}procs = 1\nlaunch = \"x\""), 2, "max = 4"),
            (
                &format!("{kind}procs = 1\nmax = 1\nlaunch = \"'x\""),
                2,
                "kind a: launch: a quote is not closed",
            ),
            (
                &format!("{kind}host = \"b\"\nmax = 2"),
                2,
                "max 2: a host is one machine",
            ),
            (
                &format!("{kind}host = \"-b\""),
                2,
                "kind a: host: \"-b\" is no host",
            ),
            (
                &format!("{kind}host = \"b\"\nlaunch = \"c\""),
                2,
                "exclude each other",
            ),
            (
                &format!("{kind}max = 2\ngpus = 1"),
                2,
                "cannot share its GPUs",
            ),
            (
                &format!("{kind}min = 2"),
                2,
                "min and spare are at most max, 1",
            ),
            (&format!("{kind}max_pending = 0"), 2, "max_pending 0"),
            (&format!("{kind}{kind}"), 5, "the kind a is there twice"),
            ("[[kind]]\nprocs = 1", 1, "missing field `name`"),
            ("[[kind]\n", 1, ""),
        ] {
            let (at, error) = parse(text).unwrap_err();
            assert!(
                at == line && error.contains(reason),
                "{text}: line {at}: {error}"
            );
            assert!(!error.contains('\n'), "{text}: {error}");
        }
    }
}
