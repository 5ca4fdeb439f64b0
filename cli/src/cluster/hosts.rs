//! Hosts as `--host` and `--hosts` name them, in the form of GNU parallel's `--sshlogin`: `[@LABELS/][N/]HOST`.
use std::path::Path;

use crate::args::MachineArgs;

/// The host that is this computer.
pub(super) const HERE: &str = ":";

/// A host, of which there is one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// What ssh is told: a name of ~/.ssh/config, `user@host`, `ssh://user@host:port`.
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    /// `None`: it is asked.
    pub(crate) procs: Option<u32>,
}

impl std::str::FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Host, String> {
        let mut rest = text;
        let mut labels = Vec::new();
        if let Some(after) = rest.strip_prefix('@') {
            let (groups, host) = after
                .split_once('/')
                .ok_or("a host is missing behind the labels: @LABELS/[N/]HOST")?;
            labels = groups.split('+').map(str::to_owned).collect();
            if labels.iter().any(String::is_empty) {
                return Err("a label is empty: @LABEL+LABEL/[N/]HOST".into());
            }
            rest = host;
        }
        let mut procs = None;
        if let Some((number, host)) = rest.split_once('/')
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            let number = number.parse().ok().filter(|&number| number > 0);
            procs = Some(number.ok_or("the procs before the host must be from 1 up: [N/]HOST")?);
            rest = host;
        }
        if rest.is_empty() {
            return Err("a host is missing: [N/]HOST".into());
        }
        // ssh would take it for an option.
        if rest.starts_with('-') {
            return Err(format!("{rest:?} is no host: a name does not begin with -"));
        }
        if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!(
                "{rest:?} is no host: options of ssh go into --ssh or ~/.ssh/config"
            ));
        }
        Ok(Host {
            name: rest.to_owned(),
            labels,
            procs,
        })
    }
}

/// All hosts that flags and files name, in their order, those of flags first.
pub(super) fn all(args: &MachineArgs) -> Result<Vec<Host>, String> {
    let mut hosts = args.host.clone();
    if let Some(path) = &args.hosts {
        hosts.extend(read(path)?);
        if hosts.is_empty() {
            return Err(format!("--hosts {}: it names no host", path.display()));
        }
    }
    Ok(hosts)
}

/// Reads a file of hosts: one a line; blank lines and what follows a # are skipped.
fn read(path: &Path) -> Result<Vec<Host>, String> {
    let at = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("--hosts {at}: {error}"))?;
    let lines = (1..).zip(text.lines());
    let lines = lines.map(|(number, line)| {
        // A # within a word is part of it.
        let comment = line.char_indices().find(|&(at, c)| {
            c == '#'
                && line[..at]
                    .chars()
                    .next_back()
                    .is_none_or(char::is_whitespace)
        });
        let line = comment.map_or(line, |(at, _)| &line[..at]);
        (number, line.trim())
    });
    let named = lines.filter(|(_, line)| !line.is_empty());
    let hosts = named.map(|(number, line)| {
        let host = line.parse();
        host.map_err(|error: String| format!("--hosts {at}, line {number}: {error}"))
    });
    hosts.collect()
}

/// What to call a host in a message.
pub(super) fn shown(name: &str) -> &str {
    match name {
        HERE => "this computer",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<(String, Option<u32>, String), String> {
        text.parse()
            .map(|host: Host| (host.labels.join("+"), host.procs, host.name))
    }

    #[test]
    fn a_host_has_labels_and_procs_before_it() {
        let read = |text| host(text).unwrap();
        let whole = |labels: &str, procs, name: &str| (labels.to_owned(), procs, name.to_owned());
        assert_eq!(read("build7"), whole("", None, "build7"));
        assert_eq!(read("8/me@build7"), whole("", Some(8), "me@build7"));
        assert_eq!(read(":"), whole("", None, ":"));
        assert_eq!(read("4/:"), whole("", Some(4), ":"));
        assert_eq!(read("@a+b/2/x"), whole("a+b", Some(2), "x"));
        assert_eq!(read("@a/x"), whole("a", None, "x"));
        let port = "ssh://me@host:2222";
        assert_eq!(read(port), whole("", None, port));
        assert_eq!(read(&format!("3/{port}")), whole("", Some(3), port));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for (text, reason) in [
            ("", "a host is missing"),
            ("8/", "a host is missing"),
            ("0/x", "from 1 up"),
            ("99999999999/x", "from 1 up"),
            ("-oProxyCommand=x", "does not begin with -"),
            ("8/-l", "does not begin with -"),
            ("ssh -p 22 x", "options of ssh go into --ssh"),
            ("@a", "behind the labels"),
            ("@a+/x", "a label is empty"),
        ] {
            let error = host(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_has_a_host_a_line_and_comments() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        std::fs::write(&path, "# ours\n\n8/a  # the big one\n  b#1 \n\t:\r\n").unwrap();
        let names: Vec<_> = read(&path).unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["a", "b#1", ":"]);
        std::fs::write(&path, "a\n\nb c\n").unwrap();
        let error = read(&path).unwrap_err();
        assert!(
            error.contains("hosts, line 3: \"b c\" is no host"),
            "{error}"
        );
    }
}
