#!/usr/bin/env bash
# Follows docs/one-bug.md: puts its change into a copy of this checkout, builds that, runs each command of the chapter there,
# and compares what it prints with what the chapter says, but for times and rates. Then takes the change out again: the
# test that failed must pass.
#
#   scripts/book.sh            exit status 1: the chapter is not true, and where is said
#   scripts/book.sh --show     also prints what each command prints
set -euo pipefail
cd "$(dirname "$0")/.."

chapter=$PWD/docs/one-bug.md
book=$(realpath -m "${CARGO_TARGET_DIR:-target}/book")
dir=$book/remuda
# Of its own: a binary with a bug is nothing to leave where others look for the right one.
tests=${CARGO_TARGET_DIR:-target}/debug
export CARGO_TARGET_DIR=$book/target
# What a failing test prints is as the chapter has it.
unset RUST_BACKTRACE
show=${1:-}

name=book
. scripts/chapter.sh

change() { # GIT-APPLY-OPTION...: to the copy, which is no repository of its own
    block change | GIT_CEILING_DIRECTORIES=$(dirname "$dir") git -C "$dir" apply "$@" -
}

rm -rf "$dir"
mkdir -p "$dir"
git ls-files -z | xargs -0 cp --parents -t "$dir" --
change || complain "its change does not fit the core any more"
block jobs.txt >"$dir/jobs.txt"

# Where the tests were built here, the crates of others are: they are not built once more.
if [[ -d $tests/deps && ! -d $CARGO_TARGET_DIR ]]; then
    mkdir -p "$CARGO_TARGET_DIR/debug/deps"
    cp -a "$tests/build" "$tests/.fingerprint" "$CARGO_TARGET_DIR/debug"
    cp -al "$tests"/deps/lib*.{rlib,rmeta,so} "$CARGO_TARGET_DIR/debug/deps"
    rm -rf "$CARGO_TARGET_DIR/debug"/{deps/libremuda*,.fingerprint/remuda*,build/remuda*}
fi
# As scripts/remuda.sh does.
(cd "$dir" && cargo build --quiet --bin remuda --example threads)
export PATH=$CARGO_TARGET_DIR/debug:$PATH

follow

told=core/tests/needless.txt
block "$told" | cmp - "$dir/$told" || complain "$told is another one"

change --reverse
(cd "$dir" && bash -eu .command) >"$dir/.printed" 2>&1 || complain "without the change its test fails too:
$(<"$dir/.printed")"
echo "book: $commands commands print what the chapter says, and without its change the test passes"
