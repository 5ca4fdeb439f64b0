#!/usr/bin/env bash
# Follows docs/watch.md: runs each command of the chapter in a folder of its own, and compares what it prints with what the
# chapter says. While the run of the chapter goes on, `promtool check metrics` reads its /metrics, a real Prometheus scrapes it,
# and answers all queries of docs/grafana.json. Where there is no Prometheus, root installs Debian's.
#
#   scripts/serve.sh [--show]    exit status 1: something is not so, and what is said; 77: skipped, there is no Prometheus
set -euo pipefail
cd "$(dirname "$0")/.."

chapter=$PWD/docs/watch.md name=serve show=${1:-} patience=60
. scripts/chapter.sh

for program in prometheus promtool curl; do
    command -v "$program" >/dev/null && continue
    bash scripts/apt-install.sh serve prometheus curl || exit
    break
done

. scripts/remuda.sh
dashboard=$PWD/docs/grafana.json
dir=$(mktemp -d)
prometheus=
end() {
    local status=$?
    trap '' INT TERM
    [[ -z $prometheus ]] || kill "$prometheus" 2>/dev/null || true
    # What the chapter has begun, if it did not come to its end: all that runs in its folder.
    local link
    for link in /proc/[0-9]*/cwd; do
        [[ $(readlink "$link" 2>/dev/null) != "$dir"* ]] || kill "$(basename "$(dirname "$link")")" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    if ((status)) && [[ -e $dir/prometheus.log ]]; then tail -n 20 "$dir/prometheus.log" >&2; fi
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM

await() { # WHAT COMMAND...: up to a minute
    local what=$1 at
    shift
    for ((at = 0; at < 600; at++)); do
        "$@" && return
        sleep 0.1
    done
    complain "waited in vain for $what"
}

port=$((20000 + RANDOM % 12000))
query() { promtool query instant "http://127.0.0.1:$port" "$1" 2>&1; }
says() { [[ $(query "$1") == *"=> $2 @"* ]]; }

# What is true of the run while its six jobs wait for the file `go`, which the last command of the chapter makes.
beside() {
    local expr count=0
    await "the run" curl -sf -o /dev/null http://127.0.0.1:7788/healthz
    curl -s http://127.0.0.1:7788/metrics >"$dir/metrics"
    promtool check metrics <"$dir/metrics" || complain "promtool finds fault with /metrics"
    { block prometheus.yml; } | sed 's/^scrape_configs:/global: {scrape_interval: 300ms}\n&/' >"$dir/prometheus.yml"
    promtool check config "$dir/prometheus.yml" >/dev/null || complain "the config of the chapter is wrong"
    prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/data" \
        --web.listen-address="127.0.0.1:$port" >"$dir/prometheus.log" 2>&1 </dev/null &
    prometheus=$!
    await "the first scrape" says 'up{job="remuda"}' 1
    await "the queue" says 'remuda_requests{state="queued"}' 4
    says 'remuda_requests{state="running"}' 2 || complain "two jobs run; $(query remuda_requests)"
    says 'sum(remuda_machines{state="ok"})' 2 || complain "two machines are up; $(query remuda_machines)"
    says 'count({__name__=~"remuda_.*"}) < bool 100' 1 || complain "too many series"
    # Each query, as Grafana asks it for all runs. Rates need two scrapes.
    await "two scrapes" says 'count_over_time(remuda_holds_total[1m]) > bool 2' 1
    while IFS= read -r expr; do
        expr=${expr//\$instance/.*} expr=${expr//\$__rate_interval/1m}
        [[ $(query "$expr") == *"=>"* ]] || complain "the dashboard asks for what is not there: $expr: $(query "$expr")"
        count=$((count + 1))
    done < <(sed -n 's/^ *"expr": "\(.*\)",*$/\1/p' "$dashboard")
    ((count >= 10)) || complain "the dashboard has $count queries"
    # What it would say of a metric that is not there.
    [[ $(query 'sum(remuda_none)') != *"=>"* ]] || complain "a query that finds nothing is not told from one that does"
    echo "serve: a Prometheus has scraped the run, and answers the $count queries of the dashboard"
}

# The last command but one leaves the run as it is; the last ends it.
last=$(marks | wc -l)
marks_of_all=$(marks)
all() { printf '%s\n' "$marks_of_all"; }
marks() { all | head -n $((last - 1)); }
follow
beside
(($(all | wc -l) == last)) || complain "the chapter has changed meanwhile"
block command "$last" >"$dir/.command"
(cd "$dir" && timeout "$patience" bash -eu .command) >"$dir/.printed" 2>&1 </dev/null || complain "the last command: $(<"$dir/.printed")"
[[ -z $show ]] || { printf '\n$ %s\n' "$(<"$dir/.command")" && cat "$dir/.printed"; }
block prints "$last" >"$dir/.said"
tells "$dir/.said" "$dir/.printed" but_for_the_end || complain "the last command printed: $(<"$dir/.printed")"
echo "serve: $last commands print what the chapter says"
