//! Snapshots of the first edition: their layout, frozen; what it means today is in `convert`.
//!
//! The types here are what the first edition serialised, field for field; nothing in them may
//! change. They share no type with the rest of the crate, so that a change there does not reach
//! them.

mod convert;

use alloc::vec::Vec;
use core::mem::take;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::manager::Manager;

/// A whole manager of the first edition.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Snapshot {
    config: Config,
    now: u64,
    /// In the order of the queue (S3).
    queue: Vec<Queued>,
    /// By id.
    machines: Vec<Machine>,
    lost: u64,
    growth: Growth,
    summary: Summary,
    /// The timer that was said last.
    armed: Option<u64>,
    shutdown: bool,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Config {
    machine_procs: u32,
    max_procs: u64,
    probation: Duration,
    start_backoff_base: Duration,
    start_backoff_cap: Duration,
    silent_polls: u32,
    poll_interval: Duration,
    summary_interval: Duration,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Queued {
    request: u64,
    priority: i64,
    procs: u32,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Machine {
    machine: u64,
    state: State,
    poll: Poll,
    /// How many polls in a row came back unanswered (F8).
    silent: u32,
    /// Request and procs, in the order of the grants.
    running: Vec<(u64, u32)>,
    /// In the order of assignment.
    tasks: Vec<u64>,
    /// In the order of first asking; those without a result are running.
    onces: Vec<(OnceKey, Option<OnceOutcome>)>,
    /// In the order of asking.
    waiters: Vec<(u64, OnceKey)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct OnceKey {
    kind: u32,
    key: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum OnceOutcome {
    Ok,
    Remote,
    Unreachable,
    MachineLost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum State {
    /// Asked for when the start back-off had made so many steps (F7).
    Pending {
        steps: u64,
    },
    Ok,
    /// Until then, or without end.
    Probation {
        until: Option<u64>,
    },
}

/// The polls of a machine (S17).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Poll {
    Never,
    Out,
    Due(u64),
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Growth {
    next_machine: u64,
    /// Failed starts since a machine came up (S8).
    failures: u64,
    /// Steps of the back-off ever made, and since a machine came up (F7).
    steps: u64,
    step: u32,
    /// Whether the back-off holds growth back, and until when; without end if there is no time.
    held: bool,
    until: Option<u64>,
}

/// When the next summary is due (S20).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Summary {
    /// No event came yet.
    Unborn,
    Never,
    Due(u64),
}

/// The manager that the bytes are; `None` if they are no sound one.
pub(super) fn thaw(bytes: &[u8]) -> Option<Manager> {
    let today = read(bytes)?.into_today();
    // Read as any manager is, so that it is checked as a whole.
    let bytes = postcard::to_allocvec(&today).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// Appends the manager in this layout; `false` if it has something that the first edition did not.
pub(super) fn put_manager(out: &mut Vec<u8>, manager: &Manager) -> bool {
    let Some(snapshot) = Snapshot::of(&manager.snapshot()) else {
        return false;
    };
    let extended = postcard::to_extend(&snapshot, take(out));
    *out = extended.expect("a vector takes all there is, and a snapshot can always be written");
    true
}

fn read(bytes: &[u8]) -> Option<Snapshot> {
    match postcard::take_from_bytes(bytes) {
        Ok((snapshot, [])) => Some(snapshot),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::time::Duration;

    use proptest::prelude::*;

    use super::{put_manager, read, thaw};
    use crate::manager::Manager;
    use crate::protocol::config::Config;
    use crate::protocol::event::{Event, OnceOutcome, Outcome, Submit};
    use crate::protocol::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
    use crate::protocol::resources::Resources;
    use crate::protocol::time::Instant;

    /// Where the golden journal of format 1 has a snapshot: behind the frame's kind, length and
    /// checksum, and the snapshot's events, time and version.
    const SNAPSHOT: core::ops::Range<usize> = 0x12b..0x18c;

    #[test]
    fn the_first_editions_layout_is_read_and_written_as_it_was() {
        let journal = include_bytes!("../../../tests/journals/format-1.journal");
        let bytes = &journal[SNAPSHOT];
        let snapshot = read(bytes).unwrap();
        assert_eq!(snapshot.config.machine_procs, 4);
        assert_eq!(snapshot.queue.len(), 2);
        assert_eq!(snapshot.machines.len(), 2);
        let written: Vec<u8> = postcard::to_extend(&snapshot, Vec::new()).unwrap();
        assert_eq!(written, bytes);
        assert!(written_again(&thaw(bytes).unwrap()).is_some_and(|again| again == bytes));
        assert!(read(&bytes[1..]).is_none());
        assert!(thaw(&[bytes, &[0]].concat()).is_none());
    }

    fn written_again(manager: &Manager) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        put_manager(&mut bytes, manager).then_some(bytes)
    }

    #[test]
    fn what_the_first_edition_did_not_have_is_not_written() {
        let manager = |config: Config| Manager::new(config).unwrap();
        assert_eq!(written_again(&manager(Config::new(4, 16).unwrap())), None);
        let fresh = manager(Config::bigslice_machines(4, 16));
        assert!(written_again(&fresh).is_some());
        let (request, machine) = (RequestId(1), MachineId(0));
        let up = |offer| {
            let mut up = fresh.clone();
            let spec = Submit::procs(3);
            let _ = up.handle(Event::Submit { request, spec }, Instant::ZERO);
            let _ = up.handle(Event::Up { machine, offer }, Instant::ZERO);
            up
        };
        assert!(written_again(&up(None)).is_some());
        assert_eq!(written_again(&up(Some(Resources::procs(3)))), None);
        let mut draining = up(None);
        let until = None;
        let _ = draining.handle(Event::Drain { machine, until }, Instant::ZERO);
        assert_eq!(written_again(&draining), None);
        let done = Event::Done {
            request,
            machine: None,
            outcome: Outcome::Ok,
        };
        let _ = draining.handle(done, Instant::ZERO);
        assert_eq!(written_again(&draining), None, "it stops");
        let _ = draining.handle(Event::Stopped { machine }, Instant::ZERO);
        assert_eq!(written_again(&draining), None, "one has ended");
        let mut gives_up = fresh.clone();
        let spec = Submit::procs(3).give_up(Instant::from_secs(9));
        let _ = gives_up.handle(Event::Submit { request, spec }, Instant::ZERO);
        assert_eq!(written_again(&gives_up), None);
    }

    /// An event of the first edition about few requests and machines.
    fn event() -> impl Strategy<Value = Event> {
        let outcome = prop_oneof![
            3 => Just(Outcome::Ok),
            1 => Just(Outcome::Remote),
            2 => Just(Outcome::Unreachable),
            1 => Just(Outcome::Unused),
        ];
        (0u8..24, 0u64..9, 0u64..4, 0u32..9, outcome).prop_map(|(what, a, b, procs, outcome)| {
            let (request, machine, task) = (RequestId(a), MachineId(a), TaskId(b));
            let (key, waiter) = (OnceKey { kind: 0, key: b }, WaiterId(a));
            let spec = match procs {
                0 => Submit::machine(),
                procs => Submit::procs(procs).priority(b as i64),
            };
            match what {
                0..=6 => Event::Submit { request, spec },
                7..=10 => Event::Done {
                    request,
                    machine: None,
                    outcome,
                },
                11..=14 => Event::Up {
                    machine,
                    offer: None,
                },
                15 => Event::StartFailed {
                    machine,
                    hint: None,
                },
                16 => Event::Stopped { machine },
                17 => Event::AssignTask { machine, task },
                18 => Event::Once {
                    machine,
                    key,
                    waiter,
                },
                19 => Event::OnceDone {
                    machine,
                    key,
                    outcome: OnceOutcome::Remote,
                },
                20 | 21 => Event::Polled {
                    machine,
                    answered: b > 0,
                },
                22 => Event::Cancel { request },
                _ => Event::Timer,
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 300,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn a_manager_that_was_written_and_thawed_goes_on_as_the_one_that_was_not(
            events in proptest::collection::vec((event(), 0u64..3), 1..100),
            thawed_at in 0usize..100,
            shut_down_at in 0usize..200,
        ) {
            let config = Config::bigslice_machines(8, 30).silent_polls(2);
            let config = config.poll_interval(Duration::from_secs(2));
            let (mut manager, mut again) = (Manager::new(config).unwrap(), None);
            let mut now = Instant::ZERO;
            for (n, (event, secs)) in events.into_iter().enumerate() {
                now = now + Duration::from_secs(secs);
                let event = if n == shut_down_at { Event::Shutdown } else { event };
                let actions = manager.handle(event, now);
                let bytes = written_again(&manager);
                prop_assert!(bytes.is_some());
                if let Some(again) = &mut again {
                    let again: &mut Manager = again;
                    prop_assert_eq!(again.handle(event, now), actions);
                    prop_assert_eq!(written_again(again), bytes);
                } else if n == thawed_at {
                    again = thaw(&bytes.unwrap());
                    prop_assert!(again.is_some());
                }
            }
        }
    }
}
