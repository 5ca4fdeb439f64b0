#!/usr/bin/env bash
# What it costs a run to be watched: 10,000 × `true` by `remuda run`, by `remuda run --serve` with nobody who reads, and with
# two readers of /events, one of which never reads, in turns. Prints the medians and their ratios; exit status 1 if one is
# above 1.05.
#
#   scripts/serve-ratio.sh [ROUNDS]     default 5
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
jobs=10000
limit=1050 # thousandths

command -v curl >/dev/null || { echo "curl is missing" >&2; exit 2; }
cargo build --release --quiet -p remuda-cli
remuda=${CARGO_TARGET_DIR:-target}/release/remuda
dir=$(mktemp -d)
readers=()
trap '((${#readers[@]})) && kill "${readers[@]}" 2>/dev/null; rm -rf "$dir"' EXIT
for ((job = 0; job < jobs; job++)); do echo true; done >"$dir/lines.txt"

finished() { # WORD...: a run of all jobs
    "$remuda" run --max-procs 2 "$@" "$dir/lines.txt" 2>"$dir/said" || { cat "$dir/said" >&2; exit 2; }
    grep -q "^$jobs jobs: $jobs ok, 0 failed; " "$dir/said"
}

plain() { finished; }
served() { finished --serve 0; }

# One that reads, and one that is stopped as soon as it has begun.
read_on() {
    local address
    : >"$dir/said"
    finished --serve 0 &
    local run=$!
    until address=$(grep -o 'http://[^ ]*' "$dir/said"); do sleep 0.01; done
    curl -sN "${address}events" >"$dir/events" &
    readers=($!)
    curl -sN "${address}events" >/dev/null &
    readers+=($!)
    kill -STOP "${readers[1]}"
    wait "$run"
    kill -KILL "${readers[@]}" 2>/dev/null || true
    wait "${readers[@]}" 2>/dev/null || true
    readers=()
    grep -q '"requests\|data:' "$dir/events" || { echo "the reader was told nothing" >&2; exit 2; }
}

measure() { # NAME COMMAND...: notes and prints the milliseconds it takes
    local name=$1 began took
    shift
    began=$(date +%s%N)
    "$@"
    took=$((($(date +%s%N) - began) / 1000000))
    echo "$took" >>"$dir/$name"
    printf '  %s %d ms' "$name" "$took"
}

median() { sort -n "$dir/$1" | sed -n "$((rounds / 2 + 1))p"; }

# Once unmeasured: the first run of anything reads it from the disk.
plain
for ((round = 1; round <= rounds; round++)); do
    printf 'round %d:' "$round"
    measure plain plain
    measure served served
    measure read read_on
    echo
done

plain=$(median plain)
status=0
echo "medians of $jobs jobs, two at a time: plain $plain ms"
for name in served read; do
    took=$(median "$name")
    ratio=$((took * 1000 / plain))
    printf 'with --serve, %s: %d ms, ratio %d.%03d (at most %d.%03d)\n' \
        "$name" "$took" $((ratio / 1000)) $((ratio % 1000)) $((limit / 1000)) $((limit % 1000))
    [ "$ratio" -le "$limit" ] || status=1
done
exit "$status"
