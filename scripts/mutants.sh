#!/usr/bin/env bash
# Changes the core, and the worker's codec, in about fifteen hundred small ways, and counts how many of them the tests notice.
# Takes an hour or two on a machine that does nothing else.
#
#   bash scripts/mutants.sh              all of it, into target/mutants
#   bash scripts/mutants.sh core         or: worker
#
# Needs cargo-mutants (cargo install --locked cargo-mutants). First each change meets the package's own tests; what they
# let pass then meets those of remuda-sim as well. What is left is listed, and belongs into tests/MUTANTS.md.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-mutants >/dev/null || { echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2; exit 1; }
# A failure is enough: nobody reads its smallest case.
export PROPTEST_MAX_SHRINK_ITERS=0
out=${CARGO_TARGET_DIR:-target}/mutants

round() { # NAME ARGUMENTS...: one run of cargo mutants; survivors are no error yet
    local name=$1 status=0
    shift
    cargo mutants -o "$out/$name" --no-shuffle "$@" || status=$?
    # 2: some survived; 3: some timed out, which counts as noticed.
    case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac
}

core() {
    round core -p remuda
    if [[ -s $out/core/mutants.out/missed.txt ]]; then
        round core -p remuda --iterate --test-package remuda,remuda-sim
    fi
}

# The codec alone, and the tests that are for it alone: those with processes take long.
worker() {
    round worker --no-config --profile mutants --minimum-test-timeout 20 -p remuda-worker \
        -f worker/src/wire.rs -f 'worker/src/wire/**' -- --lib --test wire
}

mkdir -p "$out"
case ${1:-all} in
    core) core ;;
    worker) worker ;;
    all) core && worker ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
for name in core worker; do
    [[ -d $out/$name/mutants.out ]] || continue
    printf '\n== %s: survived\n' "$name"
    cat "$out/$name/mutants.out/missed.txt"
done
