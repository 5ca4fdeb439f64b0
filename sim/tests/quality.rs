//! How well requests are scheduled, as figures that are pinned: a change of quality shows up as a difference here.

use std::fmt::Write as _;
use std::time::Duration;

use remuda_sim::quality::{
    Endless, Figures, Job, Machines, Order, Setup, endless, generate, read, replay,
};

const PROCS: u32 = 16;
const FIXED: Machines = Machines::Fixed { machines: 2 };
const ELASTIC: Machines = Machines::Elastic {
    machines: 8,
    boot: Duration::from_secs(60),
    idle: Duration::from_secs(60),
};

fn figures(jobs: &[Job], procs: u32, machines: Machines, order: Order, patience: u32) -> Figures {
    let setup = Setup {
        procs,
        machines,
        order,
        patience,
    };
    replay(jobs, &setup).expect("all jobs fit")
}

/// A line of whole numbers: milliseconds, thousandths.
fn line(order: Order, patience: u32, figures: &Figures) -> String {
    format!(
        "{order:?} {patience}: wait {} p99 {} max {} slowdown {} utilisation {} ratio {} starts {} holds {}",
        figures.mean_wait,
        figures.p99_wait,
        figures.max_wait,
        figures.slowdown,
        figures.utilisation,
        figures.ratio,
        figures.starts,
        figures.holds,
    )
}

#[test]
fn the_figures_of_a_generated_log() {
    let text = generate(1996, 300, PROCS);
    assert!(text.len() < 20_000, "{} bytes", text.len());
    let jobs = read(&text).expect("what is generated can be read").jobs;
    let mut table = String::new();
    let mut add = |title: &str, machines, orders: &[(Order, u32)]| {
        writeln!(table, "{title}").expect("a string");
        for &(order, patience) in orders {
            let figures = figures(&jobs, PROCS, machines, order, patience);
            writeln!(table, "{}", line(order, patience, &figures)).expect("a string");
        }
    };
    let fit = [Order::BestFit, Order::FirstFit].map(|order| [0, 1, 4].map(|n| (order, n)));
    let fit = fit.concat();
    add(
        "fixed",
        FIXED,
        &[&[(Order::Bigslice, 0)], &fit[..]].concat(),
    );
    add("elastic", ELASTIC, &fit);
    assert_eq!(table, PINNED, "\n{table}");
}

const PINNED: &str = "\
fixed
Bigslice 0: wait 4831583 p99 30473000 max 31068000 slowdown 158859 utilisation 467 ratio 2139 starts 2 holds 0
BestFit 0: wait 703890 p99 8545000 max 17079000 slowdown 27890 utilisation 467 ratio 2139 starts 2 holds 0
BestFit 1: wait 873060 p99 10903000 max 14351000 slowdown 35082 utilisation 467 ratio 2139 starts 2 holds 12
BestFit 4: wait 716783 p99 9074000 max 19718000 slowdown 27979 utilisation 467 ratio 2139 starts 2 holds 2
FirstFit 0: wait 810423 p99 11942000 max 12999000 slowdown 31757 utilisation 467 ratio 2139 starts 2 holds 0
FirstFit 1: wait 920720 p99 12375000 max 16339000 slowdown 36674 utilisation 467 ratio 2139 starts 2 holds 15
FirstFit 4: wait 810423 p99 11942000 max 12999000 slowdown 31757 utilisation 467 ratio 2139 starts 2 holds 1
elastic
BestFit 0: wait 16200 p99 60000 max 60000 slowdown 1556 utilisation 540 ratio 1849 starts 82 holds 0
BestFit 1: wait 16200 p99 60000 max 60000 slowdown 1556 utilisation 540 ratio 1849 starts 82 holds 0
BestFit 4: wait 16200 p99 60000 max 60000 slowdown 1556 utilisation 540 ratio 1849 starts 82 holds 0
FirstFit 0: wait 15756 p99 60000 max 60000 slowdown 1544 utilisation 532 ratio 1879 starts 78 holds 0
FirstFit 1: wait 15756 p99 60000 max 60000 slowdown 1544 utilisation 532 ratio 1879 starts 78 holds 0
FirstFit 4: wait 15756 p99 60000 max 60000 slowdown 1544 utilisation 532 ratio 1879 starts 78 holds 0
";

/// Two machines of 4 procs; what is worked out by hand.
#[test]
fn the_waits_of_four_jobs_are_those_worked_out_by_hand() {
    let job = |submit: u64, run: u64, procs| Job {
        wait: None,
        submit: 1000 * submit,
        run: 1000 * run,
        procs,
    };
    // 3 of m0 for 100 s, 2 of m1 for 50 s; 4 wait for m1 until 50 s; 1 goes beside the 3 at once.
    let jobs = [job(0, 100, 3), job(0, 50, 2), job(10, 10, 4), job(20, 5, 1)];
    let two = Machines::Fixed { machines: 2 };
    let fit = figures(&jobs, 4, two, Order::BestFit, 4);
    assert_eq!(
        (fit.mean_wait, fit.p99_wait, fit.max_wait),
        (10_000, 40_000, 40_000)
    );
    // 1, 1, (40 + 10) / 10, 1.
    assert_eq!(fit.slowdown, 2000);
    // 300 + 100 + 40 + 5 proc-seconds of 8 procs for 100 s.
    assert_eq!((fit.work, fit.utilisation), (445_000, 556));

    // Each job starts a machine, which boots for 5 s; the first two get one each, idle until 60 s after.
    let elastic = Machines::Elastic {
        machines: 3,
        boot: Duration::from_secs(5),
        idle: Duration::from_secs(60),
    };
    let fit = figures(&jobs, 4, elastic, Order::FirstFit, 4);
    // The third at 15 s on m2; the fourth at once beside the first.
    assert_eq!((fit.starts, fit.mean_wait, fit.max_wait), (3, 3_750, 5_000));
    // m0: 0 to 165 s; m1: 0 to 115 s; m2: 10 s to 25 + 60 s.
    assert_eq!(fit.machine_time, 1000 * (165 + 115 + 75));
    assert_eq!(fit.ratio, 1000 * (165 + 115 + 75) * 4 / 445);
}

#[test]
fn a_whole_machine_is_granted_in_an_endless_stream_of_small_requests() {
    let stream = Endless {
        run: 60_000,
        ..Endless::NAMED
    };
    let wait =
        |patience, seed| endless(&Endless { patience, ..stream }, seed).expect("a valid setup");
    // Those that are queued before it, 64 procs granted to others (4 runs), and a machine that empties.
    let waits = [1, 2, 3].map(|seed| wait(4, seed));
    assert_eq!(waits, [316_953, 810_169, 737_743].map(Some));
    assert_eq!([1, 2, 3].map(|seed| wait(0, seed)), [None; 3]);
}
