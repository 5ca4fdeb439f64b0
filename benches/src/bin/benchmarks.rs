//! Writes BENCHMARKS.md to its standard output, from what criterion measured last: `benchmarks CRITERION-FOLDER`. The
//! memory of b it measures itself. `scripts/benchmarks.sh` does all of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use remuda_benches::allocator::{Counting, held};
use remuda_benches::carrier::Carrier;
use remuda_benches::ours::{Bigslice, Ours};
use remuda_benches::port::Port;
use remuda_benches::workloads::Flood;
use serde_json::Value;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Medians in ns per event, by the ids of the benchmarks.
struct Medians(BTreeMap<String, f64>);

impl Medians {
    fn read(folder: &Path) -> Medians {
        let mut medians = Medians(BTreeMap::new());
        medians.add(folder);
        assert!(!medians.0.is_empty(), "nothing is in {}", folder.display());
        medians
    }

    fn add(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder of criterion's") {
            let path = entry.expect("an entry").path();
            if path.ends_with("new") {
                let json = |name: &str| -> Value {
                    let text = std::fs::read_to_string(path.join(name)).expect("criterion's file");
                    serde_json::from_str(&text).expect("criterion's JSON")
                };
                let benchmark = json("benchmark.json");
                let id = benchmark["full_id"].as_str().expect("an id");
                let events = benchmark["throughput"]["Elements"].as_f64();
                let median = json("estimates.json")["median"]["point_estimate"].as_f64();
                let median = median.expect("a median") / events.expect("a throughput");
                self.0.insert(id.to_owned(), median);
            } else if path.is_dir() {
                self.add(&path);
            }
        }
    }

    fn get(&self, id: &str) -> Option<f64> {
        self.0.get(id).copied()
    }

    fn ns(&self, id: &str) -> String {
        show(self.get(id), |ns| format!("{ns:.1}"))
    }

    fn ratio(&self, id: &str, to: &str) -> String {
        let ratio = self.get(id).zip(self.get(to)).map(|(a, b)| a / b);
        show(ratio, |ratio| format!("{ratio:.2}"))
    }
}

fn show(figure: Option<f64>, how: impl Fn(f64) -> String) -> String {
    figure.map_or("–".into(), how)
}

fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn table(title: &str, text: &str, columns: &str) {
    println!("\n## {title}\n\n{text}\n\n| {columns} |");
    println!("|{}", "---|".repeat(columns.split('|').count()));
}

fn main() {
    let folder = std::env::args().nth(1).expect("criterion's folder");
    let medians = Medians::read(Path::new(&folder));
    head();
    let queued = queued();
    budgets(&medians, &queued);
    a(&medians);
    b(&medians);
    memory(&queued);
    c(&medians);
    d(&medians);
    e(&medians);
    f_and_g(&medians);
    h(&medians);
}

fn said(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    text.trim().to_owned()
}

fn head() {
    let cpu = said("lscpu", &[]);
    let of = |name: &str| {
        let line = cpu
            .lines()
            .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or("?").trim().to_owned()
    };
    println!(
        "# Benchmarks\n\n\
         Written by `bash scripts/benchmarks.sh`, which measures all of it anew; it takes some minutes, and wants a machine\n\
         that does nothing else. Nothing here is written by hand but what is said of the shortcut and of LTO.\n\n\
         {}, {} cores, caches L1d {}, L2 {}, L3 {}; {}; remuda {}; {}; load of the last minute when it was written: {}.\n\n\
         Medians in ns per event, by criterion: an event is a done or a submit, with the grant it causes. *Ours* is the \
         manager as `Config::new` makes it;\n*bigslice* is the manager under that policy; *port* is the algorithm it comes from, to the letter; *floor* is `std`'s `BinaryHeap` at the same size, a pop\n\
         and a push for the two events; *harness* is the cost of the workload itself, without a manager (it is part of all others but the floor).",
        of("Model name"),
        of("CPU(s)"),
        of("L1d cache"),
        of("L2 cache"),
        of("L3 cache"),
        said("rustc", &["--version"]),
        env!("CARGO_PKG_VERSION"),
        said("date", &["-u", "+%Y-%m-%d"]),
        std::fs::read_to_string("/proc/loadavg").map_or("?".into(), |load| {
            load.split(' ').next().unwrap_or("?").to_owned()
        }),
    );
}

fn a(medians: &Medians) {
    table(
        "a: steady",
        "M full machines of 16 procs, 1,000 requests of one proc queued; done of a random grant, then submit; from when four \
         times as many\nhave ended as run at a time.",
        "M | ours | bigslice | port | floor | harness | ours/port | ours/floor | bigslice/port",
    );
    for machines in ["10", "1000", "10000", "100000"] {
        let id = |who: &str| format!("a/{who}/{machines}");
        row(&[
            machines.into(),
            medians.ns(&id("ours")),
            medians.ns(&id("bigslice")),
            medians.ns(&id("port")),
            medians.ns(&id("floor")),
            medians.ns(&id("harness")),
            medians.ratio(&id("ours"), &id("port")),
            medians.ratio(&id("ours"), &id("floor")),
            medians.ratio(&id("bigslice"), &id("port")),
        ]);
    }
}

fn b(medians: &Medians) {
    table(
        "b: flood",
        "1,000,000 requests of one proc pushed, then drained through 1,000 machines of 16.",
        "priorities | | ours | bigslice | port | floor | harness | ours/port | ours/floor | bigslice/port",
    );
    for priorities in ["1", "1000"] {
        for way in ["push", "drain"] {
            let id = |who: &str| format!("b/{who} {way}/{priorities}");
            row(&[
                priorities.into(),
                way.into(),
                medians.ns(&id("ours")),
                medians.ns(&id("bigslice")),
                medians.ns(&id("port")),
                medians.ns(&id("floor")),
                medians.ns(&id("harness")),
                medians.ratio(&id("ours"), &id("port")),
                medians.ratio(&id("ours"), &id("floor")),
                medians.ratio(&id("bigslice"), &id("port")),
            ]);
        }
    }
}

/// Requests of b.
const FLOOD: u64 = 1_000_000;

/// Bytes of a queued request, and bytes that stay after the drain for each: of each carrier, with 1 and 1,000 priorities.
fn queued() -> Vec<(u64, &'static str, [f64; 2])> {
    let of = |priorities| {
        [
            (priorities, "ours", memory_of::<Ours>(priorities)),
            (priorities, "bigslice", memory_of::<Bigslice>(priorities)),
            (priorities, "port", memory_of::<Port>(priorities)),
        ]
    };
    [1, 1_000].into_iter().flat_map(of).collect()
}

/// Each budget beside what was measured.
fn budgets(medians: &Medians, queued: &[(u64, &str, [f64; 2])]) {
    table(
        "Budgets",
        "What the second edition was to cost at most, and what it costs, from the tables below. The budgets of uniform machines are \
         what the first edition cost,\nwhich knew neither amounts nor kinds, and kept ids in a ring.",
        "row | of what | at most | measured | kept",
    );
    let ratio = |a: &str, b: &str| medians.get(a).zip(medians.get(b)).map(|(a, b)| a / b);
    let say = |what: &str, of: &str, most: f64, measured: Option<f64>| {
        let kept = measured.is_some_and(|it| it <= most);
        row(&[
            what.into(),
            of.into(),
            most.to_string(),
            show(measured, |it| format!("{it:.2}")),
            if kept { "yes" } else { "**no**" }.into(),
        ]);
    };
    for (machines, most) in [("10", 1.0), ("1000", 1.0), ("10000", 1.0), ("100000", 2.5)] {
        let id = |who: &str| format!("a/{who}/{machines}");
        let what = format!("a, {machines}");
        say(&what, "the floor", most, ratio(&id("ours"), &id("floor")));
        say(&what, "the port", 1.0, ratio(&id("ours"), &id("port")));
    }
    for priorities in ["1", "1000"] {
        for way in ["push", "drain"] {
            let id = |who: &str| format!("b/{who} {way}/{priorities}");
            let what = format!("b, {way}, {priorities} priorities");
            say(&what, "the port", 1.0, ratio(&id("ours"), &id("port")));
        }
    }
    for (priorities, _, [full, after]) in queued.iter().filter(|it| it.1 == "ours") {
        let what = format!("b, memory, {priorities} priorities");
        say(&what, "bytes, queued", 64.0, Some(*full));
        say(&what, "bytes, afterwards", 0.0, Some(*after));
    }
    for (kind, most) in [("alike", 2.0), ("all different", 4.0)] {
        let id = |blocked: &str| format!("c/ours, {kind}/{blocked}");
        let what = format!("c, 10000 {kind}");
        say(
            &what,
            "with none blocked",
            most,
            ratio(&id("10000"), &id("0")),
        );
    }
    say("d", "the port", 1.0, ratio("d/ours/10000", "d/port/10000"));
    let cycle = medians.get("e/tokio, 1 client/10");
    say("e, one client, 10 machines", "ns", 200.0, cycle);
    let unlike = |row: &str| format!("unlike/{row}/10000");
    say("f", "a, 10000", 4.0, ratio(&unlike("f"), "a/ours/10000"));
    say("g", "f", 4.0, ratio(&unlike("g"), &unlike("f")));
    say("h", "ns", 5_000.0, medians.get("booting/h/1000"));
}

fn memory(queued: &[(u64, &str, [f64; 2])]) {
    table(
        "b: memory",
        "Bytes allocated for each queued request, and bytes held after the drain beyond what was held before the flood, for each \
         request there was.\nThe port cannot find a request by its id.",
        "priorities | | a queued request | after the drain",
    );
    for (priorities, who, [full, after]) in queued {
        row(&[
            priorities.to_string(),
            (*who).into(),
            format!("{full:.1}"),
            format!("{after:.2}"),
        ]);
    }
}

fn memory_of<C: Carrier>(priorities: u64) -> [f64; 2] {
    let mut flood = Flood::<C>::new(1_000);
    let before = held();
    flood.push(FLOOD, priorities);
    let full = held() - before;
    flood.drain();
    // The workload's list of grants goes, the carrier stays.
    let carrier = flood.into_carrier();
    let after = held().saturating_sub(before);
    drop(carrier);
    [full, after].map(|bytes| bytes as f64 / FLOOD as f64)
}

fn c(medians: &Medians) {
    table(
        "c: blocked",
        "20,000 machines of 16 with 2 to 8 procs busy; B requests of 16 procs that come first and never fit, of one priority (alike) \
         or each of its own (different); one-proc requests submitted and done.",
        "B | alike | different | bigslice, alike | bigslice, different | port | alike/B = 0 | different/B = 0 | alike/port",
    );
    for blocked in ["0", "10", "100", "1000", "10000"] {
        let id = |who: &str| format!("c/{who}/{blocked}");
        row(&[
            blocked.into(),
            medians.ns(&id("ours, alike")),
            medians.ns(&id("ours, all different")),
            medians.ns(&id("bigslice, alike")),
            medians.ns(&id("bigslice, all different")),
            medians.ns(&id("port, alike")),
            medians.ratio(&id("ours, alike"), "c/ours, alike/0"),
            medians.ratio(&id("ours, all different"), "c/ours, all different/0"),
            medians.ratio(&id("ours, alike"), &id("port, alike")),
        ]);
    }
}

fn d(medians: &Medians) {
    table(
        "d: trouble",
        "10,000 machines, a done in twenty unreachable, time moving so that some 500 are on probation.",
        "ours | bigslice | port | ours/port | bigslice/port",
    );
    row(&[
        medians.ns("d/ours/10000"),
        medians.ns("d/bigslice/10000"),
        medians.ns("d/port/10000"),
        medians.ratio("d/ours/10000", "d/port/10000"),
        medians.ratio("d/bigslice/10000", "d/port/10000"),
    ]);
}

fn e(medians: &Medians) {
    table(
        "e: lease cycles",
        "ns for `request().await` and `finish` through the whole driver, with machines free; the time on the clock by the cycles done in it, \
         whoever did them.\nBeside it the round trip to an actor that only counts, over tokio's `mpsc` and `oneshot`. One client \
         and its actor share a thread, 16 clients two.",
        "clients | machines | tokio | async-std | actor | tokio/actor | async-std/tokio | tokio/1 client",
    );
    for (clients, machines) in [
        ("1 client", "10"),
        ("1 client", "1000"),
        ("16 clients", "10"),
    ] {
        let id = |who: &str| format!("e/{who}, {clients}/{machines}");
        let actor = format!("e/actor, {clients}");
        row(&[
            clients.into(),
            machines.into(),
            medians.ns(&id("tokio")),
            medians.ns(&id("async-std")),
            medians.ns(&actor),
            medians.ratio(&id("tokio"), &actor),
            medians.ratio(&id("async-std"), &id("tokio")),
            medians.ratio(&id("tokio"), "e/tokio, 1 client/10"),
        ]);
    }
    let [plain, recorded] =
        ["tokio", "recorded"].map(|who| medians.get(&format!("e/{who}, 1 client/10")));
    let more = plain
        .zip(recorded)
        .map(|(plain, recorded)| (recorded - plain) / 2.0);
    println!(
        "\nWith a recorder and its thread (to nowhere), one client, 10 machines: {} ns a cycle; for each of its two events {} more.",
        show(recorded, |ns| format!("{ns:.1}")),
        show(more, |ns| format!("{ns:.1}")),
    );
}

fn f_and_g(medians: &Medians) {
    table(
        "f, g: unlike machines",
        "10,000 machines of three kinds and three amounts, all full; 1,000 distinct demands queued; done of a random grant, and what \
         is granted\nsubmitted again. **g**: with 10,000 distinct demands more before them, which fit nothing that is free: large ones, \
         or *anti-correlated* ones,\nof one proc with 64 GiB and of 32 procs with 1 GiB where what is free lies between. The anti-correlated \
         world has no budget.",
        "row | ns | to | ratio",
    );
    let id = |row: &str| format!("unlike/{row}/10000");
    for (row_name, to, of) in [
        ("f", "a/ours/10000".to_owned(), "a"),
        ("g", id("f"), "f"),
        ("g, anti-correlated", id("f"), "f"),
    ] {
        row(&[
            row_name.into(),
            medians.ns(&id(row_name)),
            of.into(),
            medians.ratio(&id(row_name), &to),
        ]);
    }
}

fn h(medians: &Medians) {
    table(
        "h: growth",
        "1,000 distinct demands queued while 120 machines of three kinds boot and 20 are up: one comes up, what is granted is submitted \
         again, one\ndrains and stops.",
        "ns",
    );
    row(&[medians.ns("booting/h/1000")]);
}
