#!/usr/bin/env bash
# Sees to it that there is a Chromium, in which the tests open the pages of `remuda replay --html`. Where there is none, root
# installs Debian's here with apt-get.
#
# Exit status 77: skipped, there is none and none can be installed; those tests say so too.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: browser: $*"; exit 77; }

for name in chromium chromium-browser google-chrome chrome; do
    if path=$(command -v "$name"); then
        echo "browser: $path"
        exit
    fi
done
bash scripts/apt-install.sh browser chromium || exit
command -v chromium || skip "chromium is installed, but not in PATH"
