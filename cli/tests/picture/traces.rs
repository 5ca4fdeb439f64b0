//! Traces for Perfetto.
use std::fs;

use serde_json::Value;

use crate::page::Expected;
use crate::support::Dir;
use crate::{fleet, replay};

#[test]
fn a_trace_has_a_slice_for_each_grant_and_none_overlap() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(30, 3000));
    let (html, trace) = (dir.text("page.html"), dir.text("trace.json"));
    let finished = replay(&[&file, "--perfetto", &trace, "--html", &html]);
    assert_eq!(finished.status, Some(0), "{}", finished.err);
    let expected = Expected::of(&replay(&[&file, "--json"]).out);
    let trace: Value = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    assert_eq!(trace["otherData"]["labels"]["site"], "north hall");
    let events = trace["traceEvents"].as_array().unwrap();
    let named = |name: &str| -> Vec<&Value> {
        let named = events.iter().filter(|it| it["name"] == name);
        named.collect()
    };
    assert_eq!(named("process_name").len() as u64, expected.lanes + 1);
    assert_eq!(named("probation").len() as u64, expected.probations);
    assert_eq!(named("lost: stopped").len() as u64, expected.lost);
    assert_eq!(named("start failed").len() as u64, expected.failed);
    let grants = events.iter().filter(|it| it["args"]["outcome"].is_string());
    assert_eq!(grants.clone().count() as u64, expected.bars);
    let lost = grants.filter(|it| it["args"]["outcome"] == "lost");
    assert_eq!(lost.count() as u64, expected.lost_requests);
    // On a track, one ends before the next begins.
    let nanos = |it: &Value| (it.as_f64().unwrap() * 1000.0).round() as u64;
    let slices = events.iter().filter(|it| it["ph"] == "X");
    let mut slices: Vec<_> = slices
        .map(|it| {
            let begin = nanos(&it["ts"]);
            (
                it["tid"].as_u64().unwrap(),
                begin,
                begin + nanos(&it["dur"]),
            )
        })
        .collect();
    slices.sort_unstable();
    for pair in slices.windows(2) {
        let [(track, _, end), (next, begin, _)] = pair else {
            unreachable!("a window of two")
        };
        assert!(track != next || end <= begin, "{pair:?}");
    }
    // The queue is empty in the end.
    let last = named("queue length").pop().unwrap();
    assert_eq!(last["args"]["requests"], 0);
    let most = named("queue length")
        .into_iter()
        .map(|it| it["args"]["requests"].as_u64().unwrap());
    assert!(most.max().unwrap() > 10);
}
