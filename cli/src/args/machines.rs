//! Where to run it: the flags about machines.
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use remuda_cli::memory::MemoryMib;

use super::batch::BatchArgs;
use crate::cluster::{Host, Ssh, own_program};
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
    /// Split into words as a shell would, but never run by one; {procs}, {memory} (in MiB), {gpus} and {machine} in a
    /// word stand for what a machine has and its name. Example: --launch 'ssh host remuda worker --procs {procs}'
    #[arg(long, value_name = "TEMPLATE", value_parser = template)]
    launch: Option<Template>,

    /// Memory of one machine, for jobs that ask for some [default: what this computer has; with --launch none].
    ///
    /// Example: --launch 'ssh big remuda worker' --machine-procs 64 --machine-memory 256GiB
    #[arg(long, value_name = "SIZE")]
    machine_memory: Option<MemoryMib>,

    /// GPUs of one machine, for jobs that ask for some [default: what this computer has; with --launch none].
    ///
    /// Example: --launch 'ssh big remuda worker' --machine-procs 64 --machine-gpus 4
    #[arg(long, value_name = "N")]
    pub(crate) machine_gpus: Option<u32>,

    /// Run jobs on this host, by ssh; again for more hosts.
    ///
    /// HOST is a name of ~/.ssh/config, user@host or ssh://user@host:port; N/ before it says how many procs to use, else
    /// it is asked; `:` is this computer. @LABEL/ or @LABEL+LABEL/ before all that gives it labels, by which jobs may ask
    /// for it. There must be a remuda there (see --remote-bin), and ssh must get in without a question. Each host is one
    /// machine; one that does not answer is tried again later and again, while the others go on. Example: --host 8/build7
    /// --host @gpu/me@build8 --host :
    #[arg(long, value_name = "[N/]HOST", conflicts_with_all = ["launch", "machine_procs", "machine_memory", "machine_gpus"])]
    pub(crate) host: Vec<Host>,

    /// Run jobs on the hosts of this file, one a line, in the form of --host; blank lines and # comments are skipped.
    ///
    /// Example: --hosts ~/.remuda-hosts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["launch", "machine_procs", "machine_memory", "machine_gpus"])]
    pub(crate) hosts: Option<PathBuf>,

    /// The command with which hosts are reached.
    ///
    /// Split into words as a shell would. Example: --ssh 'ssh -F test.conf -i key'
    #[arg(long, value_name = "COMMAND", default_value = "ssh", value_parser = template)]
    ssh: Template,

    /// The program remuda on other hosts; a path begins in the home directory there.
    ///
    /// Example: --remote-bin ./remuda, after: scp "$(command -v remuda)" build7:
    #[arg(long, value_name = "PATH", default_value = "remuda", value_parser = remote_bin)]
    remote_bin: String,

    /// Run jobs on the kinds of machine that this file describes, in TOML.
    ///
    /// A kind is a [[kind]] with name, labels, procs, memory, gpus; min, max, spare (machines), idle (seconds, or
    /// "never"), cost (of a machine, beside the others), max_pending; and launch, or host, or neither: this computer.
    /// Before them, max_procs is the most over all. Jobs ask by "memory", "gpus" and "kind": a name or label. Example, a
    /// file of six lines: max_procs = 200 / [[kind]] / name = "small" / procs = 8 / max = 20 / launch = "ssh …"
    #[arg(long, value_name = "FILE", conflicts_with_all = ["launch", "machine_procs", "machine_memory", "machine_gpus"])]
    pub(crate) cluster: Option<PathBuf>,

    /// Start at most so many machines at a time [default: 8 over all hosts, no limit for others].
    ///
    /// Example: --max-pending 2 for a server that takes few connections at a time.
    #[arg(long, value_name = "N", value_parser = count)]
    max_pending: Option<NonZeroU32>,

    /// Stop a machine that has had nothing to do for so long; `never`: none is stopped [default: 60, on this computer
    /// never].
    ///
    /// One is started again when jobs need it. Example: --idle 300
    #[arg(long, value_name = "SECONDS", value_parser = idle)]
    idle: Option<Idle>,

    /// More arguments for `remuda worker`, where this program says how it is started: here, and on hosts.
    ///
    /// Split into words as a shell would. Example: --worker-args '--grace 600'
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true, allow_hyphen_values = true, value_parser = more)]
    worker_args: Template,

    /// End a job that takes more memory than it asks for; it fails then.
    ///
    /// Workers look at the processes of a job five times a second (resident memory, in which what is shared counts
    /// once), where there is a /proc, as on Linux: a short excess may be missed, and a job that takes all at once may
    /// meet the kernel's own killer first. Without this flag the excess is only noted, in the job log.
    #[arg(long)]
    pub(crate) enforce_memory: bool,

    /// Take a machine for lost whose worker answers no poll for this long.
    ///
    /// It is polled six times in this span. A worker that another program has started gives up when it has heard nothing
    /// for seven twelfths of it, so that no job runs twice at once when the network fails. Example: --silent-after 10
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) silent_after: Duration,

    #[command(flatten)]
    pub(crate) batch: BatchArgs,
}

/// When a machine has been idle for too long.
#[derive(Clone, Copy, Debug)]
enum Idle {
    After(Duration),
    Never,
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

    /// The words that start a machine, if the user says them.
    pub(crate) fn launch(&self) -> Option<Vec<String>> {
        self.launch.as_ref().map(|Template(words)| words.clone())
    }

    /// The words that run a launch command that may be queued, none for others: `remuda launch` ends it with this program.
    pub(crate) fn launch_prefix(&self) -> Option<Vec<String>> {
        let launch = self.launch()?;
        let queued = self.batch.is_queued(&launch);
        queued.then(|| vec![own_program(), "launch".into(), "--".into()])
    }

    /// The most procs, if the user says so.
    pub(crate) fn max_procs(&self) -> Option<u32> {
        self.max_procs.map(NonZeroU32::get)
    }

    /// The memory of one machine in MiB, if the user says so.
    pub(crate) fn machine_memory(&self) -> Option<u32> {
        self.machine_memory.map(|MemoryMib(mib)| mib)
    }

    /// How many machines may be starting at a time, if the user says so.
    pub(crate) fn max_pending(&self) -> Option<u32> {
        self.max_pending.map(NonZeroU32::get)
    }

    /// More arguments for workers that this program starts.
    pub(crate) fn worker_args(&self) -> Vec<String> {
        self.worker_args.0.clone()
    }

    /// How hosts are reached.
    pub(crate) fn ssh(&self) -> Ssh {
        Ssh {
            command: self.ssh.0.clone(),
            remote_bin: self.remote_bin.clone(),
        }
    }

    /// When an idle machine is stopped: as the user says, or else like this.
    pub(crate) fn idle(&self, or: Option<Duration>) -> Option<Duration> {
        match self.idle {
            None => or,
            Some(Idle::After(idle)) => Some(idle),
            Some(Idle::Never) => None,
        }
    }
}

fn idle(text: &str) -> Result<Idle, String> {
    match text {
        "never" => Ok(Idle::Never),
        text => match seconds(text) {
            Ok(idle) => Ok(Idle::After(idle)),
            Err(error) => Err(format!("{error}, or never")),
        },
    }
}

fn remote_bin(text: &str) -> Result<String, String> {
    match text {
        "" => Err("no program is named".into()),
        text if text.contains(char::is_control) => Err("it has a control character in it".into()),
        text => Ok(text.to_owned()),
    }
}

fn load(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(load) if load.is_finite() && load > 0.0 => Ok(load),
        _ => Err("expected a number above 0, such as 0.95".into()),
    }
}

fn template(text: &str) -> Result<Template, String> {
    words(text).map(Template)
}

fn more(text: &str) -> Result<Template, String> {
    arguments(text).map(Template)
}

/// The words of a command, as a shell would split them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    let words = arguments(text)?;
    match words.first().is_none_or(String::is_empty) {
        true => Err("no program is named".into()),
        false => Ok(words),
    }
}

fn arguments(text: &str) -> Result<Vec<String>, String> {
    match shlex::split(text) {
        None => Err("a quote is not closed, or a backslash has nothing after it".into()),
        Some(words) if words.iter().any(|word| word.contains('\0')) => {
            Err("it has a NUL character".into())
        }
        Some(words) => Ok(words),
    }
}
