//! Whatever is recorded is read as it was written, and replays from everywhere.

use proptest::prelude::*;
use remuda::journal::{Index, Reader};
use remuda::{Instant, Manager};

use crate::random::{any_event, config, steps};
use crate::{Taped, procs, read, replay};

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
        let mut taped = Taped::new(procs(4, 16));
        for (event, time) in events {
            taped.tell(event, Instant(time));
        }
        prop_assert_eq!(read(&taped.bytes), (taped.events, None));
    }

    #[test]
    fn any_config_is_read_as_it_was_written(config in config()) {
        let taped = Taped::new(config.clone());
        let reader = Reader::new(&taped.bytes).unwrap();
        prop_assert_eq!(&reader.header().config, &config);
    }

    #[test]
    fn f06_a_replay_from_the_beginning_and_from_every_snapshot_gives_the_same_actions(
        config in config(),
        steps in steps(120),
        every in 1usize..20,
        fresh in 0usize..20,
    ) {
        // Recorded from the beginning, or from somewhere on the way.
        let mut taped = Taped::new(config.clone());
        let mut now = Instant::ZERO;
        for (n, step) in steps.iter().enumerate() {
            if n == fresh {
                taped = Taped::of(taped.manager);
            }
            now = step.now(now);
            taped.tell(step.event(&taped.manager), now);
            if n % every == 0 {
                taped.snapshot();
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
        let mut journal = Taped::new(procs(1, 1)).bytes;
        journal.extend(bytes);
        read(&journal);
        let _ = Index::new(&journal);
    }
}
