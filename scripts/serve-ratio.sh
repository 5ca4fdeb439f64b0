#!/usr/bin/env bash
# What it costs a run to be watched: 10,000 × `true` by `remuda run`, by `remuda run --serve` with no reader, and with readers
# of /events: eleven that stay, one that goes away, one that never reads; in turns. The readers run on the same
# processors. Prints the medians and their ratios; exit status 1 if one is above 1.05.
#
#   scripts/serve-ratio.sh [ROUNDS]     default 5
set -euo pipefail
cd "$(dirname "$0")/.."

command -v curl >/dev/null || { echo "serve-ratio: curl is missing: install it" >&2; exit 2; }
rounds=${1:-5} jobs=10000 limit=1050
. scripts/in-turns.sh
readers=()
trap '((${#readers[@]})) && kill -KILL "${readers[@]}" 2>/dev/null; rm -rf "$dir"' EXIT

watched() {
    local address run
    : >"$dir/said"
    finished --serve 0 "$dir/lines.txt" &
    run=$!
    until address=$(grep -o 'http://[^ ]*' "$dir/said"); do sleep 0.01; done
    address+=events
    curl -sN "$address" >"$dir/events" &
    readers=($!)
    # Ten in one process.
    curl -sN --parallel --parallel-immediate "$address"{,,,,,,,,,} >/dev/null 2>&1 &
    readers+=($!)
    curl -sN --max-time 1 "$address" >/dev/null &
    readers+=($!)
    curl -sN "$address" >/dev/null &
    readers+=($!)
    kill -STOP "$!"
    wait "$run"
    kill -KILL "${readers[@]}" 2>/dev/null || true
    wait "${readers[@]}" 2>/dev/null || true
    readers=()
    (($(grep -c '^data:' "$dir/events") > 10)) || { echo "serve-ratio: the readers were told nothing" >&2; exit 2; }
}

# Once unmeasured: the first run of anything reads it from the disk.
finished "$dir/lines.txt"
for ((round = 1; round <= rounds; round++)); do
    printf 'round %d:' "$round"
    measure plain finished "$dir/lines.txt"
    measure served finished --serve 0 "$dir/lines.txt"
    measure watched watched
    echo
done
compare plain served watched
