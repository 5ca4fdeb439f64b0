//! What can be wrong with growth under the policy Fit: homes (G1), mins and spares (G2), others that are stopped for a request
//! (G5).

use super::{Flaw, edit};

const PLAN: &str = "manager/growth/plan.rs";
const DEMANDS: &str = "queue/demands.rs";
const KIND: &str = "machines/kind.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S22",
        "the cluster grows after the shutdown",
        &[edit(
            PLAN,
            "self.may_plan() && !self.shutdown",
            "self.may_plan()",
        )],
    ),
    Flaw::new(
        "G1",
        "that a request fits no machine that could be started is not said",
        &[edit(
            PLAN,
            "actions.push(Action::Notice(Notice::NoHome { request }));",
            "",
        )],
    ),
    Flaw::new(
        "G1",
        "that a request has no home is said again and again",
        &[edit(
            DEMANDS,
            "core::mem::replace(&mut self.records[class.demand].no_home, true)",
            "false",
        )],
    ),
    Flaw::new(
        "G1",
        "that a demand has no home is said once for all requests that ever come",
        &[edit(DEMANDS, "self.records.remove(slot);", "")],
    ),
    Flaw::new(
        "G1",
        "a request that one of its kinds cannot hold has no home",
        &[edit(
            PLAN,
            "if «self.homes(demand).is_empty()» { return",
            "self.homes(demand).len() < self.machines.kinds.len()",
        )],
    ),
    Flaw::new(
        "G1",
        "a demand is planned for once for each priority",
        &[edit(
            DEMANDS,
            "first.then_some((class.demand, record.queued))",
            "Some((class.demand, record.queued))",
        )],
    ),
    Flaw::new(
        "G1",
        "of a demand one request is planned for",
        &[edit(
            DEMANDS,
            "first.then_some((class.demand, «record.queued»))",
            "record.queued.min(1)",
        )],
    ),
    Flaw::new(
        "R2",
        "machines that are leaving do not count for their kind's maximum",
        &[edit(
            KIND,
            "self.active() + self.machines.draining + self.machines.stopping",
            "self.active()",
        )],
    ),
    Flaw::new(
        "R2",
        "machines that are stopping do not count for their kind's maximum",
        &[edit(
            KIND,
            "self.active() + self.machines.draining + self.machines.stopping",
            "self.active() + self.machines.draining",
        )],
    ),
    Flaw::new(
        "R2",
        "machines that are leaving do not count for the limit of procs",
        &[edit(
            PLAN,
            "saturating_sub(«there.saturating_add(plan.procs)»)",
            "(there - leaving).saturating_add(plan.procs)",
        )],
    ),
    Flaw::new(
        "R2",
        "what is asked for in the same step does not count for the limit of procs",
        &[edit(
            PLAN,
            "saturating_sub(«there.saturating_add(plan.procs)»)",
            "there",
        )],
    ),
    Flaw::new(
        "R2",
        "what the queue has asked for in the same step does not count for the limit of procs",
        &[edit(
            PLAN,
            "plan.procs += (machines - kind.for_queue) * self.procs_of_one(index);",
            "",
        )],
    ),
    Flaw::new(
        "R2",
        "what is asked for in the same step does not count for the kind's maximum",
        &[edit(
            PLAN,
            "kind.sums.machines_there() + asked",
            "kind.sums.machines_there()",
        )],
    ),
    Flaw::new(
        "R2",
        "a kind's limit of pending machines is not looked at",
        &[edit(
            PLAN,
            "u64::from(kind.kind.max_pending).saturating_sub(kind.sums.machines.pending + asked)",
            "u64::MAX",
        )],
    ),
    Flaw::new(
        "R2",
        "what is asked for in the same step does not count for the limit of pending machines",
        &[edit(
            PLAN,
            "kind.sums.machines.pending + asked",
            "kind.sums.machines.pending",
        )],
    ),
    Flaw::new(
        "G1",
        "machines of a kind that only joins are started",
        &[edit(
            PLAN,
            "if «!kind.kind.startable || growth.is_paused()» {",
            "growth.is_paused()",
        )],
    ),
    Flaw::new(
        "G1",
        "a kind's pause is not looked at",
        &[edit(
            PLAN,
            "if «!kind.kind.startable || growth.is_paused()» {",
            "!kind.kind.startable",
        )],
    ),
    Flaw::new(
        "H1",
        "the free part of a machine on its first passage is not planned with",
        &[edit(PLAN, "pool: «pending + on_probation»", "pending")],
    ),
    Flaw::new(
        "H1",
        "a machine on its first passage is planned with as if all of it were free",
        &[edit(
            PLAN,
            "let (free, offer) = («machine.free.proc_count()», machine.offer.proc_count());",
            "machine.offer.proc_count()",
        )],
    ),
    Flaw::new(
        "G1",
        "pending machines are not planned with",
        &[edit(PLAN, "kind.sums.machines.pending * ONE", "0 * ONE")],
    ),
    Flaw::new(
        "G1",
        "what is taken of pending machines is not counted",
        &[edit(PLAN, "kind.taken += taken * home.share;", "")],
    ),
    Flaw::new(
        "G1",
        "pending machines are given to each demand anew",
        &[edit(PLAN, "kind.pool -= taken * home.share;", "")],
    ),
    Flaw::new(
        "G1",
        "a home is chosen by the price of a machine, not of the part of it that is taken",
        &[edit(
            PLAN,
            "u128::from(cost) * u128::from(home.share)",
            "u128::from(cost)",
        )],
    ),
    Flaw::new(
        "G1",
        "a home is chosen whatever it costs",
        &[edit(
            PLAN,
            "u128::from(cost) * u128::from(home.share)",
            "u128::from(home.share)",
        )],
    ),
    Flaw::new(
        "G1",
        "of kinds that cost the same the highest is home",
        &[edit(
            PLAN,
            "(cost(home), home.kind)",
            "(cost(home), usize::MAX - home.kind)",
        )],
    ),
    Flaw::new(
        "G1",
        "how many requests a machine holds is told by procs alone",
        &[edit(
            PLAN,
            "amounts.times_in(expected)",
            "expected.proc_count().checked_div(amounts.proc_count()).unwrap_or(0)",
        )],
    ),
    Flaw::new(
        "R4",
        "growth expects all of a kind's capacity of a machine",
        &[edit(
            PLAN,
            "kinds[index].expected",
            "kinds[index].kind.capacity",
        )],
    ),
    Flaw::new(
        "G1",
        "two requests for a whole machine are thought to share one",
        &[edit(
            PLAN,
            "expected.proc_count().min(1)",
            "expected.proc_count().min(2)",
        )],
    ),
    Flaw::new(
        "G1",
        "each demand is given machines of its own",
        &[edit(
            PLAN,
            "kind.asked_shares += placed * share;",
            "kind.asked_shares = kind.asked_shares.div_ceil(ONE) * ONE + placed * share;",
        )],
    ),
    Flaw::new(
        "G2",
        "there are no spare machines",
        &[edit(
            PLAN,
            "for spares in «[false, true]»",
            "[false, false]",
        )],
    ),
    Flaw::new(
        "G2",
        "spare machines are planned before the mins",
        &[edit(PLAN, "for spares in «[false, true]»", "[true, false]")],
    ),
    Flaw::new(
        "G2",
        "a kind's min is not kept",
        &[edit(PLAN, "false => «u64::from(kind.min)»", "0")],
    ),
    Flaw::new(
        "G5",
        "spare machines are started while a request lacks procs",
        &[edit(PLAN, "if «spares && plan.waiting» {", "false")],
    ),
    Flaw::new(
        "G2",
        "idle machines are no spare ones",
        &[edit(
            KIND,
            "self.sums.counted - self.idle_counted()",
            "self.sums.counted",
        )],
    ),
    Flaw::new(
        "G2",
        "pending machines that the queue wants are spare ones",
        &[edit(
            PLAN,
            "u64::from(kind.in_use()) + Manager::wanted(index, plan) + u64::from(kind.kind.spare)",
            "u64::from(kind.in_use()) + u64::from(kind.kind.spare)",
        )],
    ),
    Flaw::new(
        "G2",
        "a kind's min is as many machines beside those in use",
        &[edit(
            PLAN,
            "used.max(u64::from(kind.kind.min))",
            "used + u64::from(kind.kind.min)",
        )],
    ),
    Flaw::new(
        "G2",
        "what machines on probation take is thought to be taken of pending ones",
        &[edit(
            PLAN,
            "kind.taken.saturating_sub(kind.on_probation)",
            "kind.taken",
        )],
    ),
    Flaw::new(
        "G2",
        "pending machines do not count for min and spare",
        &[edit(
            PLAN,
            "u64::from(sums.counted) + sums.machines.pending",
            "u64::from(sums.counted)",
        )],
    ),
    Flaw::new(
        "G5",
        "nothing is stopped for others",
        &[edit(
            PLAN,
            "self.replace_others(plan, &ask, class, kind, actions);",
            "",
        )],
    ),
    Flaw::new(
        "G5",
        "more is stopped although enough is leaving",
        &[edit(
            PLAN,
            "wanted.saturating_sub(self.max_procs).saturating_sub(leaving)",
            "wanted.saturating_sub(self.max_procs)",
        )],
    ),
    Flaw::new(
        "G5",
        "a machine is drained for a request whose turn has not come",
        &[edit(PLAN, "self.has_waited(class)", "true")],
    ),
    Flaw::new(
        "G5",
        "a machine is drained for a request that has machines of its own kinds",
        &[edit(PLAN, "!self.has_machine(ask)", "true")],
    ),
    Flaw::new(
        "G5",
        "no machine is drained for another",
        &[edit(
            PLAN,
            "self.drain(slot, None, actions); self.stop_drained(actions);",
            "",
        )],
    ),
    Flaw::new(
        "G5",
        "a machine drained for another on which nothing runs is not stopped at once",
        &[edit(PLAN, "self.stop_drained(actions);", "")],
    ),
    Flaw::new(
        "G5",
        "the procs that were freed are given to others",
        &[edit(PLAN, "plan.kept = self.procs_of_one(kind);", "")],
    ),
    Flaw::new(
        "G5",
        "the machines of a kind at its min are stopped for another",
        &[edit(
            PLAN,
            "let mut above = «self.above_min()»; let kinds",
            "self.machines.kinds.iter().map(|_| u64::MAX).collect::<Vec<u64>>()",
        )],
    ),
    Flaw::new(
        "G5",
        "the machine idle for the least time is stopped for another",
        &[edit(
            PLAN,
            "idle.sort_unstable_by_key(|&slot| (get(slot).idle_since, core::cmp::Reverse(get(slot).id)));",
            "idle.sort_unstable_by_key(|&slot| core::cmp::Reverse((get(slot).idle_since, core::cmp::Reverse(get(slot).id))));",
        )],
    ),
    Flaw::new(
        "G5",
        "idle machines are stopped for another although they are not enough",
        &[edit(PLAN, "return stops; } } «Vec::new()»", "stops")],
    ),
    Flaw::new(
        "G5",
        "a machine that a queued request fits is stopped for another",
        &[edit(
            PLAN,
            "self.queue.first_fit(&spot, |_| false).is_some()",
            "false",
        )],
    ),
    Flaw::new(
        "G5",
        "a held machine is drained for another",
        &[edit(
            PLAN,
            "machine.is_active() && !machine.held",
            "machine.is_active()",
        )],
    ),
    Flaw::new(
        "G5",
        "a machine is drained although that can never be enough",
        &[edit(
            PLAN,
            "emptiest.filter(|_| «procs >= lacking»)",
            "true",
        )],
    ),
    Flaw::new(
        "G5",
        "the machine with the lowest id is drained for another, not the emptiest",
        &[edit(
            PLAN,
            "others.sort_by_key(|&slot| get(slot).offer.minus(get(slot).free).proc_count());",
            "",
        )],
    ),
    Flaw::new(
        "G5",
        "a machine that the request accepts is drained for it",
        &[edit(PLAN, "!machine.held && !«fits»", "false")],
    ),
    Flaw::new(
        "G5",
        "how long a request has waited is counted over its own kinds",
        &[edit(
            "manager/placement/hold.rs",
            "self.granted(Kinds::ALL) - queued.granted_anywhere",
            "self.granted(self.queue.class(class).key.ask.kinds) - queued.granted",
        )],
    ),
];
