//! The swarm as a command: `cargo run --release -p remuda-sim --example swarm -- --schedules 1000000`
//!
//! Options: `--schedules N`, `--events N`, `--seed N`, `--threads N`, `--deep-every N` (one schedule in N is
//! checked to the bottom after every event; 4), `--least N` (a cell of the coverage table that was hit less often is
//! an error; by default 1 for each thousand schedules), `--model` (the model stands in for the manager, so that only
//! what clients may rely on is checked). Prints the seed first, then the table and the rate; a
//! failure as a short script. Exits with 1 on a failure, 2 when a cell was hit too rarely.

use std::process::ExitCode;
use std::time::Instant;

use remuda_sim::{Model, Swarm};

fn main() -> ExitCode {
    let mut swarm = Swarm {
        deep_every: 4,
        ..Swarm::default()
    };
    let (mut least, mut model) = (None, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--model" {
            model = true;
            continue;
        }
        let Some(number) = words.next().and_then(|n| n.parse::<u64>().ok()) else {
            eprintln!("{word} wants a number");
            return ExitCode::from(64);
        };
        match word.as_str() {
            "--schedules" => swarm.schedules = number,
            "--events" => swarm.events = number as usize,
            "--seed" => swarm.seed = number,
            "--threads" => swarm.threads = number as usize,
            "--deep-every" => swarm.deep_every = number,
            "--least" => least = Some(number),
            _ => {
                eprintln!("there is no option {word}");
                return ExitCode::from(64);
            }
        }
    }
    let least = least.unwrap_or(swarm.schedules / 1000);
    println!(
        "swarm: seed {}, {} schedules of {} events, {} threads",
        swarm.seed, swarm.schedules, swarm.events, swarm.threads
    );
    let began = Instant::now();
    let report = match model {
        true => swarm.run_on(|config| Model::new(config).expect("plans have valid configs")),
        false => swarm.run(),
    };
    let took = began.elapsed().as_secs_f64();
    println!("{}", report.coverage);
    println!(
        "{} schedules, {} events in {took:.1} s: {:.0} schedules/s, {:.0} events/s",
        report.schedules,
        report.events,
        report.schedules as f64 / took,
        report.events as f64 / took,
    );
    if let Some(failure) = report.failure {
        println!("\n{failure}");
        return ExitCode::FAILURE;
    }
    let rare = report.coverage.below(least);
    for (cell, hits) in &rare {
        println!("hit {hits} times and not {least}: {cell}");
    }
    ExitCode::from(if rare.is_empty() { 0 } else { 2 })
}
