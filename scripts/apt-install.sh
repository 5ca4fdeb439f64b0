#!/usr/bin/env bash
# Installs packages of Debian's that a stage needs, where root may; asks nothing, and removes nothing.
#
#   scripts/apt-install.sh STAGE PACKAGE...
#
# Exit status 77: they cannot be installed here, and why was said.
set -euo pipefail

stage=$1
shift
skip() { echo "skipped: $stage: $*"; exit 77; }

command -v apt-get >/dev/null || skip "no apt-get to install $* with"
((EUID == 0)) || skip "only root can run: apt-get install $*"
# One at a time: stages run beside each other.
exec 9>"/tmp/remuda-apt-install.lock"
flock 9
echo "$stage: installing $*"
export DEBIAN_FRONTEND=noninteractive
install() { timeout 300 apt-get install -qq -y --no-remove --no-install-recommends "$@" >/dev/null 2>&1 </dev/null; }
install "$@" || { timeout 120 apt-get update -qq >/dev/null 2>&1 && install "$@"; } || skip "apt-get cannot install $*"
