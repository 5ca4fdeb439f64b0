//! Every run of a small world, as a command: `cargo run --release -p remuda-sim --example walk`
//!
//! With no arguments, a world of three machines and five requests. Else: how many machines, then the requests, each
//! kind as PRIORITY,PROCS,HOW-MANY, as in `walk 3 0,1,1 1,2,2`; a machine has two procs. Words among them: `tasks=N` and
//! `waiters=N` (1 and 0 by default), `no-shutdown`. Exits with 1 when something is wrong, and prints the shortest run to
//! it as a script.

use std::process::ExitCode;
use std::time::Instant;

use remuda_sim::World;

/// Three machines, five requests of four kinds.
const DEFAULT: &[&str] = &["3", "0,1,1", "0,2,1", "1,1,2", "1,2,1"];

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.is_empty() {
        words = DEFAULT.iter().copied().map(String::from).collect();
    }
    let Some(world) = world(&words) else {
        eprintln!("walk [MACHINES PRIORITY,PROCS,HOW-MANY… [tasks=N] [waiters=N] [no-shutdown]]");
        return ExitCode::from(64);
    };
    println!("walk: {}", words.join(" "));
    let began = Instant::now();
    let walk = world.walk();
    let took = began.elapsed().as_secs_f64();
    println!("{walk}");
    println!(
        "{took:.1} s: {:.0} transitions/s",
        walk.transitions as f64 / took
    );
    ExitCode::from(u8::from(walk.failure.is_some()))
}

fn world(words: &[String]) -> Option<World> {
    let (machines, words) = words.split_first()?;
    let (mut kinds, mut tasks, mut waiters, mut shutdown) = (Vec::new(), 1, 0, true);
    for word in words {
        match word.split_once('=') {
            Some(("tasks", n)) => tasks = n.parse().ok()?,
            Some(("waiters", n)) => waiters = n.parse().ok()?,
            Some(_) => return None,
            None if word == "no-shutdown" => shutdown = false,
            None => kinds.push(kind(word)?),
        }
    }
    let machines = machines.parse().ok().filter(|n| (1..=16).contains(n))?;
    let mut world = World::new(machines, &kinds);
    (world.tasks, world.waiters, world.shutdown) = (tasks, waiters, shutdown);
    Some(world)
}

fn kind(word: &str) -> Option<(i64, u32, u64)> {
    let numbers = word
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<i64>, _>>();
    let &[priority, procs, most] = numbers.ok()?.as_slice() else {
        return None;
    };
    let fits = (1..=2).contains(&procs) && (1..=16).contains(&most);
    fits.then_some((priority, procs as u32, most as u64))
}
