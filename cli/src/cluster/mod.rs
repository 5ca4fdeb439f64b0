//! The machines that a run may have: kinds, each with what one machine has, how many there may be, and how one is started.
//! Flags, hosts and cluster files all come to this description, which comes to a `Config` and to launch commands.
mod ask;
mod config;
mod file;
mod hosts;
mod launch;
mod needs;
mod planned;
mod shown;
mod ssh;

use std::num::NonZeroUsize;
use std::time::Duration;

use remuda::{Config, KindId, Kinds, Resources};
use remuda_cli::offers::{Offer, Offers, UNKNOWN};
use remuda_worker::Offer as Found;

use crate::args::{BatchArgs, MachineArgs, Sizes};

pub(crate) use hosts::Host;
pub(crate) use needs::Needs;
pub(crate) use planned::Planned;
pub(crate) use ssh::Ssh;

/// How long a machine that is not on this computer may be idle, unless the user says otherwise.
const IDLE: Duration = Duration::from_secs(60);

/// The kind of machines that connect back.
const CONNECTED: &str = "connected";

/// The machines that a run may have.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    kinds: Vec<KindPlan>,
    /// Most procs over all kinds; `None`: as many as the kinds may have.
    max_procs: Option<u64>,
    max_load: f64,
    ssh: Ssh,
    /// More arguments for workers that this program starts.
    worker_args: Vec<String>,
    max_pending: Option<u32>,
    /// How long a worker may take to say hello.
    hello_timeout: Duration,
    /// Launch commands that may be queued before they start a worker.
    queued: Kinds,
    /// Whether machines come with less than is assumed of them (R4): some could not be asked what they have.
    assumed: bool,
}

/// One kind of machine.
#[derive(Clone, Debug)]
struct KindPlan {
    /// Empty for the one kind that has no name.
    name: String,
    labels: Vec<String>,
    /// What one machine has, where that is said.
    said: Amounts,
    min: u32,
    max: u32,
    spare: u32,
    idle: Option<Duration>,
    cost: u32,
    max_pending: Option<u32>,
    launch: Launch,
}

/// What one machine has; `None`: it is not known (yet).
#[derive(Clone, Copy, Debug, Default)]
struct Amounts {
    procs: Option<u32>,
    memory_mib: Option<u32>,
    gpus: Option<u32>,
}

/// How a machine is started.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Launch {
    /// This program, on this computer.
    Here,
    /// A command of the user's.
    Command(Vec<String>),
    /// It is not started from here: it connects back, with whatever it has.
    Elsewhere,
    /// By the start command (`--start`): it connects back.
    StartCommand,
    /// This program, on another host.
    Ssh { host: String, procs_said: bool },
}

impl Machines {
    /// The machines that the flags describe. `listens`: others connect back.
    ///
    /// # Errors
    /// One line that names the flag, or file and line, and what is allowed.
    pub(crate) fn new(args: &MachineArgs, listens: bool) -> Result<Machines, String> {
        let cores = cores();
        let mut machines = Machines {
            kinds: Vec::new(),
            max_procs: None,
            max_load: args.max_load,
            ssh: args.ssh(),
            worker_args: args.worker_args(),
            max_pending: args.max_pending(),
            hello_timeout: args.batch.start_timeout,
            queued: Kinds::NONE,
            assumed: false,
        };
        if let Some(path) = &args.cluster {
            let described = file::read(path)?;
            (machines.kinds, machines.max_procs) = (described.kinds, described.max_procs);
        }
        for host in hosts::all(args)? {
            machines.add(host, args)?;
        }
        // Where others connect back, nothing is started here unless the user says how.
        let starts = !listens || args.launch().is_some() || args.batch.has_start();
        if machines.kinds.is_empty() && starts {
            machines = machines.shorthand(args, cores)?;
            if !listens {
                machines.queued = machines.queued(&args.batch);
                return Ok(machines);
            }
            let one = machines.config_of_one(machines.kinds[0].procs())?;
            let most = one.max_procs / u64::from(one.kinds[0].capacity.proc_count());
            machines.kinds[0].max = u32::try_from(most).unwrap_or(u32::MAX);
            // The limit of this computer's cores is none for others.
            machines.max_procs = None;
        }
        machines.max_procs = args.max_procs().map(u64::from).or(machines.max_procs);
        if listens {
            let name = CONNECTED.to_owned();
            let most = Amounts {
                procs: Some(Config::MAX_MACHINE_PROCS),
                memory_mib: Some(UNKNOWN),
                gpus: Some(UNKNOWN),
            };
            let connected = KindPlan::new(name, Launch::Elsewhere, most);
            machines.kinds.push(connected);
        }
        for kind in &mut machines.kinds {
            if kind.launch == Launch::Here {
                kind.said.procs.get_or_insert(cores);
            }
        }
        machines.queued = machines.queued(&args.batch);
        match machines.kinds.len() {
            0..=Config::MAX_KINDS => Ok(machines),
            many => Err(format!(
                "{many} hosts and kinds of machine are more than there may be (limit {})",
                Config::MAX_KINDS
            )),
        }
    }

    /// A host is a kind of which there is one machine.
    fn add(&mut self, host: Host, args: &MachineArgs) -> Result<(), String> {
        let Host {
            name,
            labels,
            procs,
        } = host;
        if self.kinds.iter().any(|kind| kind.name == name) {
            return Err(format!("the host {name} is named twice"));
        }
        let launch = match name.as_str() {
            hosts::HERE => Launch::Here,
            _ => Launch::Ssh {
                host: name.clone(),
                procs_said: procs.is_some(),
            },
        };
        let said = Amounts {
            procs,
            ..Amounts::default()
        };
        let kind = KindPlan::new(name, launch, said);
        self.kinds.push(KindPlan {
            labels,
            max: 1,
            idle: args.idle(kind.idle),
            ..kind
        });
        Ok(())
    }

    /// The one kind that the flags of a run without hosts and files describe.
    fn shorthand(mut self, args: &MachineArgs, cores: u32) -> Result<Machines, String> {
        let Sizes {
            machine_procs,
            max_procs,
        } = args.sizes(cores)?;
        let launch = match args.launch() {
            Some(words) => Launch::Command(words),
            None if args.batch.has_start() => Launch::StartCommand,
            None => Launch::Here,
        };
        let said = Amounts {
            procs: Some(machine_procs),
            memory_mib: args.machine_memory(),
            gpus: args.machine_gpus,
        };
        let mut kind = KindPlan::new(String::new(), launch, said);
        kind.idle = args.idle(kind.idle);
        if kind.launch == Launch::Here {
            // Several machines here have a share each of what this computer has; its GPUs are not divided.
            let machines = (max_procs / machine_procs).max(1);
            if machines > 1 && kind.said.gpus.unwrap_or(0) > 0 {
                return Err(format!(
                    "--machine-gpus: {machines} machines of this computer cannot share its GPUs (see --machine-procs)"
                ));
            }
            if machines > 1 {
                kind.said.gpus = Some(0);
                let share = u64::from(Found::memory_found()) / u64::from(machines);
                let share = u32::try_from(share).unwrap_or(u32::MAX);
                kind.said.memory_mib.get_or_insert(share);
            }
        }
        self.kinds = vec![kind];
        self.max_procs = Some(u64::from(max_procs));
        Ok(self)
    }

    /// Learns what the jobs need to know of machines and is not said: of this computer, and of other hosts, which are asked
    /// unless this is a dry run. Returns what the user should know of hosts that did not answer.
    pub(crate) fn learn(&mut self, needs: Needs, dry_run: bool) -> Result<Vec<String>, String> {
        if self.kinds.iter().any(|kind| kind.launch == Launch::Here) {
            let found = match needs.gpus {
                true => Found::found(),
                false => Found {
                    procs: 0,
                    memory_mib: Found::memory_found(),
                    gpus: Vec::new(),
                },
            };
            let gpus = u32::try_from(found.gpus.len()).unwrap_or(u32::MAX);
            let here = self.kinds.iter_mut();
            for kind in here.filter(|kind| kind.launch == Launch::Here) {
                kind.said.memory_mib.get_or_insert(found.memory_mib);
                if needs.gpus {
                    kind.said.gpus.get_or_insert(gpus);
                }
            }
        }
        let (asked, others): (Vec<usize>, Vec<usize>) =
            (0..self.kinds.len()).partition(|&kind| self.kinds[kind].is_asked(needs));
        let mut notes = Vec::new();
        if !asked.is_empty() && !dry_run {
            notes = self.ask(&asked)?;
            self.assume(&asked, needs);
        }
        for kind in others {
            let said = &mut self.kinds[kind].said;
            said.memory_mib.get_or_insert(0);
            said.gpus.get_or_insert(0);
        }
        Ok(notes)
    }

    /// Hosts that did not say what they have are taken to be like the largest that did, or else as large as the largest job,
    /// or as this computer where jobs are not known yet: they enter service with what they have (R4), if they come up.
    fn assume(&mut self, asked: &[usize], needs: Needs) {
        let known = self
            .kinds
            .iter()
            .filter(|kind| kind.launch != Launch::Elsewhere);
        let known = known.filter(|kind| kind.said.procs.is_some());
        let known = known.map(|kind| kind.said.known());
        let most = known.reduce(Resources::max).or(needs.most());
        let most =
            most.unwrap_or_else(|| Resources::procs(cores()).memory_mib(Found::memory_found()));
        let [procs, memory_mib, gpus, _] = most.amounts();
        for &kind in asked {
            let said = &mut self.kinds[kind].said;
            let unknown = [said.procs, said.memory_mib, said.gpus].contains(&None);
            self.assumed |= unknown;
            said.procs.get_or_insert(procs);
            said.memory_mib.get_or_insert(memory_mib);
            said.gpus.get_or_insert(gpus);
        }
    }

    /// The kinds as jobs see them, with what is known of them by now.
    pub(crate) fn offers(&self) -> Offers {
        let offers = self.kinds.iter().map(|kind| {
            let Amounts {
                procs,
                memory_mib,
                gpus,
            } = kind.said;
            let procs = procs.map_or(UNKNOWN, |procs| self.loaded(procs).unwrap_or(procs));
            let amounts = [
                procs,
                memory_mib.unwrap_or(UNKNOWN),
                gpus.unwrap_or(UNKNOWN),
                0,
            ];
            Offer {
                name: kind.name.clone(),
                labels: kind.labels.clone(),
                capacity: Resources::new(amounts),
            }
        });
        Offers::new(offers.collect())
    }

    /// Whether machines may come with less than their kind is taken to have.
    pub(crate) fn admit_less(&self) -> bool {
        self.assumed
    }

    /// The kind of machines that connect back, if there is one.
    pub(crate) fn connected(&self) -> Option<KindId> {
        let mut numbered = (0..).map(KindId).zip(&self.kinds);
        let found = numbered.find(|(_, kind)| kind.launch == Launch::Elsewhere);
        found.map(|(kind, _)| kind)
    }

    /// The kinds whose launch command may be queued.
    fn queued(&self, batch: &BatchArgs) -> Kinds {
        let numbered = (0..).map(KindId).zip(&self.kinds);
        let queued = numbered.filter(|(_, kind)| match &kind.launch {
            Launch::Command(words) => batch.is_queued(words),
            _ => false,
        });
        queued.fold(Kinds::NONE, |kinds, (kind, _)| kinds.with(kind))
    }

    /// Whether all machines are processes of this computer, started by this very program, which nothing can part from it.
    pub(crate) fn are_all_here(&self) -> bool {
        self.kinds.iter().all(|kind| kind.launch == Launch::Here)
    }

    /// The names of the kinds that have one, by number.
    pub(crate) fn names(&self) -> impl Iterator<Item = (KindId, &str)> {
        let numbered = (0..).map(KindId).zip(&self.kinds);
        let named = numbered.map(|(kind, plan)| (kind, plan.name.as_str()));
        named.filter(|(_, name)| !name.is_empty())
    }
}

/// The cores of this computer.
fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

impl KindPlan {
    /// A kind with the defaults of where its machines are.
    fn new(name: String, launch: Launch, said: Amounts) -> KindPlan {
        let idle = (launch != Launch::Here).then_some(IDLE);
        KindPlan {
            name,
            labels: Vec::new(),
            said,
            min: 0,
            max: u32::MAX,
            spare: 0,
            idle,
            cost: 1,
            max_pending: None,
            launch,
        }
    }

    /// Whether its host must be asked what it has.
    fn is_asked(&self, needs: Needs) -> bool {
        let unknown = self.said.procs.is_none()
            || (needs.memory && self.said.memory_mib.is_none())
            || (needs.gpus && self.said.gpus.is_none());
        matches!(self.launch, Launch::Ssh { .. }) && unknown
    }

    /// Its procs, once they were learned.
    fn procs(&self) -> u32 {
        self.said.procs.unwrap_or(1)
    }
}

impl Amounts {
    /// What is known, and nothing of the rest.
    fn known(self) -> Resources {
        let amounts = [self.procs, self.memory_mib, self.gpus];
        let [procs, memory, gpus] = amounts.map(|amount| amount.unwrap_or(0));
        Resources::procs(procs).memory_mib(memory).gpus(gpus)
    }
}
