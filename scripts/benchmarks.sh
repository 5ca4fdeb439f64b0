#!/usr/bin/env bash
# Measures all that BENCHMARKS.md tells, and writes it. Takes some ten minutes, on a machine that should do nothing else.
#
#   scripts/benchmarks.sh
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR=$target
new=$(mktemp)
trap 'rm -f "$new"' EXIT

cargo bench -p remuda-benches --bench manager --bench lease
cargo build --release -p remuda-benches -p remuda-cli
cargo build --release -p remuda-sim --example scale
{
    "$target/release/benchmarks" "$target/criterion"
    # Measured by hand: scripts/instructions.sh, with and without it.
    cat <<'END'

## The shortcut

The core's one shortcut (`core/src/manager/shortcut.rs`) hands what ends on a full machine to the first of a queue of equals:
what a cluster does all day that works through one long list of like jobs. Instructions an event with it and without it, where
`take_shortcut` returns at once (`scripts/instructions.sh`, 2026-12-01): a, 10,000 machines: 714 and 1,158; b, drain of one
priority: 791 and 1,671. Where unlike requests are queued it is not taken.
END
    printf '\n## Calls and jobs\n\n'
    # Measured by hand: run_cost of both builds, in turns.
    printf '%s\n' 'Releases are built with thin LTO. In turns with builds without it (`CARGO_PROFILE_RELEASE_LTO=off`), 20,000 jobs cost the driver of' \
        '`remuda run` 53, 60 and 57 µs each, and 57, 66 and 72 without (2026-12-01). Building takes a tenth more processor time.'
    printf '\n```text\n'
    "$target/release/calls"
    "$target/release/connected"
    "$target/release/run_cost"
    printf '```\n\n## Scale\n\n`cargo run --release -p remuda-sim --example scale`: machines of 16 procs, all full, requests of 1,000 priorities.\n\n'
    "$target/release/examples/scale"
} | tee "$new"
cp "$new" BENCHMARKS.md
