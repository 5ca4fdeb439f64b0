//! What the page of a run must show, and what it says that it shows.
#![allow(dead_code)] // Each test file uses its own part.
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::browser::Browser;

/// What a page must show.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) lanes: u64,
    pub(crate) bars: u64,
    pub(crate) lost: u64,
    pub(crate) lost_requests: u64,
    pub(crate) probations: u64,
    pub(crate) failed: u64,
}

impl Expected {
    /// Counted in the events and actions of a whole run.
    pub(crate) fn of(json: &str) -> Expected {
        let mut counted = Expected::default();
        for line in json.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            counted.failed += u64::from(line["event"]["start_failed"].is_object());
            for action in line["actions"].as_array().unwrap_or(&Vec::new()) {
                let is = |name: &str| u64::from(action[name].is_object());
                counted.lanes += action["start"]["count"].as_u64().unwrap_or(0);
                counted.bars += is("grant");
                counted.lost_requests += is("request_lost");
                counted.probations += u64::from(action["notice"]["probation"].is_object());
                counted.lost += u64::from(action["notice"]["machine_lost"].is_object());
            }
        }
        counted
    }

    /// What a page says that it has drawn.
    pub(crate) fn on(said: &Value) -> Expected {
        let figure = |name: &str| said[name].as_str().unwrap().parse().unwrap();
        Expected {
            lanes: figure("lanes"),
            bars: figure("bars"),
            lost: figure("lost"),
            lost_requests: figure("lostRequests"),
            probations: figure("probations"),
            failed: figure("failed"),
        }
    }
}

pub(crate) fn figure(said: &Value, name: &str) -> f64 {
    said[name].as_str().unwrap().parse().unwrap()
}

/// Leaves what is on the screen to be looked at.
pub(crate) fn keep(browser: &mut Browser, name: &str) {
    // Tests within the binary stand in target/debug/deps.
    let own = std::env::current_exe().unwrap();
    let folder = match option_env!("CARGO_TARGET_TMPDIR") {
        Some(folder) => Path::new(folder).join("pictures"),
        None => own.ancestors().nth(3).unwrap().join("tmp/pictures"),
    };
    fs::create_dir_all(&folder).unwrap();
    for (dark, suffix) in [(true, "-dark"), (false, "")] {
        browser.dark(dark);
        browser.drawn();
        let shot = browser.screenshot();
        let canvas = browser.eval("document.getElementById('canvas').toDataURL().length");
        assert!(
            canvas.as_u64().unwrap() > 8000,
            "something is on it: {canvas}"
        );
        fs::write(folder.join(format!("{name}{suffix}.png")), shot).unwrap();
    }
}
