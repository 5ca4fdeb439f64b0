#!/usr/bin/env bash
# Sees to it that there is a Chromium, in which the tests open the pages of `remuda replay --html`. Where there is none, root
# installs Debian's here with apt-get.
#
# Exit status 77: skipped, there is none and none can be installed; those tests say so too.
set -euo pipefail

skip() { echo "skipped: browser: $*"; exit 77; }

for name in chromium chromium-browser google-chrome chrome; do
    if path=$(command -v "$name"); then
        echo "browser: $path"
        exit
    fi
done
command -v apt-get >/dev/null || skip "no chromium, and no apt-get to install it with"
((EUID == 0)) || skip "no chromium, and only root can run: apt-get install chromium"
echo "browser: installing chromium"
export DEBIAN_FRONTEND=noninteractive
install() { timeout 300 apt-get install -qq -y --no-remove --no-install-recommends chromium >/dev/null 2>&1 </dev/null; }
install || { timeout 120 apt-get update -qq >/dev/null 2>&1 && install; } || skip "apt-get cannot install chromium"
command -v chromium || skip "chromium is installed, but not in PATH"
