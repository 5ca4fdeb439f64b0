//! The policy bigslice is the algorithm of bigslice's machine manager: on random runs it grants the same requests on the same
//! machines in the same order as the port of it. (The sim's model and the golden scripts hold it against the rules as they
//! are written; this test against the algorithm itself.)

use remuda::{MachineId, Outcome, RequestId};
use remuda_benches::carrier::Carrier;
use remuda_benches::ours::Bigslice;
use remuda_benches::port::{Grant, Ordered};
use remuda_sim::Rng;

const RUNS: u64 = 10_000;
const EVENTS: u64 = 100;

/// The manager and the port, told the same.
struct Both {
    ours: Bigslice,
    port: Ordered,
    /// What runs, as either calls it, in the same order.
    ours_running: Vec<(RequestId, MachineId)>,
    port_running: Vec<Grant>,
    /// What was done, for a test that fails.
    log: Vec<String>,
}

impl Both {
    fn submit(&mut self, request: u64, priority: i64, procs: u32) {
        self.log
            .push(format!("submit r{request} prio {priority} procs {procs}"));
        self.ours
            .submit(request, priority, procs, &mut self.ours_running);
        self.port
            .submit(request, priority, procs, &mut self.port_running);
    }

    fn done(&mut self, nth: usize, outcome: Outcome) {
        let (ours, port) = (self.ours_running.remove(nth), self.port_running.remove(nth));
        self.log.push(format!("done {} {outcome:?}", ours.0));
        self.ours.done(ours, outcome, &mut self.ours_running);
        self.port.done(port, outcome, &mut self.port_running);
    }

    fn wait(&mut self, nanos: u64) {
        self.log.push(format!("wait {nanos}"));
        self.ours.wait(nanos);
        self.port.wait(nanos);
    }

    /// How many run, if they agree.
    fn agreed(&self, run: u64) -> usize {
        let ours: Vec<_> = self
            .ours_running
            .iter()
            .map(|it| (it.0.0, it.1.0))
            .collect();
        let port = self
            .port_running
            .iter()
            .map(|it| (it.request, u64::from(it.machine)));
        let same = ours == port.collect::<Vec<_>>()
            && self.ours.on_probation() == self.port.on_probation();
        assert!(
            same,
            "run {run}: {:?}\nours {:?}\nport {:?}",
            self.log, self.ours_running, self.port_running
        );
        ours.len()
    }
}

#[test]
fn the_policy_bigslice_grants_as_the_algorithm_it_comes_from() {
    let (mut granted, mut on_probation, mut passed_by) = (0, 0, 0);
    for run in 0..RUNS {
        let mut rng = Rng::new(run);
        let (machines, procs) = (rng.range(1, 12) as u32, rng.pick(&[1, 2, 3, 4, 8, 16]));
        let mut both = Both {
            ours: Bigslice::new(machines, procs),
            port: Ordered::new(machines, procs),
            ours_running: Vec::new(),
            port_running: Vec::new(),
            log: vec![format!("{machines} machines of {procs}")],
        };
        let (mut running, mut next) = (0, 0);
        let priorities = rng.pick(&[1, 2, 5]);
        for _ in 0..EVENTS {
            if rng.below(4) == 0 {
                both.wait(rng.pick(&[1, 7_000_000_000, 15_000_000_000, 30_000_000_000]));
            }
            let before = running;
            if running == 0 || rng.below(2) == 0 {
                // Half of them small, so that some pass by others.
                let most = rng.pick(&[1, u64::from(procs)]);
                let procs = rng.range(1, most) as u32;
                both.submit(next, rng.below(priorities) as i64, procs);
                next += 1;
            } else {
                let outcomes = [
                    Outcome::Ok,
                    Outcome::Ok,
                    Outcome::Remote,
                    Outcome::Unreachable,
                ];
                both.done(rng.below(running as u64) as usize, rng.pick(&outcomes));
            }
            running = both.agreed(run);
            granted += running.saturating_sub(before);
            on_probation += both.port.on_probation();
            let latest = both
                .port_running
                .last()
                .map_or(0, |grant| grant.request + 1);
            passed_by += u64::from(latest == next && (running as u64) < next / 2);
        }
    }
    // The runs met what they are for.
    assert!(
        granted > 200_000 && on_probation > 100_000 && passed_by > 10_000,
        "{granted} {on_probation} {passed_by}"
    );
}
