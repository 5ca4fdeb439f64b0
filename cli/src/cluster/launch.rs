//! How machines are started: the commands of each kind, and the system that runs them.
use std::path::PathBuf;

use remuda::KindId;
use remuda_tokio::{ProcessSystem, Tokio};

use super::{Launch, Machines, hosts, ssh};

/// How many machines may be starting at a time where `ssh` starts them: below ten connections that have not logged in yet,
/// from which on sshd begins to refuse some (its `MaxStartups`).
const STARTS_BY_SSH: usize = 8;

impl Machines {
    /// The system that starts them.
    pub(crate) fn system(&self, runtime: &Tokio) -> ProcessSystem {
        let templates = self.kinds.iter().map(|kind| self.template(&kind.launch));
        self.system_with(runtime, templates.collect())
    }

    /// A system with these commands, one for each kind.
    pub(super) fn system_with(
        &self,
        runtime: &Tokio,
        templates: Vec<Vec<String>>,
    ) -> ProcessSystem {
        let mut system = ProcessSystem::new(runtime.clone(), templates[0].clone());
        for (kind, template) in (0..).map(KindId).zip(templates) {
            system = system.template_of(kind, template);
        }
        for (kind, name) in self.names() {
            system = system.name_of(kind, hosts::shown(name));
        }
        let by_ssh = self.kinds.iter();
        let by_ssh = by_ssh.filter(|kind| matches!(kind.launch, Launch::Ssh { .. }));
        if by_ssh.count() > 0 {
            let limit = self.max_pending.map_or(STARTS_BY_SSH, |max| max as usize);
            system = system.starts_at_a_time(limit).advice(ssh::advice);
        }
        system
    }

    /// The words that start a machine.
    pub(super) fn template(&self, launch: &Launch) -> Vec<String> {
        match launch {
            Launch::Command(words) => words.clone(),
            Launch::Elsewhere => Vec::new(),
            Launch::Here => {
                let words = ["worker", "--procs", "{procs}"].map(str::to_owned);
                [&[own_program()], &words[..], &self.worker_args].concat()
            }
            Launch::Ssh { host, procs_said } => {
                // Without a number it offers what it has: it may not have been asked yet.
                let procs = procs_said.then(|| ["--procs", "{procs}"].map(str::to_owned));
                let procs = procs.into_iter().flatten();
                let arguments: Vec<String> =
                    procs.chain(self.worker_args.iter().cloned()).collect();
                self.ssh.words(host, &arguments)
            }
        }
    }
}

/// This very program.
pub(crate) fn own_program() -> String {
    // The link outlives the path: a program that was moved or deleted meanwhile can still start itself.
    let own: Option<PathBuf> = std::env::current_exe().ok().filter(|path| path.exists());
    let own = own.and_then(|path| path.into_os_string().into_string().ok());
    own.unwrap_or_else(|| "/proc/self/exe".to_owned())
}
