#!/usr/bin/env bash
# Builds the core, with no features, with `serde` and with `journal`, for a machine that has no std at all
# (thumbv7em-none-eabi): whatever it uses beyond core and alloc does not compile there. Downloads no toolchain. Takes the
# first way there is:
#
#   1. Rust's own core and alloc for that target, where `rustup target add thumbv7em-none-eabi` was run
#   2. core and alloc built from rust-src, where that component is installed
#   3. the same by Debian's compiler and its source (rustc-web, cargo-web, rust-web-src), which root installs here with apt-get
#
# Exit status 77: skipped, there is none of them.
set -euo pipefail
cd "$(dirname "$0")/.."

target=thumbv7em-none-eabi
debian=(rustc-web cargo-web rust-web-src)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/no-std

skip() { echo "skipped: no_std: $*"; exit 77; }

build() { # CARGO ARGUMENT...: the core, each way
    local cargo=$1 features
    shift
    for features in "" serde journal; do
        echo "no_std: $target, features: ${features:-none}"
        # Debian's Rust 1.85 is older than our rust-version, but all we use and it does not have is `let` in chains, which it
        # calls a feature, and `cold_path`. A compiler that has the first takes no notice.
        RUSTC_BOOTSTRAP=1 "$cargo" rustc --locked --quiet --ignore-rust-version -p remuda --lib --no-default-features \
            --features "$features" --target "$target" --config 'profile.dev.package.remuda.opt-level=0' "$@" -- \
            -Zcrate-attr='feature(let_chains)' -Astable-features --cfg no_cold_path
    done
    echo "no_std: builds on $("${RUSTC:-rustc}" --version)"
}

from_source=(-Zbuild-std=core,alloc)
has_source() { [[ -f $("$1" --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock ]]; }

if compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null; then
    build cargo
    exit
elif has_source rustc; then
    build cargo "${from_source[@]}"
    exit
fi

installed() { dpkg -s "${debian[@]}" >/dev/null 2>&1; }
if ! installed; then
    # They would replace a compiler of Debian's that is there already.
    [[ ! -e /usr/bin/rustc && ! -e /usr/bin/cargo ]] || skip "no rust-src, and ${debian[*]} would replace /usr/bin/rustc"
    bash scripts/apt-install.sh no_std "${debian[@]}" || exit
fi
has_source /usr/bin/rustc || skip "${debian[*]} are installed without the source of Rust"
# By their full names: another Rust comes first in PATH.
export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
build /usr/bin/cargo "${from_source[@]}"
