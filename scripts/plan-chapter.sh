#!/usr/bin/env bash
# Follows docs/plan.md: runs each command of the chapter in a folder of its own, and compares what it prints with what the
# chapter says.
#
#   scripts/plan-chapter.sh [--show]    exit status 1: the chapter is not true, and where is said
set -euo pipefail
cd "$(dirname "$0")/.."

chapter=$PWD/docs/plan.md name=plan show=${1:-}
. scripts/chapter.sh

. scripts/remuda.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# The chapter's commands are those of a checkout; what they write is not to stay there.
export checkout=$PWD
cargo() { command cargo "$1" --manifest-path "$checkout/Cargo.toml" "${@:2}"; }
export -f cargo

for file in now.toml new.toml jobs.txt; do
    block "$file" >"$dir/$file"
done
follow
[[ -s $dir/plan.html ]] || complain "no plan.html was drawn"
echo "plan: $commands commands print what the chapter says"
