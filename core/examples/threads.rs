//! The manager with no async runtime: threads are the machines, one channel brings the events, and
//! `recv_timeout` is the timer. Counts primes; one machine breaks on the way and is replaced, and
//! machines without work are stopped.
//!
//! What the loop asks of the outside is a trait, so that `remuda-testkit` can play it: this loop is
//! tested by `testkit/tests/loops/threads.rs`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant as Clock};

use remuda::{
    Action, Config, Event, Instant, Kind, MachineId, Manager, Outcome, RequestId, Resources, Submit,
};

/// Up to this number the primes are counted, in slices of 10,000: a job each.
const LIMIT: u64 = 400_000;
const SLICE: u64 = 10_000;

/// Where the manager's decisions are carried out.
pub(crate) trait Outside {
    fn now(&self) -> Instant;
    fn start(&mut self, machine: MachineId);
    fn stop(&mut self, machine: MachineId);
    fn poll(&mut self, machine: MachineId);
    fn run(&mut self, request: RequestId, machine: MachineId);
    fn lost(&mut self, request: RequestId, machine: MachineId);
    /// For tests and journals.
    fn told(&mut self, _: &Event, _: Instant) {}
}

/// The loop around the manager.
pub(crate) struct Loop<O> {
    pub(crate) manager: Manager,
    pub(crate) outside: O,
}

impl<O: Outside> Loop<O> {
    /// One turn: tells the manager what happened, and does what it decides.
    pub(crate) fn handle(&mut self, event: Event) {
        let now = self.outside.now();
        let outside = &mut self.outside;
        outside.told(&event, now);
        for action in self.manager.handle(event, now) {
            match action {
                Action::Start { first, count, .. } => {
                    let ids = (first.0..).map(MachineId).take(count as usize);
                    ids.for_each(|machine| outside.start(machine));
                }
                Action::Stop { machine } => outside.stop(machine),
                Action::Poll { machine } => outside.poll(machine),
                Action::Grant { request, machine } => outside.run(request, machine),
                Action::RequestLost {
                    request, machine, ..
                } => outside.lost(request, machine),
                Action::Notice(notice) => println!("{notice}"),
                Action::Reject(reject) => eprintln!("{reject}"),
                // Timers: main asks for next_timeout. Nothing here expires or is cancelled, and tasks and
                // once-work play no part.
                _ => {}
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let kind = Kind::new(Resources::procs(1))
        .max(4)
        .idle(Duration::from_millis(50));
    let (events, inbox) = channel();
    let (results, counts) = channel();
    let mut left = LIMIT / SLICE;
    for slice in 0..left {
        events.send(submit(RequestId(slice)))?;
    }
    let start = Clock::now();
    let mut jobs = Loop {
        manager: Manager::new(Config::empty().kind(kind))?,
        outside: Threads {
            start,
            events,
            results,
            machines: HashMap::new(),
        },
    };
    // Until all is counted and, with nothing left to do, every machine has been stopped.
    while left > 0 || jobs.manager.machines().next().is_some() {
        let until = jobs.manager.next_timeout().unwrap_or(Instant::MAX);
        let event = match inbox.recv_timeout(until - jobs.outside.now()) {
            Err(RecvTimeoutError::Timeout) => Event::Timer,
            event => event?,
        };
        if let Event::Done { .. } = event {
            left -= 1;
        }
        jobs.handle(event);
    }
    let (primes, time) = (counts.try_iter().sum::<u64>(), start.elapsed());
    println!("{primes} primes below {LIMIT}, counted in {time:.2?}");
    Ok(())
}

fn submit(request: RequestId) -> Event {
    let spec = Submit::machine();
    Event::Submit { request, spec }
}

/// Machines that are threads.
struct Threads {
    start: Clock,
    events: Sender<Event>,
    results: Sender<u64>,
    machines: HashMap<MachineId, Sender<RequestId>>,
}

impl Threads {
    fn say(&self, event: Event) {
        // The loop has the other end, and outlives all that is said.
        _ = self.events.send(event);
    }
}

impl Outside for Threads {
    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    fn start(&mut self, id: MachineId) {
        let (jobs, work) = channel();
        let (events, results) = (self.events.clone(), self.results.clone());
        thread::spawn(move || machine(id, &work, &events, &results));
        self.machines.insert(id, jobs);
    }

    /// Its channel closes, and so the thread ends.
    fn stop(&mut self, machine: MachineId) {
        self.machines.remove(&machine);
    }

    /// A thread is there for as long as it has not said that it ended.
    fn poll(&mut self, machine: MachineId) {
        let answered = true;
        self.say(Event::Polled { machine, answered });
    }

    /// Where that fails, the machine broke just now, and its *stopped* is on the way.
    fn run(&mut self, request: RequestId, machine: MachineId) {
        _ = self.machines[&machine].send(request);
    }

    fn lost(&mut self, request: RequestId, machine: MachineId) {
        println!("{request} was lost with {machine} and goes to another");
        self.say(submit(request));
    }
}

/// A machine of one proc. The second one ever started breaks when it has done two jobs.
fn machine(id: MachineId, work: &Receiver<RequestId>, events: &Sender<Event>, sums: &Sender<u64>) {
    let by = |n: u64| (2..).take_while(move |d| d * d <= n);
    let is_prime = |&n: &u64| n > 1 && by(n).all(|d| !n.is_multiple_of(d));
    let say = |event| _ = events.send(event);
    say(Event::Up {
        machine: id,
        offer: None,
    });
    let jobs = if id.0 == 1 { 2 } else { usize::MAX };
    for request in work.iter().take(jobs) {
        let slice = request.0 * SLICE..(request.0 + 1) * SLICE;
        _ = sums.send(slice.filter(is_prime).count() as u64);
        let (machine, outcome) = (Some(id), Outcome::Ok);
        say(Event::Done {
            request,
            machine,
            outcome,
        });
    }
    say(Event::Stopped { machine: id });
}
