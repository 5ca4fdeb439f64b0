//! How ssh is told to start a worker, and what to do when it could not.

/// How other hosts are reached.
#[derive(Clone, Debug)]
pub(crate) struct Ssh {
    /// The program and options of the user's.
    pub(crate) command: Vec<String>,
    /// The program `remuda` there, for the shell of that host.
    pub(crate) remote_bin: String,
}

/// No terminal and no question: what would ask fails. A host that does not answer fails too. What the user's configuration
/// says of terminals, forwardings and commands is for sessions by hand.
const OPTIONS: [&str; 10] = [
    "-T",
    "-x",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=20",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "RemoteCommand=none",
];

impl Ssh {
    /// The words that start a worker on a host, with these arguments of its own.
    pub(super) fn words(&self, host: &str, arguments: &[String]) -> Vec<String> {
        // The shell there is replaced, so that nothing stands between ssh and the worker.
        let mut remote = format!("exec {} worker", quoted(&self.remote_bin));
        for argument in arguments {
            remote += " ";
            remote += &quoted(argument);
        }
        let mut words = self.command.clone();
        words.extend(OPTIONS.map(str::to_owned));
        words.extend(["--".to_owned(), host.to_owned(), remote]);
        words
    }
}

/// A word for a shell, in which a `~/` at the beginning still is the home directory, and `{procs}` is filled in later.
fn quoted(word: &str) -> String {
    if word == "{procs}" {
        return word.to_owned();
    }
    let (home, rest) = match word.strip_prefix("~/") {
        Some(rest) => ("~/", rest),
        None => ("", word),
    };
    let rest = shlex::try_quote(rest).expect("an argument has no NUL");
    format!("{home}{rest}")
}

/// What to do about a start on `host` that failed with this error.
pub(super) fn advice(host: &str, error: &str) -> Option<String> {
    let says = |text: &str| error.contains(text);
    let missing = says("exit status: 127");
    Some(if says("Host key verification failed") {
        format!(
            "the key of {host} is not known here, or has changed: connect once by hand, `ssh {host}`, and compare it, or add \
             it to ~/.ssh/known_hosts"
        )
    } else if says("Permission denied (") || says("Too many authentication failures") {
        format!(
            "{host} wants a key, and no question is asked: `ssh -o BatchMode=yes {host} true` must work; a key with a \
             passphrase must be in an ssh-agent (ssh-add)"
        )
    } else if missing {
        format!(
            "there is no remuda on the PATH of {host}: copy it, `scp \"$(command -v remuda)\" {host}:`, and say --remote-bin \
             ./remuda, or install it there (cargo install remuda-cli) and say --remote-bin ~/.cargo/bin/remuda"
        )
    } else if says("exit status: 126") || says("Exec format error") {
        format!(
            "what --remote-bin names cannot be run on {host}: it needs a remuda of its own system"
        )
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_there_is_one_word_of_its_shell() {
        let words = |remote_bin: &str| {
            let ssh = Ssh {
                command: vec!["ssh".into(), "-F".into(), "conf".into()],
                remote_bin: remote_bin.into(),
            };
            ssh.words("build7", &["--procs", "{procs}"].map(str::to_owned))
        };
        let all = words("remuda");
        assert_eq!(all[..3], ["ssh", "-F", "conf"]);
        assert!(all.contains(&"BatchMode=yes".to_owned()));
        let last = |words: Vec<String>| words[words.len() - 3..].to_vec();
        let expected = ["--", "build7", "exec remuda worker --procs {procs}"];
        assert_eq!(last(all), expected);
        let remote = |path| last(words(path)).pop().unwrap();
        assert_eq!(remote("~/a b/r"), "exec ~/'a b/r' worker --procs {procs}");
        assert_eq!(remote("$(x)"), "exec '$(x)' worker --procs {procs}");
    }
}
