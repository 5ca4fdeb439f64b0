#!/usr/bin/env bash
# What a job costs: 10,000 × `true` by `remuda run --max-procs 2`, against `xargs -P2 -n1 true` for the same, in turns.
# remuda runs them both ways, as lines for `sh -c` and as words without a shell, which is what xargs does.
# Prints the medians and their ratios; exit status 1 if one is above 1.
#
#   scripts/xargs-ratio.sh [ROUNDS]     default 5
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5} jobs=10000 limit=1000
. scripts/in-turns.sh
trap 'rm -rf "$dir"' EXIT
for ((job = 0; job < jobs; job++)); do echo '{"cmd": ["true"]}'; done >"$dir/words.jsonl"
seq "$jobs" >"$dir/numbers" # `true` does not mind an argument

with_xargs() { xargs -P2 -n1 true <"$dir/numbers"; }

# Once unmeasured: the first run of anything reads it from the disk.
with_xargs
finished "$dir/lines.txt"
for ((round = 1; round <= rounds; round++)); do
    printf 'round %d:' "$round"
    measure xargs with_xargs
    measure lines finished "$dir/lines.txt"
    measure words finished "$dir/words.jsonl"
    echo
done
compare xargs lines words
