# Builds `remuda` for a script that sources this, and puts it first in PATH. The features of what it depends on are those that
# `cargo test --workspace` asks for (an example asks for the same): after the tests there is nothing left to compile.
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --bin remuda --example threads
export PATH=$CARGO_TARGET_DIR/debug:$PATH
