#!/usr/bin/env bash
# Sees to it that there is an sshd, with which the tests of `remuda run --host` reach this computer. Where there is none, root
# installs Debian's here with apt-get; it is not started as a service.
#
# Exit status 77: skipped, there is none and none can be installed; those tests say so too.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: sshd: $*"; exit 77; }

((EUID == 0)) || skip "only root can serve logins"
if [[ ! -x /usr/sbin/sshd ]] || ! command -v ssh ssh-keygen >/dev/null; then
    policy=/usr/sbin/policy-rc.d # 101: the package may not start it
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
        trap 'rm -f $policy' EXIT
    fi
    bash scripts/apt-install.sh sshd openssh-server openssh-client || exit
fi
echo "sshd: $(ssh -V 2>&1)"
