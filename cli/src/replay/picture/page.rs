//! The page: a template, what is told in words as JSON, and what is drawn as numbers, in base64.
use std::io::{self, Write};

use data_encoding::BASE64;
use remuda::{Config, Kind};
use serde_json::{Value, json};

use super::film::Scene;
use super::machine::Machine;
use super::numbers::{Numbers, submitted};
use crate::replay::input::Input;
use crate::replay::items::Head;
use crate::replay::scenario;
use crate::replay::tally::Tally;

const HTML: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const JS: &str = concat!(
    include_str!("page/numbers.js"),
    include_str!("page/curve.js"),
    include_str!("page/data.js"),
    include_str!("page/view.js"),
    include_str!("page/lanes.js"),
    include_str!("page/draw.js"),
    include_str!("page/panel.js"),
    include_str!("page/queue.js"),
    include_str!("page/find.js"),
    include_str!("page/live.js"),
    include_str!("page/main.js"),
);

/// All that is put into the template.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) words: Value,
    pub(super) numbers: Vec<u8>,
    /// What it may do that a page in a file may not.
    pub(super) may: &'static str,
}

impl Page {
    /// A page of what a scene shows.
    pub(super) fn new(
        scene: &Scene<'_>,
        tally: &Tally,
        input: &Input,
        trouble: Option<&str>,
    ) -> Page {
        let machines: Vec<_> = (0..).zip(scene.lanes.iter().map(|it| it.machine)).collect();
        let waiters: Vec<_> = (0..).zip(scene.waiters.iter().copied()).collect();
        let grants = (0..).zip(&scene.lanes);
        let mut grants: Vec<_> = grants
            .flat_map(|(lane, it)| it.grants.iter().map(move |grant| (0, lane, *grant)))
            .collect();
        grants.sort_by_key(|(_, _, grant)| grant.from.number);
        for (place, grant) in (waiters.len() as u64..).zip(&mut grants) {
            grant.0 = place;
        }
        let lives = || {
            let waiting = scene.waiters.iter().map(|it| it.life);
            waiting.chain(grants.iter().map(|(_, _, grant)| grant.life))
        };
        // Everything is at or after this.
        let times = machines.iter().map(|(_, it)| it.asked).chain([scene.begin]);
        let base = times.chain(lives().filter_map(submitted));
        let base = base.min().unwrap_or_default();
        let mut priorities: Vec<_> = lives().map(|it| it.spec.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let names = waiters.iter().map(|(_, it)| it.name);
        let names: Vec<_> = names.chain(grants.iter().map(|(.., it)| it.name)).collect();
        let mut words = head_words(&input.name, &input.head);
        words["trouble"] = trouble.into();
        words["summary"] = summary(tally);
        words["permille"] = tally.permille().into();
        words["base"] = base.0.into();
        words["begin"] = (scene.begin.0 - base.0).into();
        words["end"] = (scene.end.0 - base.0).into();
        words["priorities"] = texts(&priorities);
        words["wide"] = lives().any(|it| it.key.0.0 >> 52 != 0).into();
        words["said"] = said(&machines);
        words["jobs"] = jobs(&names);
        let places = priorities.into_iter().zip(0..).collect();
        let mut numbers = Numbers::new(&places, base, amounts(&input.head.config));
        numbers.lanes(&machines);
        numbers.waiters(&waiters);
        numbers.grants(&grants);
        Page {
            words,
            numbers: numbers.bytes,
            may: "",
        }
    }

    /// # Errors
    /// Those of `out`.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rest = HTML;
        for (mark, part) in [
            ("/*MAY*/", self.may),
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

/// What a head tells of a run, by the name of the run.
pub(super) fn head_words(name: &str, head: &Head) -> Value {
    let config = &head.config;
    let line: Value = serde_json::from_str(&scenario::head_line(head)).unwrap_or_default();
    json!({
        "file": name,
        "head": line,
        "known": head.crate_version.is_some(),
        "kinds": config.kinds.iter().map(|it| it.capacity.to_string()).collect::<Vec<_>>(),
        "kindLines": scenario::kind_lines(config),
        "names": config.names,
        "amounts": amounts(config),
    })
}

/// What a run comes to.
pub(super) fn summary(tally: &Tally) -> Value {
    let mut summary = tally.json();
    for waits in summary["waits"].as_array_mut().into_iter().flatten() {
        waits["priority"] = waits["priority"].to_string().into();
    }
    summary
}

/// As texts: priorities may be larger than JavaScript's whole numbers.
pub(super) fn texts(priorities: &[i64]) -> Value {
    let texts = priorities.iter().map(ToString::to_string);
    texts.collect::<Vec<_>>().into()
}

/// What is said of machines, by their places.
pub(super) fn said(machines: &[(u64, &Machine)]) -> Value {
    let said = machines.iter();
    let said = said.filter(|(_, it)| !it.name.is_empty() || !it.remark.is_empty());
    said.map(|(at, it)| json!([at, it.name, it.remark]))
        .collect()
}

/// Names of requests in a row, none of which has a line feed; empty where none is known.
pub(super) fn jobs(names: &[&str]) -> Value {
    match names.iter().all(|it| it.is_empty()) {
        true => "".into(),
        false => names.join("\n").into(),
    }
}

/// The last amount that any kind has, and one more.
pub(super) fn amounts(config: &Config) -> usize {
    let last = |kind: &Kind| kind.capacity.amounts().iter().rposition(|it| *it > 0);
    let last = config.kinds.iter().filter_map(last).max();
    last.map_or(1, |it| it + 1)
}
