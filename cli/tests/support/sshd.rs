//! A real sshd on a loopback port, with keys and configuration of its own, and several names of ssh for it.
#![allow(dead_code)] // Each test file uses its own part.
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Dir, REMUDA, processes, wait_for};

/// A server, ended with the test.
pub(crate) struct Sshd {
    child: Child,
    dir: Dir,
    port: u16,
}

/// The server's program; `None`, said on standard error, where there is none.
fn program(test: &str) -> Option<PathBuf> {
    let path = PathBuf::from("/usr/sbin/sshd");
    if path.is_file() && rustix::process::geteuid().is_root() {
        return Some(path);
    }
    // Not by a macro: those are not shown of a test that passes.
    let text = format!("SKIPPED {test}: no sshd, or not root (apt-get install openssh-server)\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
    None
}

fn keygen(path: &Path, passphrase: &str) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

impl Sshd {
    /// Starts a server. `more` are lines for its configuration, which come first and so decide.
    pub(crate) fn start(test: &str, more: &str) -> Option<Sshd> {
        let program = program(test)?;
        let dir = Dir::new();
        keygen(&dir.at("host"), "");
        keygen(&dir.at("key"), "");
        keygen(&dir.at("locked"), "a secret");
        fs::create_dir_all("/run/sshd").unwrap();
        fs::create_dir_all(dir.at("home")).unwrap();
        fs::create_dir_all(dir.at("bin")).unwrap();
        symlink(REMUDA, dir.at("bin/remuda")).unwrap();
        let public = |name: &str| fs::read_to_string(dir.at(name)).unwrap();
        dir.write("keys", public("key.pub") + &public("locked.pub"));
        // A port that is free now may be another's when the server asks for it: then another one.
        let (child, port) = std::iter::repeat_with(|| listen(&program, &dir, more))
            .find_map(|server| server)
            .expect("it repeats for ever");
        let known = fs::read_to_string(dir.at("host.pub")).unwrap();
        dir.write("known", format!("[127.0.0.1]:{port} {known}"));
        let server = Sshd { child, dir, port };
        server.write_client("", &[]);
        Some(server)
    }

    /// The client's configuration, `more` first: any name is this server, and has the good key but for those named.
    pub(crate) fn write_client(&self, more: &str, keyless: &[&str]) {
        let (port, at) = (self.port, |name: &str| self.dir.text(name));
        let but: String = keyless.iter().map(|name| format!(" !{name}")).collect();
        let text = format!(
            "{more}\nHost *{but}\n  IdentityFile {}\nHost *\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  \
             IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            at("key"),
            at("known")
        );
        self.dir.write("ssh_config", text);
    }

    /// The command that reaches it.
    pub(crate) fn ssh(&self) -> String {
        format!("ssh -F {}", self.dir.text("ssh_config"))
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.dir.at(name)).unwrap()
    }

    /// Puts a script where nothing is but perhaps a link: below `bin/`, the remote side finds it.
    pub(crate) fn install(&self, name: &str, script: &str) {
        let path = self.dir.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The processes that serve a connection each: the children of the server.
    pub(crate) fn connections(&self) -> Vec<u32> {
        let own = self.child.id().to_string();
        let children = processes().into_iter().filter(|it| it.parent == own);
        children.map(|it| it.pid).collect()
    }
}

/// Starts a server on a port that is free; `None` if it was taken meanwhile.
fn listen(program: &Path, dir: &Dir, more: &str) -> Option<(Child, u16)> {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    dir.write("sshd_config", config(dir, port, more));
    let log = File::create(dir.at("sshd.log")).unwrap();
    let mut child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(dir.at("sshd_config"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(dir.at("sshd.log")).unwrap();
    wait_for("sshd to listen, or to end", || {
        said().contains("Server listening") || child.try_wait().unwrap().is_some()
    });
    if child.try_wait().unwrap().is_some() {
        assert!(
            said().contains("Address already in use"),
            "sshd: {}",
            said()
        );
        return None;
    }
    Some((child, port))
}

/// What the remote side sees as its home and PATH is the test's.
fn config(dir: &Dir, port: u16, more: &str) -> String {
    let at = |name: &str| dir.text(name);
    format!(
        "{more}\nListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         MaxStartups 10:30:100\nSetEnv \"PATH={}:/usr/bin:/bin\" \"HOME={}\"\n",
        at("host"),
        at("keys"),
        at("bin"),
        at("home"),
    )
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
