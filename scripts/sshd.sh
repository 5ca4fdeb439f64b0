#!/usr/bin/env bash
# Sees to it that there is an sshd, with which the tests of `remuda run --host` reach this computer. Where there is none, root
# installs Debian's here with apt-get; it is not started as a service. Then those tests run.
#
# Exit status 77: skipped, there is none and none can be installed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! { command -v sshd || [[ -x /usr/sbin/sshd ]]; } >/dev/null || ! command -v ssh >/dev/null; then
    # A package that would start it is told not to.
    if [[ ! -e /usr/sbin/policy-rc.d && -w /usr/sbin ]]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    bash scripts/apt-install.sh sshd openssh-server openssh-client || exit
fi
REMUDA_WANT_SSHD=1 cargo test -p remuda-cli --test hosts
