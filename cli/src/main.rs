//! The command `remuda`: `run` carries out the jobs of a file on a cluster, `worker` is one machine of it, `key` makes the
//! key of those that connect back, `top` watches a run that goes on, `replay` plays a recorded run again, `minimise` cuts it down to a failure, `plan` tries its
//! workload on other clusters, `completions` and `man` print what a shell and a manual say of them.
mod args;
mod attempt;
mod awake;
mod book;
mod capacity;
mod cluster;
mod dry_run;
mod ended;
mod joblog;
mod launch;
mod limits;
mod lines;
mod listen;
mod log;
mod minimise;
mod output;
mod plan;
mod printer;
mod progress;
mod recover;
mod replay;
mod results;
mod run;
#[cfg(feature = "serve")]
mod serve;
#[cfg(not(feature = "serve"))]
#[path = "serve/absent.rs"]
mod serve;
mod signals;
mod source;
mod spool;
mod summary;
mod suspects;
mod text;
#[cfg(feature = "serve")]
mod top;
mod values;

use std::io::Write;
use std::process::ExitCode;

use remuda_tokio::{Keep, harmless};
use remuda_worker::session::Key;
use remuda_worker::{Registry, Worker};

use args::{Cli, Command, RunArgs, WorkerArgs};
use plan::Plan;

/// Exit status of wrong use and bad input.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // A worker's guard is this program once more; it has nothing to do with a command line.
    remuda_worker::init();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(Ok(text)) => {
            // A reader that left early has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(Err(error)) => return refuse(&error),
    };
    let status = match cli.command {
        Command::Run(args) => return run(&args),
        Command::Worker(args) => return worker(&args),
        Command::Launch(args) => launch::launch(&args.command),
        Command::Key(args) => Key::create(&args.file)
            .map(|_| 0)
            .map_err(|error| error.to_string()),
        #[cfg(feature = "serve")]
        Command::Top(args) => top::top(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Minimise(args) => minimise::minimise(&args),
        Command::Plan(args) => capacity::plan(&args),
        Command::Completions(args) => args.print().map(|()| 0),
        Command::Man(args) => args.print().map(|()| 0),
    };
    match status {
        Ok(status) => ExitCode::from(status),
        Err(error) => refuse(&error),
    }
}

fn run(args: &RunArgs) -> ExitCode {
    match Plan::new(args) {
        Ok(plan) if args.jobs.dry_run => match dry_run::print(plan) {
            Ok(status) => ExitCode::from(status),
            Err(error) => refuse(&error),
        },
        Ok(plan) => match run::run(plan) {
            Ok(status) => ExitCode::from(status),
            Err(error) => refuse(&format!("cannot start: {error}")),
        },
        Err(error) => refuse(&error),
    }
}

fn worker(args: &WorkerArgs) -> ExitCode {
    let found = || {
        std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
    };
    // Slurm binds its tasks to their CPUs only where it was set up to do so.
    let given = std::env::var("SLURM_CPUS_PER_TASK");
    let given = given.ok().and_then(|procs| procs.parse().ok());
    let procs = args.procs.or(given);
    let procs = procs.map_or_else(found, std::num::NonZeroU32::get);
    limits::raise(u64::from(procs), 0);
    let mut worker = Worker::new(Registry::new().exec().job());
    worker = worker.procs(procs).grace(args.grace);
    if let Some(memory) = args.memory {
        worker = worker.memory_mib(memory.0);
    }
    if let Some(gpus) = args.gpus {
        worker = worker.gpus(gpus);
    }
    if let Some(command) = &args.spot_notice {
        worker = worker.spot_notice(command);
    }
    match args.connect.read() {
        Ok(None) => worker.serve(),
        Ok(Some(connect)) => worker.connect(connect),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &str) -> ExitCode {
    let error = text::short(error);
    let lines = error.lines().map(|line| harmless(line, Keep::Start(4000)));
    let lines: Vec<String> = lines.collect();
    let _ = writeln!(std::io::stderr(), "remuda: {}", lines.join("\n"));
    ExitCode::from(USAGE)
}
