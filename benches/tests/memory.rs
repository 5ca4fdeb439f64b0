//! What a queued request takes, and that it is given back.

use remuda_benches::allocator::{Counting, held};
use remuda_benches::ours::Ours;
use remuda_benches::workloads::Flood;

#[global_allocator]
static COUNTING: Counting = Counting;

// One test, as all threads' bytes are counted together.
#[test]
fn a_flood_takes_little_and_gives_it_back() {
    const REQUESTS: u64 = 100_000;
    // A record and its place in the index; for one that is alone in its priority a class and its place too.
    for (priorities, most) in [(1, 64), (1000, 64), (u64::MAX / 2, 256)] {
        let mut flood = Flood::<Ours>::new(100);
        let before = held();
        flood.push(REQUESTS, priorities);
        let each = (held() - before) as u64 / REQUESTS;
        assert!(each <= most, "{priorities} priorities: {each} bytes each");
        flood.drain();
        let ours = flood.into_carrier();
        let after = held().saturating_sub(before);
        assert!(
            after <= 32 << 10,
            "{priorities} priorities: {after} bytes are kept"
        );
        drop(ours);
    }
}
