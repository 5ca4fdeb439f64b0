//! The screen is drawn into memory, and its keys pressed.
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

use super::app::App;
use super::client::Problem;
use super::text;
use crate::serve::state::State;

fn state() -> State {
    let machines: Vec<_> = (0..30)
        .map(|n| {
            json!({
                "machine": format!("m{n}"), "kind": "k1", "name": "", "state": "ok",
                "used": {"procs": 1, "memory_mib": 100}, "offer": {"procs": 4, "memory_mib": 400},
                "running": [{"request": format!("r{n}"), "job": format!("job-{n}"), "since": 60.0}],
                "held_for": null,
            })
        })
        .collect();
    let kind = |name: &str, backoff: Option<f64>| {
        json!({
            "kind": "k0", "name": name, "wanted": 1, "held": 1,
            "machines": {"pending": 1, "ok": 30, "probation": 0, "draining": 0, "stopping": 0, "lost": 2, "ended": 0},
            "used": {"procs": 30}, "free": {"procs": 90}, "backoff_until": backoff,
        })
    };
    let state = json!({
        "source": "jobs.txt", "time": 90.0, "event": 7, "over": false, "queued": 200, "running": 30,
        "ended": {"ok": 5, "failed": 1, "lost": 2}, "lost": {"silence": 1, "stopped": 1, "drained": 0}, "holds": 1,
        "waits": {"granted": 36, "mean": 1.5, "longest": 12.0},
        "utilisation": 0.835,
        "resources": ["procs", "memory_mib", "gpus", "other"],
        "kinds": [kind("big", None), kind("gpu", Some(120.0))],
        "machines": machines,
        "queue": [
            {"request": "r99", "job": "train", "priority": 5, "asks": {"procs": 2, "memory_mib": 100}, "since": 30.0, "held": "m3"},
            {"request": "r98", "job": "", "priority": 0, "asks": null, "since": 89.0, "held": null},
        ],
        "news": [{"time": 80.0, "text": "m9 is lost: it stopped, with job-7"}],
    });
    serde_json::from_value(state).unwrap()
}

fn shows(app: &App, what: &[&str]) {
    let screen = text(app, 160, 40);
    for what in what {
        assert!(screen.contains(what), "{what} is not on it:\n{screen}");
    }
}

#[test]
fn it_shows_machines_jobs_queue_waits_and_losses() {
    let app = App::new("127.0.0.1:7788".into(), state());
    shows(
        &app,
        &[
            " jobs.txt  1m30s  200 wait, 30 run, 5 ok, 1 failed, 2 lost",
            "waits: 1.5 s on average, 12.0 s at most, of 36 granted; 1m00s by now in the queue",
            "machines lost: 1 by silence, 1 by stopped   utilisation 83.5 %",
            "k0 big       30 ok, 1 pending, 2 lost, 1 held   in use 30/120 procs",
            "no starts for 30.0 s",
            "m0    k1  ok         ███░░░░░░░ 1/4 100/400  job-0 30.0 s",
            " queue: 200 wait ",
            "train          1m00s  2 procs, 100 memory_mib  prio 5",
            "r98            1.0 s  a whole machine",
            "… and 198 more",
            "1m20s  m9 is lost: it stopped, with job-7",
            "q quit",
        ],
    );
}

#[test]
fn keys_scroll_and_quit() {
    let mut app = App::new("127.0.0.1:7788".into(), state());
    let mut press = |code| app.press(KeyEvent::new(code, KeyModifiers::NONE));
    assert!(press(KeyCode::Down) && press(KeyCode::PageDown));
    assert!(!press(KeyCode::Char('q')) && !press(KeyCode::Esc));
    shows(&app, &["machines: from 12 of 30", "m11   k1"]);
    app.press(KeyEvent::new(KeyCode::End, KeyModifiers::NONE));
    shows(&app, &["machines: from 30 of 30"]);
    // Fewer machines by now.
    let mut fewer = state();
    fewer.machines.truncate(3);
    app.take(Ok(fewer));
    shows(&app, &["machines: from 3 of 3"]);
    let end = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(!app.press(end));
}

#[test]
fn it_says_what_went_wrong_and_when_the_run_has_ended() {
    let mut app = App::new("127.0.0.1:7788".into(), state());
    app.take(Err(Problem::Other("it is slow".into())));
    shows(&app, &["it is slow", "200 wait"]);
    app.take(Ok(state()));
    shows(&app, &["q quit", "127.0.0.1:7788"]);
    app.take(Err(Problem::Gone(String::new())));
    shows(
        &app,
        &[
            "the run has ended: this is the last that was heard",
            "job-0",
        ],
    );
    // A run of its own began there meanwhile.
    let mut app = App::new("127.0.0.1:7788".into(), state());
    let mut other = state();
    other.time = 1.0;
    app.take(Ok(other));
    shows(&app, &["another is served there now", "1m30s"]);
}

#[test]
fn small_screens_are_drawn_too() {
    let app = App::new("127.0.0.1:7788".into(), state());
    for (columns, rows) in [(1, 1), (20, 5), (300, 100)] {
        let mut terminal =
            ratatui::Terminal::new(ratatui::backend::TestBackend::new(columns, rows)).unwrap();
        terminal
            .draw(|frame| super::screen::draw(frame, &app))
            .unwrap();
    }
}
