//! How well a log of jobs is scheduled: `cargo run --release -p remuda-sim --example quality -- --help`

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use remuda_sim::quality::{
    Endless, Figures, Job, Machines, Order, Setup, endless, generate, read, replay, unpack,
};

const HELP: &str = "\
Replays a log of jobs through remuda's manager on virtual time and prints how long jobs waited.

Usage: quality [LOG] [options]

  LOG            a log in the Standard Workload Format, as it is or compressed (.gz);
                 without one, a small generated log
  --machines N   machines that are always there (4)
  --procs N      procs of a machine; jobs that ask for more are left out (25)
  --elastic N    also: at most N machines that are started by need and stopped when idle
  --boot N       seconds from a machine's start to its coming up (60)
  --idle N       seconds after which an idle machine is stopped (60)
  --generate     prints the small generated log, and does nothing else
  --help         this text

Logs: https://www.cs.huji.ac.il/labs/parallel/workload/

Example:
  cargo run --release -p remuda-sim --example quality -- \\
      KTH-SP2-1996-2.1-cln.swf.gz --machines 4 --procs 25 --elastic 12 --boot 60 --idle 60
";

const PATIENCES: [u32; 3] = [0, 4, 8];

/// What the command line says.
struct Options {
    log: Option<String>,
    machines: u32,
    procs: u32,
    elastic: Option<u32>,
    boot: u32,
    idle: u32,
    generate: bool,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return say(HELP),
        Err(error) => {
            eprintln!("quality: {error}\nquality --help says what there is");
            return ExitCode::from(64);
        }
    };
    if options.generate {
        return say(&generate(1, 400, options.procs));
    }
    match report(&options) {
        Ok(text) => say(&text),
        Err(error) => {
            eprintln!("quality: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closes the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quality: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `None` if the help is asked for.
fn options(mut words: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        log: None,
        machines: 4,
        procs: 25,
        elastic: None,
        boot: 60,
        idle: 60,
        generate: false,
    };
    while let Some(word) = words.next() {
        let mut number = || {
            let number = words.next().ok_or(format!("{word} wants a number"))?;
            let parsed = number.parse::<u32>();
            parsed.map_err(|_| format!("{word} wants a number, not {number:?}"))
        };
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--generate" => options.generate = true,
            "--machines" => options.machines = number()?,
            "--procs" => options.procs = number()?,
            "--elastic" => options.elastic = Some(number()?),
            "--boot" => options.boot = number()?,
            "--idle" => options.idle = number()?,
            _ if word.starts_with('-') => return Err(format!("there is no option {word}")),
            _ if options.log.is_some() => return Err(format!("one log at a time: {word}")),
            _ => options.log = Some(word),
        }
    }
    let counts = [
        ("--machines", options.machines),
        ("--procs", options.procs),
        ("--elastic", options.elastic.unwrap_or(1)),
        ("--idle", options.idle),
    ];
    match counts.iter().find(|(_, count)| *count == 0) {
        Some((option, _)) => Err(format!("{option} must be at least 1")),
        None => Ok(Some(options)),
    }
}

fn report(options: &Options) -> Result<String, String> {
    let log = match &options.log {
        Some(path) => read(&text(path)?).map_err(|error| format!("{path}: {error}"))?,
        None => read(&generate(1, 400, options.procs)).expect("what is generated can be read"),
    };
    let jobs = log.that_fit(options.procs);
    let name = options.log.as_deref().unwrap_or("a generated log");
    if jobs.is_empty() {
        return Err(format!("{name}: no job fits {} procs", options.procs));
    }
    let mut out = format!(
        "{name}: {} jobs fit a machine of {} procs ({} do not, {} without run time or procs)\n",
        jobs.len(),
        options.procs,
        log.jobs.len() - jobs.len(),
        log.unknown
    );
    table(&mut out, &jobs, options, None)?;
    if let Some(machines) = options.elastic {
        table(&mut out, &jobs, options, Some(machines))?;
    }
    experiment(&mut out)?;
    Ok(out)
}

/// The text of a log that may be compressed.
fn text(path: &str) -> Result<String, String> {
    let failed = |error: io::Error| format!("{path}: {error}");
    unpack(std::fs::read(path).map_err(failed)?).map_err(failed)
}

/// One line for each policy: on machines that are always there, or on at most so many that come and
/// go.
fn table(
    out: &mut String,
    jobs: &[Job],
    options: &Options,
    elastic: Option<u32>,
) -> Result<(), String> {
    let machines = match elastic {
        None => Machines::Fixed {
            machines: options.machines,
        },
        Some(machines) => Machines::Elastic {
            machines,
            boot: Duration::from_secs(options.boot.into()),
            idle: Duration::from_secs(options.idle.into()),
        },
    };
    let title = match elastic {
        None => format!("{} machines, always there", options.machines),
        Some(machines) => format!(
            "at most {machines} machines, {} s to boot, stopped after {} s idle",
            options.boot, options.idle
        ),
    };
    let mut line = |text: String| writeln!(out, "{}", text.trim_end()).expect("a string");
    line(format!("\n{title}"));
    let more = if elastic.is_some() {
        "machine-hours   ratio"
    } else {
        ""
    };
    line(format!(
        "{:<10}{:>9}{:>13}{:>10}{:>13}{:>13}{:>13}{more:>23}",
        "policy", "patience", "mean wait", "slowdown", "p99 wait", "max wait", "utilisation"
    ));
    let bigslice = elastic
        .is_none()
        .then_some((Order::Bigslice, "bigslice", 0));
    let fit = |(order, name)| PATIENCES.map(|patience| (order, name, patience));
    let fits = [(Order::BestFit, "best fit"), (Order::FirstFit, "first fit")].map(fit);
    for (order, name, patience) in bigslice.into_iter().chain(fits.concat()) {
        let setup = Setup {
            procs: options.procs,
            machines,
            order,
            patience,
        };
        let figures = replay(jobs, &setup).map_err(|error| error.to_string())?;
        let patience = match order {
            Order::Bigslice => "-".to_owned(),
            _ => patience.to_string(),
        };
        line(format!(
            "{name:<10}{patience:>9}{}",
            row(&figures, elastic.is_some())
        ));
    }
    Ok(())
}

fn row(figures: &Figures, elastic: bool) -> String {
    let seconds = |millis: u64| format!("{:.2} s", millis as f64 / 1e3);
    let mut row = format!(
        "{:>13}{:>10.2}{:>13}{:>13}{:>11.1} %",
        seconds(figures.mean_wait),
        figures.slowdown as f64 / 1e3,
        seconds(figures.p99_wait),
        seconds(figures.max_wait),
        figures.utilisation as f64 / 10.0,
    );
    if elastic {
        let hours = figures.machine_time as f64 / 3.6e6;
        let ratio = figures.ratio as f64 / 1e3;
        write!(row, "{hours:>15.1}{ratio:>8.3}").expect("a string");
    }
    row
}

/// The named experiment, with patience and without.
fn experiment(out: &mut String) -> Result<(), String> {
    let named = Endless::NAMED;
    writeln!(
        out,
        "\na whole machine, asked for in an endless stream of one-proc requests (two machines of 8 \
         procs, load 1.05, runs of 300 s on average)"
    )
    .expect("a string");
    for patience in [0, 4] {
        let wait = endless(&Endless { patience, ..named }, 1).map_err(|error| error.to_string())?;
        let wait = wait.map_or("never granted".to_owned(), |wait| {
            format!("granted after {:.0} s", wait as f64 / 1e3)
        });
        writeln!(out, "patience {patience}: {wait}").expect("a string");
    }
    Ok(())
}
