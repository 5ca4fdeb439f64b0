//! Where to run it: the flags about machines.
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use super::batch::BatchArgs;
use crate::values::{count, seconds};

#[derive(Args, Debug)]
pub(crate) struct MachineArgs {
    /// Most procs to have at any time, over all machines [default: all cores of this computer].
    ///
    /// Never exceeded: rounded down to whole machines. Example: --max-procs 4 --machine-procs 1 has up to four
    /// machines of one proc each.
    #[arg(long, value_name = "N", value_parser = count)]
    max_procs: Option<NonZeroU32>,

    /// Procs of one machine [default: all cores, or --max-procs if that is less].
    ///
    /// May exceed this computer's cores, say for jobs that wait more than they compute, or for machines that are
    /// larger than this one. Example: --machine-procs 64 --launch 'ssh big remuda worker --procs {procs}'
    #[arg(long, value_name = "N", value_parser = count)]
    machine_procs: Option<NonZeroU32>,

    /// Load a machine at most to this part of its procs.
    ///
    /// Example: --max-load 0.75 runs six jobs of one proc on a machine of eight. How many run at a time over all
    /// machines is what --max-procs says.
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = load)]
    pub(crate) max_load: f64,

    /// The command that starts a machine [default: this program, as `remuda worker --procs {procs}`].
    ///
    /// Split into words as a shell would, but never run by one; {procs} and {machine} in a word stand for the procs of
    /// a machine and its name. Example: --launch 'ssh host remuda worker --procs {procs}'
    #[arg(long, value_name = "TEMPLATE", value_parser = template)]
    launch: Option<Template>,

    /// Take a machine for lost whose worker answers no poll for this long.
    ///
    /// It is polled six times in this span. A worker that another program has started gives up when it has heard nothing
    /// for seven twelfths of it, so that no job runs twice at once when the network fails. Example: --silent-after 10
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) silent_after: Duration,

    #[command(flatten)]
    pub(crate) batch: BatchArgs,
}

/// The words of a launch command.
#[derive(Clone, Debug)]
struct Template(Vec<String>);

/// What the command line comes to, as sizes of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) machine_procs: u32,
    pub(crate) max_procs: u32,
}

impl MachineArgs {
    /// The sizes asked for, on a computer of so many cores.
    ///
    /// # Errors
    /// One line, if a machine would be larger than the cluster.
    pub(crate) fn sizes(&self, cores: u32) -> Result<Sizes, String> {
        let machine = self.machine_procs.map(NonZeroU32::get);
        let max_procs = match self.max_procs {
            Some(max_procs) => max_procs.get(),
            // A machine larger than this computer was asked for by name: then one of it.
            None => cores.max(machine.unwrap_or(1)),
        };
        let machine_procs = machine.unwrap_or(cores.min(max_procs));
        if machine_procs > max_procs {
            return Err(format!(
                "--machine-procs {machine_procs} is more than --max-procs {max_procs}: not one machine would fit"
            ));
        }
        Ok(Sizes {
            machine_procs,
            max_procs,
        })
    }

    /// Whether machines are processes of this computer, started by this very program, which nothing can part from it.
    pub(crate) fn launches_itself(&self) -> bool {
        self.launch.is_none()
    }

    /// The most procs, if the user says so.
    pub(crate) fn max_procs(&self) -> Option<u32> {
        self.max_procs.map(NonZeroU32::get)
    }

    /// The words that start a machine: the user's, or this very program.
    pub(crate) fn launch(&self) -> Vec<String> {
        if let Some(Template(words)) = &self.launch {
            return words.clone();
        }
        let own = own_program();
        [own.as_str(), "worker", "--procs", "{procs}"]
            .map(str::to_owned)
            .to_vec()
    }

    /// The words that run a launch command that may be queued, none for others: `remuda launch` ends it with this program.
    pub(crate) fn launch_prefix(&self) -> Option<Vec<String>> {
        let queued = self.batch.is_queued(&self.launch());
        queued.then(|| vec![own_program(), "launch".into(), "--".into()])
    }
}

/// The path of this program.
fn own_program() -> String {
    // The link outlives the path: a program that was moved or deleted meanwhile can still start itself.
    let own = std::env::current_exe().ok().filter(|path| path.exists());
    let own = own.and_then(|path| path.into_os_string().into_string().ok());
    own.unwrap_or_else(|| "/proc/self/exe".to_owned())
}

fn load(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(load) if load.is_finite() && load > 0.0 => Ok(load),
        _ => Err("expected a number above 0, such as 0.95".into()),
    }
}

fn template(text: &str) -> Result<Template, String> {
    match shlex::split(text) {
        None => Err("a quote is not closed, or a backslash has nothing after it".into()),
        Some(words) if words.first().is_none_or(String::is_empty) => {
            Err("no program is named".into())
        }
        Some(words) if words.iter().any(|word| word.contains('\0')) => {
            Err("it has a NUL character".into())
        }
        Some(words) => Ok(Template(words)),
    }
}
