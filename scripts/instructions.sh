#!/usr/bin/env bash
# Counts the instructions that each workload of the benchmarks takes, by valgrind, and holds them against those kept in
# benches/instructions.txt, with 3 % either way: a slow-down shows, however busy the machine is.
#
#   scripts/instructions.sh            compares; exit status 1 if one is off
#   scripts/instructions.sh --bless    writes the file
#
# Counts of another rustc are printed, not judged. Exit status 77: skipped, there is no valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=benches/instructions.txt
tolerance=3

command -v valgrind >/dev/null || bash scripts/apt-install.sh instructions valgrind || exit

# What scripts/same-bytes.sh takes is built with it, the core once for both.
cargo build --release --quiet -p remuda-benches -p remuda-sim --bin count --bin runs
count=${CARGO_TARGET_DIR:-target}/release/count
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

rustc=$(rustc --version)
{
    echo "# Instructions per event of each workload, as counted by scripts/instructions.sh, which also writes this file (--bless)."
    echo "# $rustc, $(uname -m)"
} >"$dir/now"
for workload in $("$count"); do
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect='*measured*' \
        "$count" "$workload" >"$dir/events" 2>"$dir/said" || { cat "$dir/said" >&2; exit 1; }
    counted=$(sed -n 's/.*Collected : //p' "$dir/said")
    [[ ${counted:-0} -gt 0 ]] || { echo "instructions: nothing was counted of $workload" >&2; cat "$dir/said" >&2; exit 1; }
    echo "$workload $counted $(cat "$dir/events")" | awk '{ printf "%-26s %8.1f\n", $1, $2 / $3 }' >>"$dir/now"
done

if [[ ${1:-} == --bless ]]; then
    cp "$dir/now" "$kept"
    cat "$kept"
    exit
fi
judged=1
if [[ $(sed -n 2p "$kept") != $(sed -n 2p "$dir/now") ]]; then
    judged=0
    echo "instructions: not judged: counted with $rustc, kept with $(sed -n '2s/^# //p' "$kept")"
fi
awk -v tolerance=$tolerance -v judged=$judged '
    /^#/ { next }
    NR == FNR { kept[$1] = $2; next }
    {
        change = ($1 in kept) ? ($2 / kept[$1] - 1) * 100 : 100
        off = change > tolerance || change < -tolerance
        printf "  %-26s %8.1f  kept %8.1f  %+6.1f %%%s\n", $1, $2, kept[$1], change, off ? "  off" : ""
        if (off) wrong++
        delete kept[$1]
    }
    END {
        for (name in kept) { print "  " name " is kept and not counted"; wrong++ }
        if (wrong && judged) {
            print "instructions: " wrong " off by more than " tolerance " %; if that is meant: bash scripts/instructions.sh --bless"
            exit 1
        }
    }' "$kept" "$dir/now"
