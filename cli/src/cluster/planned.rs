//! A cluster file for a plan: nothing is asked, and nothing starts.
use std::path::Path;
use std::time::Duration;

use remuda::{Config, Kinds};
use remuda_cli::offers::UNKNOWN;
use remuda_worker::Offer as Found;

use super::{Launch, Machines, Ssh, cores, file};

/// A cluster that may be.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) config: Config,
    /// What the kinds are called, by number.
    pub(crate) kinds: Vec<String>,
}

impl Planned {
    /// What a cluster file describes.
    ///
    /// # Errors
    /// One line: the file, the line or the kind in it, what is wrong and what is allowed.
    pub(crate) fn read(path: &Path) -> Result<Planned, String> {
        let described = file::read(path)?;
        let mut kinds = described.kinds;
        for kind in &mut kinds {
            let enough = match kind.launch {
                Launch::Here => {
                    kind.said.procs.get_or_insert(cores());
                    Found::memory_found()
                }
                // It would be asked how much it has.
                Launch::Ssh { .. } => UNKNOWN,
                _ => 0,
            };
            if kind.said.procs.is_none() {
                return Err(format!(
                    "--cluster {}: kind {}: a plan does not ask hosts what they have: say procs = 8, or whatever it has",
                    path.display(),
                    kind.name
                ));
            }
            kind.said.memory_mib.get_or_insert(enough);
        }
        let machines = Machines {
            kinds,
            max_procs: described.max_procs,
            max_load: 1.0,
            // Nothing is started.
            ssh: Ssh {
                command: Vec::new(),
                remote_bin: String::new(),
            },
            worker_args: Vec::new(),
            max_pending: None,
            hello_timeout: Duration::ZERO,
            queued: Kinds::NONE,
            assumed: false,
        };
        let config = machines.config();
        let config = config.map_err(|error| format!("--cluster {}: {error}", path.display()))?;
        let names = machines.kinds.iter().map(|kind| kind.name.clone());
        Ok(Planned {
            config,
            kinds: names.collect(),
        })
    }
}
