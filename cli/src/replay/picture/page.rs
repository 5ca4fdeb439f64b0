//! The page: a template, what is told in words as JSON, and what is drawn as numbers of one byte or more, in base64.
//!
//! All numbers are varints, seven bits a byte, the lowest first; signed ones are zigzag. Times are nanoseconds, relative to
//! what is before them. `data.js` reads what is written here.
use std::collections::BTreeMap;
use std::io::{self, Write};

use data_encoding::BASE64;
use remuda::{Instant, Kind, Outcome, Resources};
use serde_json::{Value, json};

use super::film::{Ending, Grant, Lane, Scene};
use crate::replay::fleet::Reason;
use crate::replay::input::Input;
use crate::replay::lives::{End, Life};
use crate::replay::scenario;
use crate::replay::tally::Tally;

const HTML: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const JS: &str = concat!(
    include_str!("page/data.js"),
    include_str!("page/view.js"),
    include_str!("page/lanes.js"),
    include_str!("page/draw.js"),
    include_str!("page/panel.js"),
    include_str!("page/main.js"),
);

/// All that is put into the template.
#[derive(Debug)]
pub(super) struct Page {
    words: Value,
    numbers: Vec<u8>,
}

impl Page {
    pub(super) fn new(
        scene: &Scene<'_>,
        tally: &Tally,
        input: &Input,
        trouble: Option<&str>,
    ) -> Page {
        let machines = scene.lanes.iter().map(|lane| lane.machine);
        let lives = scene.lanes.iter().flat_map(|lane| &lane.grants);
        let lives: Vec<_> = lives
            .map(|it| it.life)
            .chain(scene.waiters.iter().copied())
            .collect();
        // Everything is at or after this.
        let times = machines.clone().map(|it| it.asked).chain([scene.begin]);
        let base = times.chain(lives.iter().filter_map(|it| submitted(it)));
        let base = base.min().unwrap_or_default();
        let mut priorities: Vec<_> = lives.iter().map(|it| it.spec.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let said = machines.enumerate();
        let said: Vec<_> = said
            .filter(|(_, it)| !it.name.is_empty() || !it.remark.is_empty())
            .map(|(at, it)| json!([at, it.name, it.remark]))
            .collect();
        let mut summary = tally.json();
        // As texts: they may be larger than JavaScript's whole numbers.
        for waits in summary["waits"].as_array_mut().into_iter().flatten() {
            waits["priority"] = waits["priority"].to_string().into();
        }
        let config = &input.head.config;
        // The last that any kind has.
        let last = |kind: &Kind| kind.capacity.amounts().iter().rposition(|it| *it > 0);
        let amounts = config
            .kinds
            .iter()
            .filter_map(last)
            .max()
            .map_or(1, |it| it + 1);
        let head: Value =
            serde_json::from_str(&scenario::head_line(&input.head)).unwrap_or_default();
        let words = json!({
            "file": input.name,
            "head": head,
            "known": input.head.crate_version.is_some(),
            "trouble": trouble,
            "summary": summary,
            "permille": tally.permille(),
            "base": base.0,
            "begin": scene.begin.0 - base.0,
            "end": scene.end.0 - base.0,
            "procs": scene.lanes.iter().map(|it| it.machine.offer.proc_count()).max().unwrap_or(1).max(1),
            "kinds": config.kinds.iter().map(|it| it.capacity.to_string()).collect::<Vec<_>>(),
            "kindLines": scenario::kind_lines(config),
            "names": config.names,
            "amounts": amounts,
            "priorities": priorities.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "wide": lives.iter().any(|it| it.key.0.0 >> 52 != 0),
            "said": said,
        });
        let ranks = (0..).zip(priorities).map(|(at, it)| (it, at)).collect();
        let mut numbers = Numbers {
            bytes: Vec::new(),
            ranks,
            base,
            amounts,
        };
        numbers.scene(scene);
        Page {
            words,
            numbers: numbers.bytes,
        }
    }

    /// # Errors
    /// Those of `out`.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rest = HTML;
        for (mark, part) in [
            ("/*CSS*/", CSS),
            ("/*WORDS*/", ""),
            ("/*DATA*/", ""),
            ("/*JS*/", JS),
        ] {
            let (before, after) = rest.split_once(mark).expect("the template has its marks");
            out.write_all(before.as_bytes())?;
            rest = after;
            match mark {
                // Within a script, only this ends it.
                "/*WORDS*/" => {
                    let words = self.words.to_string().replace('<', "\\u003c");
                    out.write_all(words.as_bytes())?;
                }
                "/*DATA*/" => {
                    // Three bytes are four letters: a chunk has no padding but the last.
                    for chunk in self.numbers.chunks(3 << 12) {
                        out.write_all(BASE64.encode(chunk).as_bytes())?;
                    }
                }
                _ => out.write_all(part.as_bytes())?,
            }
        }
        out.write_all(rest.as_bytes())
    }
}

fn submitted(life: &Life) -> Option<Instant> {
    life.submitted.map(|at| at.time)
}

/// Zero is for what is not known.
fn one_more(nanos: u64) -> u64 {
    nanos.saturating_add(1)
}

#[derive(Debug)]
struct Numbers {
    bytes: Vec<u8>,
    ranks: BTreeMap<i64, u64>,
    base: Instant,
    /// So many are written of each four.
    amounts: usize,
}

impl Numbers {
    fn put(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// How much a number is more than the last, which it becomes.
    fn put_from(&mut self, last: &mut u64, number: u64) {
        let by = number.wrapping_sub(*last) as i64;
        self.put(((by << 1) ^ (by >> 63)) as u64);
        *last = number;
    }

    fn scene(&mut self, scene: &Scene<'_>) {
        self.put(scene.lanes.len() as u64);
        self.put(scene.lanes.iter().map(|it| it.grants.len() as u64).sum());
        let mut id = 0;
        for lane in &scene.lanes {
            self.lane(lane, &mut id);
        }
        self.put(scene.waiters.len() as u64);
        let (mut request, mut last) = (0, self.base.0);
        for life in &scene.waiters {
            let from = submitted(life).unwrap_or(self.base);
            let end = life.end.map(|(at, _)| at.time);
            self.put_from(&mut request, life.key.0.0);
            // They come in the order of their submits.
            self.put(from.0 - last);
            last = from.0;
            self.put(end.map_or(0, |end| one_more(end.0 - from.0)));
            self.put(self.ranks[&life.spec.priority]);
        }
    }

    fn amounts(&mut self, of: Resources) {
        for amount in of.amounts().into_iter().take(self.amounts) {
            self.put(amount.into());
        }
    }

    fn lane(&mut self, lane: &Lane<'_>, id: &mut u64) {
        let machine = lane.machine;
        let ending = machine.end.map_or(0, |(_, ending)| match ending {
            Ending::Stopped => 1,
            Ending::Silent => 2,
            Ending::Shutdown => 3,
            Ending::StartFailed => 4,
            Ending::Told => 5,
        });
        // What is more than JavaScript's whole numbers is told apart by a bit.
        self.put_from(id, machine.id.0 & (u64::MAX >> 1));
        self.put(u64::from(machine.kind.0) << 1 | u64::from(machine.id.is_joined()));
        self.amounts(machine.offer);
        self.put(ending);
        self.put(machine.asked.0 - self.base.0);
        self.put(machine.up.map_or(0, |up| one_more(up.0 - machine.asked.0)));
        if let Some((end, _)) = machine.end {
            self.put(end.time.0 - machine.asked.0);
        }
        self.put(machine.probations.len() as u64);
        for (from, to) in &machine.probations {
            self.put(from.0 - machine.asked.0);
            self.put(to.map_or(0, |to| one_more(to.0 - from.0)));
        }
        self.put(machine.drains.len() as u64);
        for (from, to) in &machine.drains {
            self.put(from.0 - machine.asked.0);
            self.put(to.map_or(0, |to| one_more(to.0 - from.0)));
        }
        match machine.told {
            None => self.put(0),
            Some((at, reason)) => {
                self.put(match reason {
                    Reason::Drained => 2,
                    Reason::Withdrawn => 3,
                    Reason::Unneeded | Reason::Other => 1,
                });
                self.put(at.0 - machine.asked.0);
            }
        }
        self.put(lane.grants.len() as u64);
        let (mut request, mut last) = (0, machine.asked.0);
        for grant in &lane.grants {
            self.put_from(&mut request, grant.life.key.0.0);
            self.put(grant.from.time.0 - last);
            last = grant.from.time.0;
            self.grant(grant);
        }
    }

    fn grant(&mut self, grant: &Grant<'_>) {
        let (life, from) = (grant.life, grant.from.time.0);
        let fate = match life.end.map(|(_, end)| end) {
            None => 0,
            Some(End::Done(Outcome::Ok)) => 1,
            Some(End::Done(Outcome::Remote)) => 2,
            Some(End::Done(Outcome::Unreachable)) => 3,
            Some(End::Done(_)) => 4,
            Some(End::Lost) => 5,
            Some(End::Cancelled | End::Expired | End::Refused) => 6,
        };
        self.put(self.ranks[&life.spec.priority] << 3 | fate);
        self.put(submitted(life).map_or(0, |at| one_more(from - at.0)));
        if let Some((end, _)) = life.end {
            self.put(end.time.0 - from);
        }
        if self.amounts > 1 {
            self.amounts(life.taken);
        }
        // The first run, and whether there are more.
        for (nth, (first, len)) in grant.slots.iter().enumerate() {
            let more = u64::from(nth + 1 < grant.slots.len());
            self.put(u64::from(*first) << 1 | more);
            self.put(u64::from(*len));
        }
        if grant.slots.is_empty() {
            self.put(0);
            self.put(0);
        }
    }
}
