//! What the manager is told of the machines of a run.
use remuda::{Config, ConfigError, Kind, Resources};

use super::{Launch, Machines};

impl Machines {
    /// What the manager is told of all this, once it was learned.
    ///
    /// # Errors
    /// One line that names the flag, or the kind, and the limit.
    pub(crate) fn config(&self) -> Result<Config, String> {
        let mut config = match &self.kinds[..] {
            [kind] if kind.name.is_empty() => self.config_of_one(kind.procs())?,
            _ => Config::empty(),
        };
        config.kinds.clear();
        let mut most = 0_u64;
        for plan in &self.kinds {
            let name = |error: ConfigError| match plan.name.is_empty() {
                true => format!("--machine-procs, with --max-load: {error}"),
                false => format!("kind {}: {error}", plan.name),
            };
            let procs = match plan.launch {
                Launch::Elsewhere => plan.procs(),
                _ => self.loaded(plan.procs()).map_err(name)?,
            };
            let capacity = Resources::procs(procs)
                .memory_mib(plan.said.memory_mib.unwrap_or(0))
                .gpus(plan.said.gpus.unwrap_or(0));
            let mut kind = Kind::new(capacity)
                .min(plan.min)
                .max(plan.max)
                .spare(plan.spare)
                .cost(plan.cost);
            kind.idle = plan.idle;
            kind.startable = plan.launch != Launch::Elsewhere;
            if let Some(pending) = plan.max_pending.or(self.max_pending) {
                kind = kind.max_pending(pending);
            }
            config = config.kind(kind);
            config.validate().map_err(name)?;
            most = most.saturating_add(u64::from(procs).saturating_mul(u64::from(plan.max)));
        }
        if self.kinds.len() > 1 || !self.kinds[0].name.is_empty() {
            config = config.max_procs(self.max_procs.map_or(most, |max| max.min(most)));
        }
        Ok(config)
    }

    /// The limits of the one kind without a name: `--max-procs` is never exceeded, and rounded down to whole machines (S1).
    pub(super) fn config_of_one(&self, machine_procs: u32) -> Result<Config, String> {
        let max_procs = self.max_procs.unwrap_or(u64::from(machine_procs));
        let config = Config::with_max_load(machine_procs, max_procs, self.max_load);
        config.map_err(|error| match error {
            ConfigError::MachineProcs { .. } => {
                format!("--machine-procs, with --max-load: {error}")
            }
            ConfigError::MaxProcs { least, .. } => {
                format!("--max-procs {max_procs} is less than one machine needs: {least}")
            }
            _ => error.to_string(),
        })
    }

    /// The procs of a machine that are used (S1).
    pub(super) fn loaded(&self, procs: u32) -> Result<u32, ConfigError> {
        let config = Config::with_max_load(procs, u64::from(procs), self.max_load)?;
        Ok(config.kinds[0].capacity.proc_count())
    }
}
