#!/usr/bin/env bash
# Proves with `cargo tree` who depends on whom: the core on its three crates alone, tokio only through adapter-tokio,
# async-std only through adapter-async-std, and nobody on what stands above it.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
complain() { echo "dependencies: $*" >&2; failed=1; }

tree() { cargo tree --quiet --edges normal --prefix none --format '{p}' "$@" | awk '{print $1}' | sort -u; }
direct() { cargo tree --quiet --edges normal --prefix none --format '{p}' --depth 1 "$@" | awk 'NR > 1 {print $1}' | sort -u | xargs; }

expect() { # PACKAGE FEATURES DEPENDENCIES: its direct dependencies are exactly these
    local got
    got=$(direct -p "$1" $2)
    [[ $got == "$3" ]] || complain "$1 $2 depends on '$got', not on '$3'"
}
lacks() { # PACKAGE CRATE...: none of the crates is anywhere below it
    local package=$1 below
    shift
    below=$(tree -p "$package" --all-features)
    for crate in "$@"; do
        ! grep -qx -- "$crate" <<<"$below" || complain "$package depends on $crate"
    done
}

expect remuda --no-default-features "hashbrown slab"
expect remuda "--features serde" "hashbrown serde slab"
expect remuda --all-features "crc32fast hashbrown postcard serde slab"
above_core="remuda-worker remuda-driver remuda-tokio remuda-async-std remuda-testkit remuda-cli"
lacks remuda $above_core tokio async-std futures
lacks remuda-worker remuda remuda-driver remuda-tokio remuda-async-std remuda-cli tokio async-std futures
lacks remuda-driver remuda-tokio remuda-async-std remuda-testkit remuda-cli tokio async-std
lacks remuda-tokio remuda-async-std remuda-testkit remuda-cli async-std
lacks remuda-async-std remuda-tokio remuda-testkit remuda-cli tokio
# The kit on any runtime; and on none, for who drives a manager without the driver.
expect remuda-testkit "" "remuda remuda-sim"
lacks remuda-testkit remuda-tokio remuda-async-std remuda-cli tokio async-std
lacks remuda-cli remuda-async-std remuda-testkit async-std

# Named directly, in whatever kind of dependency, by their adapter alone; the benchmarks set tokio's channels beside ours.
for manifest in */Cargo.toml; do
    case $manifest in
    adapter-tokio/* | benches/*) other='async-std' ;;
    adapter-async-std/*) other='tokio' ;;
    *) other='tokio|async-std' ;;
    esac
    ! grep -nE "^($other)([.[:space:]=]|-util)" "$manifest" || complain "$manifest names $other"
done

((failed == 0)) && echo "dependencies: as ARCHITECTURE.md says"
exit $failed
