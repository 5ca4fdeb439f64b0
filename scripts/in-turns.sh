# For scripts that measure `remuda run` and something else in turns. The sourcing script has set `jobs`, `rounds` and `limit`
# (in thousandths). Builds `remuda`, makes `$dir` and in it a file of that many jobs.

cargo build --release --quiet -p remuda-cli
remuda=${CARGO_TARGET_DIR:-target}/release/remuda
dir=$(mktemp -d)
for ((job = 0; job < jobs; job++)); do echo true; done >"$dir/lines.txt"

finished() { # WORD...: a run of all jobs
    "$remuda" run --max-procs 2 "$@" 2>"$dir/said" || { cat "$dir/said" >&2; exit 2; }
    grep -q "^$jobs jobs: $jobs ok, 0 failed; " "$dir/said"
}

measure() { # NAME COMMAND...: notes and prints the milliseconds it takes
    local name=$1 began took
    shift
    began=$(date +%s%N)
    "$@"
    took=$((($(date +%s%N) - began) / 1000000))
    echo "$took" >>"$dir/$name"
    printf '  %s %d ms' "$name" "$took"
}

median() { sort -n "$dir/$1" | sed -n "$((rounds / 2 + 1))p"; }

compare() { # BASE NAME...: prints the medians and their ratios to that of BASE; fails if one is above the limit
    local base=$1 to took ratio name status=0
    shift
    to=$(median "$base")
    echo "medians of $jobs jobs, two at a time: $base $to ms"
    for name in "$@"; do
        took=$(median "$name")
        ratio=$((took * 1000 / to))
        printf '%s: %d ms, ratio %d.%03d (at most %d.%03d)\n' \
            "$name" "$took" $((ratio / 1000)) $((ratio % 1000)) $((limit / 1000)) $((limit % 1000))
        [ "$ratio" -le "$limit" ] || status=1
    done
    return "$status"
}
