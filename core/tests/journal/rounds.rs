//! Whatever is recorded is read as it was written, and replays from everywhere.

use proptest::prelude::*;
use remuda::journal::{Index, Reader};
use remuda::{
    Config, Demand, Event, Instant, MachineId, Manager, OnceKey, OnceOutcome, Outcome, RequestId,
    TaskId, WaiterId,
};

use crate::support::random::{config, hostile_steps};
use crate::{Taped, read, replay};

fn any_event() -> impl Strategy<Value = Event> {
    let ids = (any::<u64>(), any::<u64>(), any::<u32>(), any::<u64>());
    (0u8..14, ids, any::<i64>(), any::<u32>(), 0usize..4).prop_map(
        |(kind, (a, b, c, d), priority, procs, which)| {
            let (request, machine, task) = (RequestId(a), MachineId(a), TaskId(b));
            let key = OnceKey { kind: c, key: d };
            let once = [
                OnceOutcome::Ok,
                OnceOutcome::Remote,
                OnceOutcome::Unreachable,
                OnceOutcome::MachineLost,
            ];
            let outcomes = [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ];
            let demand = match which {
                0 => Demand::Machine,
                _ => Demand::procs(procs).unwrap_or(Demand::Machine),
            };
            match kind {
                0 => Event::Submit {
                    request,
                    priority,
                    demand,
                },
                1 => Event::Cancel { request },
                2 => Event::Done {
                    request,
                    outcome: outcomes[which],
                },
                3 => Event::Up { machine },
                4 => Event::StartFailed { machine },
                5 => Event::Stopped { machine },
                6 => Event::Assign { machine, task },
                7 => Event::Discard { machine, task },
                8 => Event::Once {
                    machine,
                    key,
                    waiter: WaiterId(b),
                },
                9 => Event::OnceDone {
                    machine,
                    key,
                    outcome: once[which],
                },
                10 => Event::Forget { machine, key },
                11 => Event::Polled {
                    machine,
                    answered: which % 2 == 0,
                },
                12 => Event::Timer,
                _ => Event::Shutdown,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_events_at_any_times_are_read_as_they_were_written(
        events in proptest::collection::vec((any_event(), any::<u64>()), 0..40),
    ) {
        let mut taped = Taped::new(Config::new(4, 16).unwrap());
        for (event, time) in events {
            taped.tell(event, Instant(time));
        }
        prop_assert_eq!(read(&taped.bytes), (taped.events, None));
    }

    #[test]
    fn f06_a_replay_from_the_beginning_and_from_every_snapshot_gives_the_same_actions(
        config in config(),
        steps in hostile_steps(120),
        every in 1usize..20,
        fresh in 0usize..20,
    ) {
        // Recorded from the beginning, or from somewhere on the way.
        let mut taped = Taped::new(config);
        let mut now = Instant::ZERO;
        for (n, step) in steps.iter().enumerate() {
            if n == fresh {
                taped = Taped::of(taped.manager);
            }
            now = step.now(now);
            taped.tell(step.event(&taped.manager), now);
            if n % every == 0 {
                taped.writer.snapshot(&taped.manager, &mut taped.bytes);
            }
        }
        prop_assert_eq!(read(&taped.bytes), (taped.events.clone(), None));

        let index = Index::new(&taped.bytes).unwrap();
        prop_assert_eq!((index.events(), index.error()), (taped.events.len() as u64, None));
        for frozen in index.snapshots() {
            let mut reader = Reader::new(&taped.bytes).unwrap();
            reader.resume(frozen).unwrap();
            prop_assert!(replay(frozen.thaw().unwrap(), reader) == taped.manager);
        }
        let reader = Reader::new(&taped.bytes).unwrap();
        let first = Manager::new(config).unwrap();
        if reader.header().fresh {
            prop_assert!(replay(first, reader) == taped.manager);
        } else {
            prop_assert_eq!(index.snapshots()[0].events, 0);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        let mut journal = Taped::new(Config::new(1, 1).unwrap()).bytes;
        journal.extend(bytes);
        read(&journal);
        let _ = Index::new(&journal);
    }
}
