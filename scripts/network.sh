#!/usr/bin/env bash
# Cuts the network between a driver and a worker: cli/tests/network.rs, in name spaces of its own. Installs Debian's iproute2.
#
# Exit status 77: skipped, and why was said.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "SKIPPED: network: $*"; exit 77; }

command -v ip >/dev/null && command -v tc >/dev/null || bash scripts/apt-install.sh network iproute2 || exit
command -v ip >/dev/null && command -v tc >/dev/null || skip "iproute2 is installed, but ip and tc are not in PATH"
probe=remuda-probe-$$
ip netns add "$probe" 2>/dev/null || skip "network namespaces cannot be made here (root, and CAP_SYS_ADMIN)"
trap 'ip netns del "$probe"' EXIT
ip -n "$probe" link add link0 type veth peer name link1 2>/dev/null || skip "veth links cannot be made here"
ip netns exec "$probe" tc qdisc add dev link0 root blackhole 2>/dev/null || skip "packets cannot be dropped here"
cargo test --quiet --workspace --test network -- --ignored --test-threads 4
