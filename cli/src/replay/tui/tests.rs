//! The screen is drawn into memory, and its keys pressed.
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use remuda::journal::Writer;
use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};

use super::app::App;
use super::screen;
use super::timeline::{RECENT, Timeline};
use crate::replay::input::Input;

fn app(scenario: &str) -> App {
    let input = Input::of("a run".into(), scenario.into()).unwrap();
    App::new(input.name.clone(), Timeline::load(&input).unwrap())
}

fn press(app: &mut App, keys: &str) {
    for letter in keys.chars() {
        let code = match letter {
            '>' => KeyCode::Right,
            '<' => KeyCode::Left,
            '\n' => KeyCode::Enter,
            letter => KeyCode::Char(letter),
        };
        assert!(
            app.press(KeyEvent::new(code, KeyModifiers::NONE)),
            "{letter} quits"
        );
    }
}

fn drawn(app: &App) -> String {
    let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
    terminal.draw(|frame| screen::draw(frame, app)).unwrap();
    terminal.backend().to_string()
}

fn shows(app: &App, what: &[&str]) {
    let screen = drawn(app);
    for what in what {
        assert!(screen.contains(what), "{what} is not on it:\n{screen}");
    }
}

/// Two machines of two procs; m0 is lost with r1, m1 goes on probation.
const STORY: &str = r#"{"config": {"machine_procs": 2, "max_procs": 4, "poll_interval": "0s", "summary_interval": "0s"}}
{"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}}}
{"time": "0s", "event": {"submit": {"request": 2, "priority": 0, "demand": {"procs": 1}}}}
{"time": "1s", "event": {"up": {"machine": 0}}}
{"time": "1.5s", "event": {"up": {"machine": 1}}}
{"time": "2s", "event": {"submit": {"request": 3, "priority": 7, "demand": {"procs": 2}}}}
{"time": "3s", "event": {"stopped": {"machine": 0}}}
{"time": "4s", "event": {"done": {"request": 2, "outcome": "unreachable"}}}
"#;

#[test]
fn it_steps_forwards_and_backwards() {
    let mut app = app(STORY);
    shows(
        &app,
        &[
            "a run",
            "before the first event  (0 of 7 events)",
            "0 wait, 0 run",
            "#1 0s submit r1",
        ],
    );
    press(&mut app, ">>>");
    let third = drawn(&app);
    shows(
        &app,
        &[
            "after event #3 at 1s",
            "▶ #3 1s up m0",
            "-> grant r1 m0",
            "m0    ok",
            "2/2  r1",
            "pending",
        ],
    );
    press(&mut app, ">>");
    shows(&app, &["r3       prio 7      procs 2", "1 wait, 2 run"]);
    press(&mut app, "<<");
    assert_eq!(drawn(&app), third);
    press(&mut app, "<<<<");
    shows(&app, &["before the first event", "this is the beginning"]);
}

#[test]
fn it_jumps_to_a_time_an_event_and_what_stands_out() {
    let mut app = app(STORY);
    press(&mut app, "t2s\n");
    shows(&app, &["after event #5 at 2s"]);
    press(&mut app, "e3\n");
    shows(&app, &["after event #3 at 1s"]);
    press(&mut app, "x");
    shows(
        &app,
        &["after event #6 at 3s", "-> request-lost r1 m0", "1 lost"],
    );
    press(&mut app, "p");
    shows(
        &app,
        &["after event #7 at 4s", "on probation", "m1    until"],
    );
    press(&mut app, "p");
    shows(&app, &["there is no probation after this"]);
    press(&mut app, "G");
    shows(&app, &["after event #4 at 1.5s", "-> grant r2 m1"]);
    press(&mut app, "tsoon\n");
    shows(&app, &["after event #4"]);
    assert!(!app.message.is_empty());
    press(&mut app, "e99\n");
    shows(&app, &["after event #7"]);
}

#[test]
fn it_follows_a_request_through_its_life() {
    let mut app = app(STORY);
    press(&mut app, "n");
    shows(&app, &["no request is followed"]);
    press(&mut app, "r1\n");
    shows(&app, &["after event #1 "]);
    press(&mut app, "n");
    shows(&app, &["after event #3 ", "-> grant r1 m0"]);
    press(&mut app, "n");
    shows(&app, &["after event #6 ", "-> request-lost r1 m0"]);
    press(&mut app, "n");
    shows(&app, &["that is all of r1"]);
    press(&mut app, "NN");
    shows(&app, &["after event #1 "]);
    press(&mut app, "r9\n");
    shows(&app, &["there is no r9 in this run"]);
}

#[test]
fn it_quits_and_says_when_the_run_went_another_way() {
    let wrong = STORY.replace(
        r#"{"time": "1s", "event": {"up": {"machine": 0}}}"#,
        r#"{"time": "1s", "event": {"up": {"machine": 0}}, "actions": []}"#,
    );
    let mut app = app(&wrong);
    shows(
        &app,
        &[
            "(0 of 2 events)",
            "event #3 goes another way than it was recorded",
        ],
    );
    assert!(!app.press(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE)));
    assert!(!app.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
}

#[test]
fn any_event_is_reached_as_by_going_there_step_by_step() {
    let mut text =
        String::from(r#"{"config": {"machine_procs": 4, "max_procs": 8, "poll_interval": "0s"}}"#);
    text.push('\n');
    for n in 0..10_000 {
        let submit = format!(
            r#"{{"submit": {{"request": {n}, "priority": {}, "demand": {{"procs": {}}}}}}}"#,
            n % 3,
            n % 4 + 1
        );
        writeln!(text, r#"{{"time": "{n}ms", "event": {submit}}}"#).unwrap();
        if n < 2 {
            writeln!(
                text,
                r#"{{"time": "{n}ms", "event": {{"up": {{"machine": {n}}}}}}}"#
            )
            .unwrap();
        }
        if n > 5 {
            let done = format!(r#"{{"done": {{"request": {}, "outcome": "ok"}}}}"#, n - 5);
            writeln!(text, r#"{{"time": "{n}ms", "event": {done}}}"#).unwrap();
        }
    }
    let timeline = app(&text).timeline;
    assert!(timeline.len() > 19_000);
    let mut manager = Manager::new(timeline.go(0).manager.config().clone()).unwrap();
    for event in 0..timeline.len() {
        let (time, it) = timeline.step(event);
        let actions = manager.handle(it, time);
        if event % 977 == 0 || event + 1 == timeline.len() {
            let scene = timeline.go(event + 1);
            assert!(scene.manager == manager, "{event}");
            assert_eq!(scene.recent.back(), Some(&(event, actions)));
        }
    }
}

/// A million events, of which the first half only fills the queue, as a journal.
fn flood() -> Vec<u8> {
    let mut manager = Manager::new(Config::new(4, 8000).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, None, &[], &mut bytes);
    let mut handle = |event, now| {
        let actions = manager.handle(event, now);
        writer.record(now, &event, &actions, &manager, &mut bytes);
        actions
    };
    let (mut running, mut now) = (VecDeque::new(), Instant::ZERO);
    let hear = |actions: Vec<Action>, running: &mut VecDeque<RequestId>| {
        running.extend(actions.into_iter().filter_map(|action| match action {
            Action::Grant { request, .. } => Some(request),
            _ => None,
        }));
    };
    for n in 0..500_000 {
        now = now + Duration::from_micros(10);
        let submit = Event::Submit {
            request: RequestId(n),
            spec: Submit::procs(n as u32 % 4 + 1).priority((n % 7) as i64),
        };
        hear(handle(submit, now), &mut running);
    }
    for n in 0..2000 {
        let up = Event::Up {
            machine: MachineId(n),
            offer: None,
        };
        hear(handle(up, now), &mut running);
    }
    while let Some(request) = running.pop_front() {
        now = now + Duration::from_micros(10);
        let done = Event::Done {
            request,
            machine: None,
            outcome: Outcome::Ok,
        };
        hear(handle(done, now), &mut running);
    }
    bytes
}

/// What is replayed is counted. How long it takes is printed and not judged: at most 50 ms is the goal, in a release build.
#[test]
fn anywhere_in_a_million_events_is_near() {
    let input = Input::of("a flood".into(), flood()).unwrap();
    let timeline = Timeline::load(&input).unwrap();
    assert!(timeline.len() > 1_000_000 && timeline.trouble.is_none());
    let (mut farthest, mut longest) = (0, Duration::ZERO);
    for n in 0..50 {
        let at = n * (timeline.len() / 50) + n * 7919 % 2000;
        let began = std::time::Instant::now();
        let scene = timeline.go(at);
        longest = longest.max(began.elapsed());
        assert_eq!(scene.at, at);
        farthest = farthest.max(at - timeline.kept_before(at).0);
    }
    let most = 502_000 / 8 + RECENT;
    assert!(farthest <= most, "{farthest} events are replayed");
    println!("at most {farthest} events replayed, {longest:.1?}");
}
