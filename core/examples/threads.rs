//! The manager with no async runtime: threads are the machines, one channel brings the events, and
//! `recv_timeout` is the timer. Counts primes; one machine breaks on the way and is replaced, and
//! machines without work are stopped.

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

fn main() -> Result<(), Box<dyn Error>> {
    let kind = Kind::new(Resources::procs(1))
        .max(4)
        .idle(Duration::from_millis(50));
    let mut manager = Manager::new(Config::empty().kind(kind))?;
    let (events, inbox) = channel();
    let (results, counts) = channel();
    let mut machines: HashMap<MachineId, Sender<RequestId>> = HashMap::new();
    let submit = |request| {
        let spec = Submit::machine();
        Event::Submit { request, spec }
    };
    let mut left = LIMIT / SLICE;
    for slice in 0..left {
        events.send(submit(RequestId(slice)))?;
    }

    let start = Clock::now();
    let now = || Instant::ZERO + start.elapsed();
    // Until all is counted and, with nothing left to do, every machine has been stopped.
    while left > 0 || manager.machines().next().is_some() {
        let until = manager.next_timeout().unwrap_or(Instant::MAX);
        let event = match inbox.recv_timeout(until - now()) {
            Err(RecvTimeoutError::Timeout) => Event::Timer,
            event => event?,
        };
        if let Event::Done { .. } = event {
            left -= 1;
        }
        for action in manager.handle(event, now()) {
            match action {
                // Where that fails, the machine broke just now, and its *stopped* is on the way.
                Action::Grant { request, machine } => _ = machines[&machine].send(request),
                Action::Start { first, count, .. } => {
                    for id in (first.0..).map(MachineId).take(count as usize) {
                        let (jobs, work) = channel();
                        let (events, results) = (events.clone(), results.clone());
                        thread::spawn(move || machine(id, &work, &events, &results));
                        machines.insert(id, jobs);
                    }
                }
                // Its channel closes, and so the thread ends.
                Action::Stop { machine } => drop(machines.remove(&machine)),
                Action::RequestLost {
                    request, machine, ..
                } => {
                    println!("{request} was lost with {machine} and goes to another");
                    events.send(submit(request))?;
                }
                Action::Poll { machine } => {
                    let answered = true;
                    events.send(Event::Polled { machine, answered })?;
                }
                Action::Notice(notice) => println!("{notice}"),
                Action::Reject(reject) => eprintln!("{reject}"),
                // Timers: the loop asks for next_timeout. Tasks and once-work play no part here.
                _ => {}
            }
        }
    }
    let (primes, time) = (counts.try_iter().sum::<u64>(), start.elapsed());
    println!("{primes} primes below {LIMIT}, counted in {time:.2?}");
    Ok(())
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
