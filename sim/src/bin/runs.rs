//! What runs look like: `cargo run -p remuda-sim --bin runs -- --runs 3`
//!
//! Prints the scripts of drawn runs, with what a manager answers. Options: `--runs N` (10), `--events N` (200), `--seed N`
//! (1; run n has seed N + n). The same bytes come out of every build (F6): `scripts/same-bytes.sh` compares two.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use remuda::Manager;
use remuda_sim::{Cluster, Plan, Rng};

fn main() -> ExitCode {
    let (mut runs, mut events, mut seed) = (10, 200, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next().and_then(|n| n.parse::<u64>().ok());
        match (word.as_str(), number) {
            ("--runs", Some(n)) => runs = n,
            ("--events", Some(n)) => events = n as usize,
            ("--seed", Some(n)) => seed = n,
            _ => {
                eprintln!("runs [--runs N] [--events N] [--seed N]");
                return ExitCode::from(64);
            }
        }
    }
    match print(seed, runs, events) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print(seed: u64, runs: u64, events: usize) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for n in 0..runs {
        let seed = seed.wrapping_add(n);
        let plan = Plan::draw(&mut Rng::new(!seed));
        let manager = Manager::new(plan.config.clone()).expect("plans have valid configs");
        let mut cluster = Cluster::new(plan, seed, manager);
        let ran = cluster.run(events).and_then(|()| cluster.calm());
        writeln!(out, "# seed {seed}\n{}", cluster.script())?;
        if let Err(wrong) = ran {
            writeln!(out, "# {wrong}\n")?;
        }
    }
    out.flush()
}
