//! The trace: JSON of the Trace Event Format, an event a line, for Perfetto and other viewers.
use std::io::{self, Write};

use remuda::{Instant, Outcome};
use serde_json::json;

use super::film::{Lane, Scene};
use super::machine::Ending;
use crate::replay::fleet::Reason;
use crate::replay::input::Input;
use crate::replay::lives::End;

/// Microseconds, exact to the nanosecond.
struct Micros(Instant);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0.0 / 1000, self.0.0 % 1000)
    }
}

fn span(from: Instant, to: Instant) -> Micros {
    Micros(Instant(to.0.saturating_sub(from.0)))
}

/// Of which figures change by how much, and when.
type Changes = Vec<(Instant, usize, i64)>;

const QUEUED: usize = 0;
const USED: usize = 1;
const PENDING: usize = 2;
const SERVICE: usize = 3;
const PROBATION: usize = 4;

/// Writes what a scene shows.
///
/// # Errors
/// Those of `out`.
pub(super) fn write(scene: &Scene<'_>, input: &Input, out: &mut dyn Write) -> io::Result<()> {
    let labels = input.head.labels.iter();
    let labels: serde_json::Map<_, _> = labels
        .map(|it| (it.name.clone(), it.value.clone().into()))
        .collect();
    let about = json!({ "run": input.name, "version": input.head.crate_version, "labels": labels });
    writeln!(
        out,
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":["
    )?;
    // Every process and thread has a number of its own. The run as a whole is the first.
    write!(
        out,
        r#"{{"ph":"M","pid":1,"tid":1,"name":"process_name","args":{{"name":"cluster"}}}}"#
    )?;
    let mut next = 2;
    let mut changes = Changes::new();
    for (at, lane) in scene.lanes.iter().enumerate() {
        next = write_lane(scene, at, lane, next, &mut changes, out)?;
    }
    for life in scene.waiters.iter().map(|it| it.life) {
        let from = life.submitted.map_or(Instant::ZERO, |at| at.time);
        changes.push((from, QUEUED, 1));
        changes.extend(life.end.map(|(at, _)| (at.time, QUEUED, -1)));
    }
    write_counters(scene, changes, out)?;
    writeln!(out, "\n]}}")
}

/// A machine is a process: its own track, then one for each of its procs. Gives the next free number.
fn write_lane(
    scene: &Scene<'_>,
    at: usize,
    lane: &Lane<'_>,
    pid: u64,
    changes: &mut Changes,
    out: &mut dyn Write,
) -> io::Result<u64> {
    let machine = lane.machine;
    let name = match machine.name.as_str() {
        "" => machine.id.to_string(),
        name => format!("{} {name}", machine.id),
    };
    let name = json!(name);
    let meta = |out: &mut dyn Write, tid: u64, what: &str, args: &str| {
        write!(
            out,
            ",\n{{\"ph\":\"M\",\"pid\":{pid},\"tid\":{tid},\"name\":\"{what}\",\"args\":{{{args}}}}}"
        )
    };
    meta(out, pid, "process_name", &format!("\"name\":{name}"))?;
    meta(
        out,
        pid,
        "process_sort_index",
        &format!("\"sort_index\":{}", at + 1),
    )?;
    meta(out, pid, "thread_name", "\"name\":\"machine\"")?;
    meta(out, pid, "thread_sort_index", "\"sort_index\":0")?;
    let slots = lane.grants.iter().filter_map(|it| it.slots.first());
    let slots = slots.map(|(first, _)| u64::from(*first) + 1).max();
    let slots = slots.unwrap_or(0);
    for slot in 0..slots {
        meta(
            out,
            pid + 1 + slot,
            "thread_name",
            &format!("\"name\":\"proc {slot}\""),
        )?;
        meta(
            out,
            pid + 1 + slot,
            "thread_sort_index",
            &format!("\"sort_index\":{}", slot + 1),
        )?;
    }
    let end = machine.end.map(|(at, _)| at.time);
    let until = end.unwrap_or(scene.end);
    let slice = |out: &mut dyn Write, tid: u64, what: &str, from, to, args: &str| {
        let (ts, dur) = (Micros(from), span(from, to));
        write!(
            out,
            ",\n{{\"ph\":\"X\",\"pid\":{pid},\"tid\":{tid},\"ts\":{ts},\"dur\":{dur},\"name\":\"{what}\",\"args\":{{{args}}}}}"
        )
    };
    let instant = |out: &mut dyn Write, what: &str, at, args: &str| {
        write!(
            out,
            ",\n{{\"ph\":\"i\",\"s\":\"p\",\"pid\":{pid},\"tid\":{pid},\"ts\":{},\"name\":\"{what}\",\"args\":{{{args}}}}}",
            Micros(at)
        )
    };
    let answered = machine.up.unwrap_or(until);
    changes.push((machine.asked, PENDING, 1));
    if machine.up.or(end).is_some() {
        changes.push((answered, PENDING, -1));
    }
    let about = format!(
        "\"kind\":\"{}\",\"offer\":\"{}\"",
        machine.kind, machine.offer
    );
    slice(out, pid, "starting", machine.asked, answered, &about)?;
    if let Some(up) = machine.up {
        changes.push((up, SERVICE, 1));
        changes.extend(end.map(|end| (end, SERVICE, -1)));
    }
    for (from, to) in &machine.probations {
        changes.extend([(*from, PROBATION, 1), (*from, SERVICE, -1)]);
        if let Some(to) = to {
            changes.extend([(*to, PROBATION, -1), (*to, SERVICE, 1)]);
        }
        let to = to.unwrap_or(until);
        instant(out, "probation begins", *from, "")?;
        slice(out, pid, "probation", *from, to, "")?;
    }
    for (from, to) in &machine.drains {
        let to = to.unwrap_or(until);
        slice(out, pid, "draining", *from, to, "")?;
    }
    if let Some((at, reason)) = machine.told {
        let why = match reason {
            Reason::Drained => "drained",
            Reason::Withdrawn => "withdrawn",
            Reason::Unneeded | Reason::Other => "idle",
        };
        instant(out, "told to stop", at, &format!("\"reason\":\"{why}\""))?;
    }
    if let Some((at, ending)) = machine.end {
        let what = match ending {
            Ending::Stopped => "lost: stopped",
            Ending::Silent => "lost: silent",
            Ending::Shutdown => "ended by the shutdown",
            Ending::StartFailed => "start failed",
            Ending::Told => "ended as it was told to",
        };
        let why = json!(machine.remark);
        instant(out, what, at.time, &format!("\"remark\":{why}"))?;
    }
    for grant in &lane.grants {
        let (life, from) = (grant.life, grant.from.time);
        let procs: u32 = grant.slots.iter().map(|(_, len)| len).sum();
        let fate = life.end.map_or("running", |(_, end)| match end {
            End::Done(Outcome::Ok) => "ok",
            End::Done(Outcome::Remote) => "remote error",
            End::Done(Outcome::Unreachable) => "unreachable",
            End::Done(Outcome::Unused) => "unused",
            End::Lost => "lost",
            End::Done(_) => "done",
            End::Cancelled => "cancelled",
            End::Expired => "expired",
            End::Refused => "refused",
        });
        let to = life.end.map(|(at, _)| at.time);
        changes.push((from, USED, procs.into()));
        changes.extend(to.map(|to| (to, USED, -i64::from(procs))));
        let to = to.unwrap_or(scene.end);
        let request = life.key.0;
        let mut args = format!(
            "\"request\":{},\"priority\":{},\"procs\":{procs},\"amounts\":\"{}\",\"outcome\":\"{fate}\"",
            request.0, life.spec.priority, life.taken
        );
        match life.submitted.map(|at| at.time) {
            Some(submitted) => {
                changes.extend([(submitted, QUEUED, 1), (from, QUEUED, -1)]);
                args += &format!(",\"waited_us\":{}", span(submitted, from));
            }
            // It waited when the record began.
            None if grant.from.number > 0 => {
                changes.extend([(Instant::ZERO, QUEUED, 1), (from, QUEUED, -1)]);
            }
            None => {}
        }
        let slot = grant
            .slots
            .first()
            .map_or(0, |(first, _)| u64::from(*first));
        slice(out, pid + 1 + slot, &request.to_string(), from, to, &args)?;
        if fate == "lost" {
            instant(
                out,
                &format!("{request} lost"),
                to,
                &format!("\"request\":{}", request.0),
            )?;
        }
    }
    Ok(pid + 1 + slots)
}

fn write_counters(scene: &Scene<'_>, mut changes: Changes, out: &mut dyn Write) -> io::Result<()> {
    changes.sort_unstable_by_key(|(at, ..)| *at);
    let mut figures = [0_i64; 5];
    let mut shown = [[-1_i64; 3]; 3];
    let mut groups = changes.chunk_by(|a, b| a.0 == b.0).peekable();
    while let Some(same) = groups.next() {
        for (_, which, by) in same {
            figures[*which] += by;
        }
        // What was before the part comes to one figure, at its beginning.
        let at = same[0].0.max(scene.begin);
        let next = groups.peek().map(|next| next[0].0);
        if at > scene.end || next.is_some_and(|next| next <= scene.begin) {
            continue;
        }
        let ts = Micros(at);
        let machines = [figures[PENDING], figures[SERVICE], figures[PROBATION]];
        let rows = [[figures[QUEUED], 0, 0], [figures[USED], 0, 0], machines];
        for (nth, row) in rows.into_iter().enumerate() {
            if row == shown[nth] {
                continue;
            }
            shown[nth] = row;
            let [a, b, c] = row;
            write!(out, ",\n{{\"ph\":\"C\",\"pid\":1,\"tid\":1,\"ts\":{ts},")?;
            match nth {
                0 => write!(out, r#""name":"queue length","args":{{"requests":{a}}}}}"#)?,
                1 => write!(out, r#""name":"used procs","args":{{"procs":{a}}}}}"#)?,
                _ => write!(
                    out,
                    r#""name":"machines","args":{{"pending":{a},"ok":{b},"probation":{c}}}}}"#
                )?,
            }
        }
    }
    Ok(())
}
