#!/usr/bin/env bash
# F6 across builds: the scripts of many runs, every answer of the manager in them, are the same byte by byte whether it is
# built with no optimisation at all and every check on, or for release.
#
#   scripts/same-bytes.sh [RUNS]     default 1000
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-1000}
target=${CARGO_TARGET_DIR:-target}
# The profile for tests optimises the core and the simulation.
slow=(--profile unoptimised --config 'profile.unoptimised.inherits="dev"' --config 'profile.unoptimised.opt-level=0')
for package in remuda remuda-sim '"*"'; do
    slow+=(--config "profile.unoptimised.package.$package.opt-level=0")
done

cargo build --quiet -p remuda-sim --bin runs "${slow[@]}"
# As in scripts/instructions.sh.
cargo build --quiet --release -p remuda-benches -p remuda-sim --bin count --bin runs
mkdir -p "$target/tmp"
dir=$(mktemp -d "$target/tmp/same-bytes.XXXXXX")
trap 'rm -rf "$dir"' EXIT
for build in unoptimised release; do
    "$target/$build/runs" --runs "$runs" >"$dir/$build"
done
cmp "$dir/unoptimised" "$dir/release" || { echo "same bytes: the builds differ" >&2; exit 1; }
[[ $(grep -c '^# seed ' "$dir/release") == "$runs" && $(grep -c '^-> ' "$dir/release") -gt $((runs * 100)) ]] ||
    { echo "same bytes: these are not $runs runs" >&2; exit 1; }
echo "same bytes: $(wc -c <"$dir/release") bytes of $runs runs, $(sha256sum <"$dir/release" | cut -c1-16), from both builds"
