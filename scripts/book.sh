#!/usr/bin/env bash
# Follows docs/one-bug.md: puts its change into a copy of this checkout, builds that, runs each command of the chapter there,
# and compares what it prints with what the chapter says, but for times and rates. Then takes the change out again: the
# test that failed must pass.
#
#   scripts/book.sh            exit status 1: the chapter is not true, and where is said
#   scripts/book.sh --show     also prints what each command prints
set -euo pipefail
cd "$(dirname "$0")/.."

chapter=$PWD/docs/one-bug.md
book=$(realpath -m "${CARGO_TARGET_DIR:-target}/book")
dir=$book/remuda
# Of its own: a binary with a bug is nothing to leave where others look for the right one.
export CARGO_TARGET_DIR=$book/target
# What a failing test prints is as the chapter has it.
unset RUST_BACKTRACE
show=${1:-}

complain() { echo "book: $*" >&2; exit 1; }

# The Nth block of the chapter that is marked so.
block() { # MARK [N]
    awk -v mark="<!-- book: $1 -->" -v n="${2:-1}" '
        $0 == mark { at++; wait = 1; next }
        wait && /^```/ { inside = !inside; wait = inside; next }
        inside && at == n' "$chapter"
}

# Without what differs from run to run, times, shares, rates and how long a search was, and how columns stand for it.
alike() {
    sed -E 's/[0-9-]+T[0-9:.]+Z/N/g; s/[0-9]+ runs tried, [0-9]+ events played/N/; s/[0-9]+ events\/s/N/
        s/[0-9]+(\.[0-9]+)? ?(s|ms|us|ns|%)\>/N/g; s/[0-9]+\.[0-9]+/N/g; s/ +/ /g; s/ +$//'
}

# Whether all lines of the first are in the second, one after the other; with no line between that does not stand for a `…`.
tells() { # SAID PRINTED
    awk 'NR == FNR { said[++n] = $0; next }
        { line[++m] = $0 }
        END {
            at = 1
            for (i = 1; i <= n; i++) {
                if (said[i] == "…") { any = 1; continue }
                while (at <= m && line[at] != said[i]) { if (!any) break; at++ }
                if (at > m || line[at] != said[i]) { print "not printed there: " said[i]; exit 1 }
                at++; any = 0
            }
            if (!any && at <= m) { print "not told: " line[at]; exit 1 }
        }' <(alike <"$1") <(alike <"$2")
}

change() { # GIT-APPLY-OPTION...: to the copy, which is no repository of its own
    block change | GIT_CEILING_DIRECTORIES=$(dirname "$dir") git -C "$dir" apply "$@" -
}

rm -rf "$dir"
mkdir -p "$dir"
git ls-files -z | xargs -0 cp --parents -t "$dir" --
change || complain "its change does not fit the core any more"
block jobs.txt >"$dir/jobs.txt"

cargo build --quiet --manifest-path "$dir/Cargo.toml" -p remuda-cli
export PATH=$CARGO_TARGET_DIR/debug:$PATH

commands=$(grep -cx '<!-- book: command -->' "$chapter")
for ((n = 1; n <= commands; n++)); do
    status=0
    block command "$n" >"$dir/command"
    (cd "$dir" && bash -eu command) >"$dir/printed" 2>&1 </dev/null || status=$?
    [[ -z $show ]] || { printf '\n$ %s\n' "$(<"$dir/command")" && cat "$dir/printed"; }
    block prints "$n" >"$dir/said"
    why=$(tells "$dir/said" "$dir/printed") || complain "command $n, $(<"$dir/command"): $why; all it printed:
$(<"$dir/printed")"
    expected=$((n == commands ? 101 : 0))
    ((status == expected)) || complain "command $n, $(<"$dir/command"): exit status $status"
done

told=core/tests/needless.txt
block "$told" | cmp - "$dir/$told" || complain "$told is another one"

change --reverse
(cd "$dir" && bash -eu command) >"$dir/printed" 2>&1 || complain "without the change its test fails too:
$(<"$dir/printed")"
echo "book: $commands commands print what the chapter says, and without its change the test passes"
