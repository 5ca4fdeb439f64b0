#!/usr/bin/env bash
# Runs each line of the table in docs/from-parallel.md with GNU parallel and with remuda, each in a folder of its own with the
# same files, and compares what they print (sorted), whether they succeed, and their job logs (number, exit status, signal and
# command of each job).
#
#   scripts/from-parallel.sh       exit status 77: GNU parallel is not here and cannot be installed
set -euo pipefail
cd "$(dirname "$0")/.."

command -v parallel >/dev/null || bash scripts/apt-install.sh from-parallel parallel
. scripts/remuda.sh
chapter=$PWD/docs/from-parallel.md
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export HOME=$dir
mkdir "$HOME/.parallel"
touch "$HOME/.parallel/will-cite"

files() { # FOLDER: what the lines read
    mkdir -p "$1"
    printf 'one\n' >"$1/one.txt"
    printf 'two words\n' >"$1/two words.txt"
    printf 'a\nb c\nit'\''s $HOME\n' >"$1/list"
    printf 'echo 1\necho 2 | tr 2 3\n' >"$1/commands"
    printf 'a,b\nc,d\n' >"$1/table.csv"
}

# What is the same for both: the summary and what a failure is told by are not.
log() { if [[ -e $1 ]]; then cut -f1,7-9 "$1" | sort; fi; }

failed=0 lines=0
while IFS= read -r line; do
    # Two cells in backquotes, in which a bar is written \|.
    [[ $line =~ ^'| `'(.*)'` | `'(.*)'` |'$ ]] || { echo "from-parallel: no line of the table: $line" >&2; exit 1; }
    theirs=${BASH_REMATCH[1]//\\|/|} ours=${BASH_REMATCH[2]//\\|/|}
    lines=$((lines + 1))
    # The log of the line before is there for the next one.
    for side in theirs ours; do
        mkdir -p "$dir/$lines"
        files "$dir/$lines/$side"
        if [[ ${!side} == *--resume* ]]; then cp "$dir/$((lines - 1))/$side/log" "$dir/$lines/$side/log"; fi
        status=0
        (cd "$dir/$lines/$side" && timeout 60 bash -c "${!side}" </dev/null >../"$side.out" 2>../"$side.err") || status=$?
        sort "$dir/$lines/$side.out" >"$dir/$lines/$side.sorted"
        echo $((status != 0)) >"$dir/$lines/$side.failed"
        log "$dir/$lines/$side/log" >"$dir/$lines/$side.log"
    done
    for what in sorted failed log; do
        diff "$dir/$lines/theirs.$what" "$dir/$lines/ours.$what" >"$dir/difference" && continue
        failed=1
        printf 'from-parallel: line %d, %s differs (<: GNU parallel, >: remuda):\n  %s\n  %s\n%s\n%s\n' \
            "$lines" "$what" "$theirs" "$ours" "$(<"$dir/difference")" "$(<"$dir/$lines/ours.err")" >&2
    done
done < <(sed -n '/^<!-- table -->$/,/^<!-- end -->$/p' "$chapter" | sed '1,3d;$d')

((lines >= 25)) || { echo "from-parallel: the table has only $lines lines" >&2; exit 1; }
((failed == 0)) && echo "from-parallel: $lines lines do the same with both"
exit "$failed"
