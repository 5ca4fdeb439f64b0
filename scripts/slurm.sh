#!/usr/bin/env bash
# A real Slurm on this host, as long as a command runs: a controller and four nodes, n1 to n4, in a temporary folder, with a
# munge of its own. No systemd, no cgroups, nothing outside that folder. Where there is no Slurm, root installs Debian's.
#
#   scripts/slurm.sh                   the tests that need a Slurm
#   scripts/slurm.sh COMMAND WORD...   another command, with SLURM_CONF set: scripts/slurm.sh bash
#
# Exit status: the command's; 77: skipped, there is no Slurm here and none can be installed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "slurm: $*" >&2; }
fail() { say "$*"; exit 1; }

PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd srun; do
    command -v "$program" >/dev/null && continue
    bash scripts/apt-install.sh slurm slurm-wlm munge || exit
    break
done

tests=(cargo test --quiet --workspace --test slurm --)
(($#)) || cargo test --quiet --workspace --test slurm --no-run

dir=$(mktemp -d /tmp/remuda-slurm.XXXXXX)
chmod 755 "$dir" # munged wants its socket to be within anybody's reach
host=${HOSTNAME%%.*}
user=$(id -un)
export SLURM_CONF=$dir/slurm.conf
daemons=()

# Processes that have the folder's name in their environment: daemons, steps and jobs of this Slurm, and no others.
ours() {
    local file pid
    for file in $(env -u SLURM_CONF grep -lazsF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ 2>/dev/null); do
        pid=${file#/proc/} pid=${pid%/environ}
        [[ $pid == "$$" || $pid == "$BASHPID" ]] || echo "$pid"
    done
}

end() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    local at pid
    if [[ -n ${command:-} ]] && kill -TERM "$command" 2>/dev/null; then
        # An srun needs its daemons to end well.
        for ((at = 0; at < 50; at++)); do
            kill -0 "$command" 2>/dev/null || break
            sleep 0.1
        done
    fi
    # In the reverse order of their start: the nodes go before the controller.
    for ((at = ${#daemons[@]} - 1; at >= 0; at--)); do
        kill -TERM "${daemons[at]}" 2>/dev/null || true
    done
    for ((at = 0; at < 30; at++)); do
        [[ -n $(ours) ]] || break
        sleep 0.1
    done
    for pid in $(ours); do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if ((status)) && [[ -n ${SLURM_LOGS:-} ]]; then
        tail -n 200 "$dir"/*.log >&2
    fi
    rm -rf "$dir"
    exit "$status"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

daemon() { # NAME COMMAND...: in a session of its own, out of reach of Ctrl-C
    local name=$1
    shift
    setsid "$@" >"$dir/$name.out" 2>&1 </dev/null &
    daemons+=("$!")
}

await() { # WHAT SECONDS COMMAND...
    local what=$1 end=$((SECONDS + $2)) pid
    shift 2
    until "$@"; do
        for pid in "${daemons[@]}"; do
            kill -0 "$pid" 2>/dev/null || { tail -n 5 "$dir"/*.out "$dir"/*.log >&2; fail "a daemon has ended"; }
        done
        ((SECONDS < end)) || { tail -n 5 "$dir"/*.out "$dir"/*.log >&2; fail "waited in vain for $what"; }
        sleep 0.05
    done
}

free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        [[ " ${ports[*]:-} " == *" $port "* ]] && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        ports+=("$port")
        return
    done
    fail "no free port"
}

ports=()
for _ in {0..4}; do free_port; done

(umask 077 && head -c 128 /dev/urandom >"$dir/munge.key")
cat >"$dir/slurm.conf" <<CONF
ClusterName=remuda
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.%n.log
SlurmdDebug=info
SlurmctldDebug=info

# No cgroups, no root's powers, no accounting.
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU

# Quick: a test waits for each of these.
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
KillWait=2
MinJobAge=2
CompleteWait=0
SlurmctldTimeout=30
SlurmdTimeout=30
ReturnToService=2
InactiveLimit=0

NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=16 RealMemory=1000 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=16 RealMemory=1000 State=UNKNOWN
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[3]} CPUs=16 RealMemory=1000 State=UNKNOWN
NodeName=n4 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[4]} CPUs=16 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
# For tests that set a node down.
PartitionName=frail Nodes=n[3-4] MaxTime=INFINITE State=UP
CONF
mkdir "$dir/state" "$dir"/spool.n{1..4}

began=$SECONDS
daemon munged munged --foreground --num-threads=2 --socket="$dir/munge.socket" --key-file="$dir/munge.key" \
    --pid-file="$dir/munge.pid" --log-file="$dir/munge.log" --seed-file="$dir/munge.seed"
await "munged's socket" 10 test -S "$dir/munge.socket"
daemon slurmctld slurmctld -D -i
for node in n1 n2 n3 n4; do daemon "slurmd.$node" slurmd -D -N "$node"; done
idle() { (($(sinfo -h -N -o '%N %t' 2>/dev/null | sort -u | grep -c ' idle$') == 4)); }
await "four idle nodes" 30 idle
say "$(sinfo -V), four nodes idle after $((SECONDS - began)) s"

# In the background, so that a signal to this script ends it at once; but Ctrl-C reaches it, as if it were not.
run() { (trap - INT QUIT && exec "$@") <&0 & command=$!; wait "$command"; command=; }
if (($#)); then
    run "$@"
    exit
fi

# Each test writes a line when it finds the Slurm: those that did not were skipped.
export REMUDA_SLURM=$dir/ran
: >"$REMUDA_SLURM"
# They wait more than they work, so all at once.
run "${tests[@]}" --test-threads 16
count=$("${tests[@]}" --list | grep -c ': test$')
ran=$(sort -u "$REMUDA_SLURM" | wc -l)
((ran == count)) || fail "$ran of $count tests ran"
say "all $count tests ran"
