//! The manager with no async runtime: threads are the machines, one channel brings the events, and
//! `recv_timeout` is the timer. Counts primes; one machine breaks on the way and is replaced.

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant as Clock};

use remuda::{Action, Config, Demand, Event, Instant, MachineId, Manager, Outcome, RequestId};

/// Up to this number the primes are counted, in slices of 10,000: a job each.
const LIMIT: u64 = 400_000;
const SLICE: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut manager = Manager::new(Config::new(1, 4)?)?;
    let (events, inbox) = channel();
    let (results, counts) = channel();
    let mut machines: HashMap<MachineId, Sender<RequestId>> = HashMap::new();
    let demand = Demand::procs(1).expect("one is not zero");
    let submit = |request| Event::Submit {
        request,
        priority: 0,
        demand,
    };
    let mut left = LIMIT / SLICE;
    for slice in 0..left {
        events.send(submit(RequestId(slice)))?;
    }

    let start = Clock::now();
    let now = || Instant::ZERO + start.elapsed();
    while left > 0 || manager.counts().have > 0 {
        let wait = manager
            .next_timeout()
            .map_or(Duration::MAX, |at| at - now());
        let event = match inbox.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => Event::Timer,
            event => event?,
        };
        if let Event::Done { .. } = event {
            left -= 1;
            if left == 0 {
                events.send(Event::Shutdown)?;
            }
        }
        for action in manager.handle(event, now()) {
            match action {
                Action::Grant { request, machine } => machines[&machine].send(request)?,
                Action::Start { first, count } => {
                    for id in (first.0..).map(MachineId).take(count as usize) {
                        let (jobs, work) = channel();
                        let (events, results) = (events.clone(), results.clone());
                        thread::spawn(move || machine(id, &work, &events, &results));
                        machines.insert(id, jobs);
                    }
                }
                // Its channel closes, and so the thread ends.
                Action::Stop { machine } => drop(machines.remove(&machine)),
                Action::RequestLost { request, machine } => {
                    println!("{request} was lost with {machine} and goes to another");
                    events.send(submit(request))?;
                }
                Action::Poll { machine } => {
                    events.send(Event::Polled {
                        machine,
                        answered: true,
                    })?;
                }
                Action::Notice(notice) => println!("{notice}"),
                Action::Reject(reject) => eprintln!("{reject}"),
                // The loop asks for next_timeout itself.
                Action::SetTimer { .. } | Action::ClearTimer => {}
                Action::TaskLost { .. } | Action::DropTask { .. } | Action::RunOnce { .. } => {}
                Action::OnceReady { .. } | Action::Cancelled { .. } => {}
            }
        }
    }
    let primes: u64 = counts.try_iter().sum();
    println!(
        "{primes} primes below {LIMIT}, counted in {:.2?}",
        start.elapsed()
    );
    Ok(())
}

/// A machine of one proc. The second one ever started breaks when it has done two jobs.
fn machine(id: MachineId, work: &Receiver<RequestId>, events: &Sender<Event>, sums: &Sender<u64>) {
    let say = |event| {
        events
            .send(event)
            .expect("main listens until all machines have stopped")
    };
    say(Event::Up { machine: id });
    for request in work
        .iter()
        .take(if id == MachineId(1) { 2 } else { usize::MAX })
    {
        let slice = request.0 * SLICE..(request.0 + 1) * SLICE;
        sums.send(slice.filter(is_prime).count() as u64)
            .expect("main reads them at the end");
        say(Event::Done {
            request,
            outcome: Outcome::Ok,
        });
    }
    say(Event::Stopped { machine: id });
}

fn is_prime(n: &u64) -> bool {
    *n > 1
        && (2..)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
}
