#!/usr/bin/env bash
# Follows docs/nightly.md with two hosts, `build1` and `build2`, which a real sshd on a loopback port serves: runs each command
# of the chapter and compares what it prints with what the chapter says.
#
#   scripts/nightly.sh [--show]    exit status 1: the chapter is not true, and where is said; 77: skipped, there is no sshd
set -euo pipefail
cd "$(dirname "$0")/.."

chapter=$PWD/docs/nightly.md name=nightly show=${1:-}
. scripts/chapter.sh

bash scripts/sshd.sh || exit
. scripts/remuda.sh
site=$(mktemp -d)
# What is in `dir` is what the user sees, his home on the hosts too.
dir=$site/home
mkdir "$dir" "$site/bin"
server=
trap '[[ -z $server ]] || kill "$server"; rm -rf "$site"' EXIT

ln -s "$CARGO_TARGET_DIR/debug/remuda" "$site/bin/remuda"
ssh-keygen -q -t ed25519 -N '' -f "$site/host"
ssh-keygen -q -t ed25519 -N '' -f "$site/key"
mkdir -p /run/sshd
for ((port = 20000 + $$ % 10000; ; port++)); do
    cat >"$site/sshd_config" <<TEXT
ListenAddress 127.0.0.1
Port $port
HostKey $site/host
AuthorizedKeysFile $site/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
MaxStartups 10:30:100
SetEnv "PATH=$site/bin:/usr/bin:/bin" "HOME=$dir"
TEXT
    /usr/sbin/sshd -D -e -f "$site/sshd_config" 2>"$site/sshd.log" </dev/null &
    server=$!
    until grep -q 'Server listening' "$site/sshd.log" || ! kill -0 "$server" 2>/dev/null; do sleep 0.1; done
    kill -0 "$server" 2>/dev/null && break
    grep -q 'Address already in use' "$site/sshd.log" || complain "sshd: $(<"$site/sshd.log")"
done
printf '[127.0.0.1]:%s %s\n' "$port" "$(<"$site/host.pub")" >"$site/known"
cat >"$site/ssh_config" <<TEXT
Host *
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile $site/key
  IdentitiesOnly yes
  UserKnownHostsFile $site/known
  GlobalKnownHostsFile /dev/null
TEXT
# The user's ssh reads ~/.ssh/config; this one's is the site's.
printf '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n' "$site/ssh_config" >"$site/bin/ssh"
chmod +x "$site/bin/ssh"
export PATH=$site/bin:$PATH HOME=$dir

follow
echo "nightly: $commands commands print what the chapter says"
