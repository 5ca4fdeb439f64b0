#!/usr/bin/env bash
# Fuzzes: builds the targets in fuzz/ with the nightly compiler that is on the machine and runs each for some time, from its
# committed corpus on. What they learn goes to target/fuzz/corpus, what fails to target/fuzz/artifacts, nothing into the tree.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     default 30, and each of events bytes wire jobs journal
#
# Exit status 1: something failed, and how to replay it was said. 77: skipped, a compiler is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-30}
targets=("${@:2}")
((${#targets[@]})) || targets=(events bytes wire jobs journal)
dir=$(realpath -m "${CARGO_TARGET_DIR:-target}/fuzz")

skip() { echo "skipped: fuzz: $*"; exit 77; }

# No rustup of ours downloads anything.
export RUSTUP_AUTO_INSTALL=0
nightly=
if command -v rustup >/dev/null; then
    nightly=$(rustup toolchain list | sed -n 's/^\(nightly[^ ]*\).*/\1/p' | head -n 1)
elif [[ $(rustc --version) == *nightly* ]]; then
    nightly=yes
fi
[[ -n $nightly ]] || skip "no nightly compiler: rustup toolchain install nightly --profile minimal"
command -v c++ >/dev/null || skip "no C++ compiler, which libFuzzer is built with"

export PATH=$dir/tools/bin:$PATH
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: installing cargo-fuzz into $dir/tools"
    CARGO_TARGET_DIR=$dir/tools/build cargo install --debug --locked --quiet --root "$dir/tools" cargo-fuzz
fi

[[ $nightly == yes ]] || export RUSTUP_TOOLCHAIN=$nightly
rustc --version
if ! cargo tree --quiet --locked --manifest-path fuzz/Cargo.toml >/dev/null; then
    echo "fuzz/Cargo.lock is behind the workspace's manifests: cargo update --workspace --manifest-path fuzz/Cargo.toml" >&2
    exit 1
fi
cargo fuzz build --fuzz-dir fuzz --target-dir "$dir"
built=$dir/$(rustc -vV | sed -n 's/^host: //p')/release

# What cargo-fuzz runs its targets with too.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_odr_violation=0} RUST_BACKTRACE=0

fuzz() { # TARGET: what it prints is all of it
    local target=$1 input
    local learnt=$dir/corpus/$target artifacts=$dir/artifacts/$target log=$dir/$target.log
    mkdir -p "$learnt" "$artifacts"
    # A single allocation of more than 64 MB fails: nothing that comes in is near as large.
    if "$built/$target" "$learnt" "fuzz/corpus/$target" -max_total_time="$seconds" -max_len=2048 -len_control=10 -timeout=20 \
        -malloc_limit_mb=64 -rss_limit_mb=1024 -artifact_prefix="$artifacts/" >"$log" 2>&1; then
        printf 'fuzz: %-7s seed %s, %s\n' "$target" "$(sed -n 's/^INFO: Seed: //p' "$log")" \
            "$(sed -n 's/^#\([0-9]*\)\tDONE *\(cov: [0-9]*\).*\(exec\/s: [0-9]*\).*/\1 runs, \2, \3/p' "$log")"
        return
    fi
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    # What was wrong, without the ways there.
    grep -aE -A 4 'panicked at|ERROR: ' "$log" | grep -avE '^ +(at|#[0-9]+) |^(note|stack backtrace):|^--$' || tail -n 30 "$log"
    grep -a '^SUMMARY' "$log" || true
    cat <<TEXT

fuzz: $target failed on ${input:-an input of its corpus}; all it said is in $log
  replay:     $built/$target ${input:-fuzz/corpus/$target/*}
  on stable:  cp ${input:-INPUT} fuzz/corpus/$target/once-NAME && cargo test -p remuda-tests --test fuzz $target
TEXT
    return 1
}

# As many at a time as there are cores, each with its processes in a group of its own, so that all can be ended.
failed=0 at_once=$(nproc) running=()
set -m
trap 'for job in "${running[@]}"; do kill -- "-$job" 2>/dev/null || true; done' EXIT
trap 'exit 130' INT TERM
for ((first = 0; first < ${#targets[@]}; first += at_once)); do
    running=()
    for target in "${targets[@]:first:at_once}"; do
        fuzz "$target" >"$dir/$target.said" &
        running+=($!)
    done
    for at in "${!running[@]}"; do
        wait "${running[at]}" || failed=1
        cat "$dir/${targets[first + at]}.said"
    done
done
exit $failed
