# Functions that hold a chapter of docs/ against what its commands do; sourced by the scripts that follow one, which set
# `chapter` (the file), `name` (what messages begin with), `show` (also print what commands print) and `dir` (where they run);
# `patience` is how many seconds a command may take.
#
# In a chapter, a mark stands in the line before a block: `<!-- book: command -->` before what is run by `bash -eu`, and behind
# each command `<!-- book: prints -->` before all that it prints, with a line `…` where lines are left out, or
# `<!-- book: prints, but for numbers -->` where its numbers differ from run to run, or `<!-- book: prints, but for how long -->`
# where nothing but the time that it took does. `<!-- book: exit N -->` in front of a
# command's mark says that it ends with another exit status than 0.

complain() { echo "$name: $*" >&2; exit 1; }

# The Nth block of the chapter that is marked so.
block() { # MARK [N]
    awk -v mark="<!-- book: $1" -v n="${2:-1}" '
        $0 == mark " -->" || index($0, mark ", ") == 1 { at++; wait = 1; next }
        wait && /^```/ { inside = !inside; wait = inside; next }
        inside && at == n' "$chapter"
}

# Without what differs from run to run, times, shares, rates and how long a search was, and how columns stand for it.
alike() {
    sed -E 's/[0-9-]+T[0-9:.]+Z/N/g; s/[0-9]+ runs tried, [0-9]+ events played/N/; s/[0-9]+ events\/s/N/
        s/[0-9]+(\.[0-9]+)? ?(s|ms|us|ns|%)\>/N/g; s/[0-9]+\.[0-9]+/N/g; s/ +/ /g; s/ +$//
        s/: \/[^ ]*\/([^\/ ]+: No such file)/: N\/\1/'
}
but_for_the_end() { sed -E 's/; [0-9.]+ s$/; N s/'; }
without_numbers() { alike | sed -E 's/[0-9]+/N/g'; }

# Whether all lines of the first are in the second, one after the other; with no line between that does not stand for a `…`.
tells() { # SAID PRINTED FILTER
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
        }' <("$3" <"$1") <("$3" <"$2")
}

# A line for each command of the chapter: the exit status it is to end with, and how what it prints is compared.
marks() {
    awk '/^<!-- book: exit [0-9]+ -->$/ { status = $4 }
        /^<!-- book: command -->$/ { n++; ends[n] = status + 0; status = 0 }
        /^<!-- book: prints, but for numbers -->$/ { how[n] = "without_numbers" }
        /^<!-- book: prints, but for how long -->$/ { how[n] = "but_for_the_end" }
        /^<!-- book: prints -->$/ { how[n] = "alike" }
        END { for (i = 1; i <= n; i++) print ends[i], how[i] ? how[i] : "none" }' "$chapter"
}

# Runs all commands, one after the other, in the folder, and compares. Sets `commands` to their number.
follow() {
    local expected how status why prints=0
    commands=0
    while read -r expected how; do
        commands=$((commands + 1))
        status=0
        block command "$commands" >"$dir/.command"
        (cd "$dir" && timeout "${patience:-600}" bash -eu .command) >"$dir/.printed" 2>&1 </dev/null || status=$?
        [[ -z $show ]] || { printf '\n$ %s\n' "$(<"$dir/.command")" && cat "$dir/.printed"; }
        ((status == expected)) || complain "command $commands, $(<"$dir/.command"): exit status $status; all it printed:
$(<"$dir/.printed")"
        [[ $how == none ]] && continue
        prints=$((prints + 1))
        block prints "$prints" >"$dir/.said"
        why=$(tells "$dir/.said" "$dir/.printed" "$how") || complain "command $commands, $(<"$dir/.command"): $why; all it printed:
$(<"$dir/.printed")"
    done < <(marks)
    ((commands > 0)) || complain "$chapter has no commands"
}
