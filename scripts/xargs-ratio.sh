#!/usr/bin/env bash
# What a job costs: 10,000 × `true` by `remuda run --max-procs 2`, against `xargs -P2 -n1 true` for the same, in turns.
# remuda runs them both ways, as lines for `sh -c` and as words without a shell, which is what xargs does.
# Prints the medians and their ratios; exit status 1 if one is above 1.
#
#   scripts/xargs-ratio.sh [ROUNDS]     default 5
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
jobs=10000
limit=1000 # thousandths

cargo build --release --quiet -p remuda-cli
remuda=${CARGO_TARGET_DIR:-target}/release/remuda
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for ((job = 0; job < jobs; job++)); do echo true; done >"$dir/lines.txt"
for ((job = 0; job < jobs; job++)); do echo '{"cmd": ["true"]}'; done >"$dir/words.jsonl"
seq "$jobs" >"$dir/numbers" # `true` does not mind an argument

with_xargs() { xargs -P2 -n1 true <"$dir/numbers"; }

with_remuda() { # FILE
    "$remuda" run --max-procs 2 "$1" 2>"$dir/said" || { cat "$dir/said" >&2; exit 2; }
    grep -q "^$jobs jobs: $jobs ok, 0 failed; " "$dir/said"
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
with_xargs
with_remuda "$dir/lines.txt"
for ((round = 1; round <= rounds; round++)); do
    printf 'round %d:' "$round"
    measure xargs with_xargs
    measure lines with_remuda "$dir/lines.txt"
    measure words with_remuda "$dir/words.jsonl"
    echo
done

xargs=$(median xargs)
status=0
echo "medians of $jobs jobs, two at a time: xargs $xargs ms"
for name in lines words; do
    took=$(median "$name")
    ratio=$((took * 1000 / xargs))
    printf 'remuda, %s: %d ms, ratio %d.%03d (at most %d.%03d)\n' \
        "$name" "$took" $((ratio / 1000)) $((ratio % 1000)) $((limit / 1000)) $((limit % 1000))
    [ "$ratio" -le "$limit" ] || status=1
done
exit "$status"
