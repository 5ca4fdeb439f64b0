//! Recorded runs, fed to a page in a real browser message by message; in the end it must show what the page in a file shows.
#[path = "../../../../tests/support/browser.rs"]
mod browser;
#[path = "../../../../tests/support/fleet.rs"]
mod fleet;
#[path = "../../../../tests/support/page.rs"]
mod page;
#[path = "../../../../tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use remuda_sim::Rng;
use serde_json::Value;

use super::*;
use crate::replay::input::{Input, Items};
use crate::replay::items::Item;
use crate::replay::picture::page::Page;
use crate::replay::play::{Watch, play};
use crate::replay::player::Player;
use crate::replay::select::Selection;
use browser::{Browser, browser};
use page::{Expected, figure, keep};
use support::{DEADLINE, Dir, wait_for};

const KINDS: &str = include_str!("../../../../tests/kinds.jsonl");

/// A recorded run that is played bit by bit.
struct Feed<'a> {
    input: &'a Input,
    items: Items<'a>,
    player: Player,
    film: Film,
    tally: Tally,
    over: bool,
}

impl<'a> Feed<'a> {
    fn new(input: &'a Input) -> Feed<'a> {
        let player = Player::new(input).unwrap();
        let (mut film, mut tally) = (Film::default(), Tally::default());
        film.begin(&player.manager);
        tally.begin(&player.manager);
        Feed {
            input,
            items: input.items(),
            player,
            film,
            tally,
            over: false,
        }
    }

    /// Plays so many events, or to the end.
    fn play(&mut self, events: u64) {
        let mut left = events;
        while left > 0 {
            match self.items.next() {
                None => {
                    self.over = true;
                    return;
                }
                Some(Ok(Item::Step(step))) => {
                    left -= 1;
                    self.player.play(&step);
                    let Player {
                        manager, actions, ..
                    } = &self.player;
                    self.film.step(&step, actions, manager, true).unwrap();
                    self.tally.step(&step, actions, manager, true).unwrap();
                }
                Some(Ok(Item::Note(note))) => self.film.note(&note, true).unwrap(),
                Some(item) => drop(item.unwrap()),
            }
        }
    }

    fn message(&self, since: &mut Cursor) -> Option<String> {
        let going = Going {
            name: &self.input.name,
            head: &self.input.head,
            film: &self.film,
            tally: &self.tally,
            now: self.film.lives.now,
            end: self.over.then_some(End::Over),
        };
        message(&going, since)
    }
}

/// A server of a page whose streams the test writes.
struct Server {
    address: SocketAddr,
    streams: Receiver<TcpStream>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (opened, streams) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let opened = opened.clone();
                std::thread::spawn(move || answer(stream, &opened));
            }
        });
        Server { address, streams }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The next stream that a page opens.
    fn stream(&self) -> TcpStream {
        let stream = self.streams.recv_timeout(DEADLINE);
        stream.expect("the page opens its stream")
    }
}

fn answer(mut stream: TcpStream, opened: &Sender<TcpStream>) {
    let head = BufReader::new(stream.try_clone().unwrap()).lines();
    let head: Vec<_> = head
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let path = head.first().and_then(|line| line.split(' ').nth(1));
    let (kind, text) = match path {
        Some("/") => ("text/html; charset=utf-8", page()),
        // Pages try again soon.
        Some("/events") => ("text/event-stream", "retry: 50\n\n".into()),
        _ => return,
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(format!("{head}{text}").as_bytes());
    if path == Some("/events") {
        let _ = opened.send(stream);
    }
}

fn send(stream: &mut TcpStream, message: &str) {
    assert!(!message.contains('\n'), "it is one line");
    let sent = stream.write_all(format!("data: {message}\n\n").as_bytes());
    sent.expect("the page reads");
}

/// Waits until the page has heard so many messages.
fn wait_heard(browser: &mut Browser, messages: u64) {
    wait_for("the page to hear", || {
        let heard = browser.eval("Number(document.body.dataset.messages || 0)");
        heard.as_u64().unwrap() >= messages
    });
}

fn wait_state(browser: &mut Browser, state: &str) {
    wait_for(state, || {
        browser.eval("document.body.dataset.live") == state
    });
}

/// What is on the canvas.
fn canvas(browser: &mut Browser) -> String {
    let canvas = browser.eval("document.getElementById('canvas').toDataURL()");
    canvas.as_str().unwrap().to_owned()
}

/// What a page in a file shows of the run: what it says, and its canvas.
fn in_file(browser: &mut Browser, input: &Input, dir: &Dir) -> (Value, String) {
    let mut watch = (Tally::default(), Film::default());
    play(input, &Selection::default(), &mut watch).unwrap();
    let page = Page::new(&watch.1.scene(), &watch.0, input, None);
    let mut html = Vec::new();
    page.write(&mut html).unwrap();
    dir.write("page.html", html);
    browser.open(&dir.at("page.html"), "");
    (browser.drawn(), canvas(browser))
}

/// The page that was fed shows the same, to the pixel.
#[track_caller]
fn shows_the_same(browser: &mut Browser, (said, picture): &(Value, String)) {
    let now = browser.drawn();
    assert_eq!(Expected::on(&now), Expected::on(said));
    for name in [
        "peak", "from", "to", "queued", "running", "machines", "drains", "told",
    ] {
        assert_eq!(now[name], said[name], "{name}");
    }
    assert!(canvas(browser) == *picture, "another picture");
}

#[test]
fn what_is_sent_goes_by_what_has_changed() {
    let input = Input::of("run".into(), fleet::journal(200, 4000)).unwrap();
    let mut feed = Feed::new(&input);
    let mut since = Cursor::default();
    assert_eq!(feed.message(&mut since), None, "nothing has happened");
    feed.play(10);
    feed.message(&mut since).unwrap();
    assert_eq!(feed.message(&mut since), None, "nothing has changed");
    let (mut sent, mut most) = (0, 0);
    while !feed.over {
        let before = feed.film.changes.len();
        feed.play(1);
        let changes = feed.film.changes.len() - before;
        let Some(message) = feed.message(&mut since) else {
            continue;
        };
        let mut message: Value = serde_json::from_str(&message).unwrap();
        // It has its own pace.
        message["summary"] = Value::Null;
        let length = message.to_string().len();
        assert!(
            length <= 150 + 150 * changes,
            "{length} bytes for {changes} changes: {message}"
        );
        sent += length;
        most = most.max(length);
    }
    let whole = feed.message(&mut Cursor::default()).unwrap().len();
    assert!(whole > 50 * most, "{whole} bytes at once, {most} at most");
    assert!(
        sent < 12 * whole,
        "{sent} bytes one by one, {whole} at once"
    );
    // Who did not read for long is told what he missed, once.
    let mut feed = Feed::new(&input);
    let mut since = Cursor::default();
    feed.play(10);
    feed.message(&mut since).unwrap();
    feed.play(u64::MAX);
    let missed = feed.message(&mut since).unwrap().len();
    assert!(missed < whole + 1000, "{missed} bytes missed of {whole}");
}

#[test]
fn a_page_that_is_fed_bit_by_bit_becomes_that_in_a_file() {
    let Some(mut browser) = browser("a page that is fed becomes that in a file") else {
        return;
    };
    let dir = Dir::new();
    let server = Server::start();
    let mut rng = Rng::new(1);
    for (name, bytes, most) in [
        ("kinds.jsonl", KINDS.as_bytes().to_vec(), 3),
        ("fleet.journal", fleet::journal(30, 3000), 200),
    ] {
        let input = Input::of(name.into(), bytes).unwrap();
        let expected = in_file(&mut browser, &input, &dir);
        let mut feed = Feed::new(&input);
        let mut since = Cursor::default();
        browser.go(&server.url());
        let mut stream = server.stream();
        while !feed.over {
            feed.play(1 + rng.below(most));
            if let Some(message) = feed.message(&mut since) {
                send(&mut stream, &message);
            }
            // Now and then it is drawn in between.
            if rng.below(8) == 0 {
                let counts = feed.player.manager.counts();
                let stands = [counts.queued, counts.running].map(|it| it.to_string());
                wait_for("the page to show how it stands", || {
                    let said = browser.drawn();
                    ["queued", "running"].map(|name| said[name].as_str().unwrap_or("").to_owned())
                        == stands
                });
            }
        }
        wait_state(&mut browser, "over");
        shows_the_same(&mut browser, &expected);
        keep(&mut browser, &format!("live-{name}"));
    }
}

#[test]
fn after_a_cut_connection_nothing_is_there_twice() {
    let Some(mut browser) = browser("after a cut connection nothing is there twice") else {
        return;
    };
    let dir = Dir::new();
    let server = Server::start();
    let input = Input::of("fleet".into(), fleet::journal(30, 3000)).unwrap();
    let expected = in_file(&mut browser, &input, &dir);
    let mut feed = Feed::new(&input);
    browser.go(&server.url());
    for _ in 0..5 {
        let mut stream = server.stream();
        let mut since = Cursor::default();
        let heard = browser.eval("Number(document.body.dataset.messages || 0)");
        let heard = heard.as_u64().unwrap();
        for _ in 0..3 {
            feed.play(300);
            send(&mut stream, &feed.message(&mut since).unwrap());
        }
        wait_heard(&mut browser, heard + 3);
        // In the middle of a message.
        feed.play(1);
        stream.write_all(b"data: {\"end\": 1").unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
        drop(stream);
        wait_state(&mut browser, "lost");
        assert!(browser.text("#live").contains("connection lost"));
    }
    // What was looked at is looked at still, by whoever waits for the run to go on.
    browser.key("+");
    let near = browser.drawn();
    let mut stream = server.stream();
    feed.play(u64::MAX);
    send(&mut stream, &feed.message(&mut Cursor::default()).unwrap());
    wait_state(&mut browser, "over");
    assert_eq!(browser.text("#live"), "over");
    let after = browser.drawn();
    assert_eq!(after["from"], near["from"]);
    browser.key("0");
    shows_the_same(&mut browser, &expected);
    // It is over: nobody asks again.
    drop(stream);
    assert!(
        server
            .streams
            .recv_timeout(Duration::from_millis(500))
            .is_err()
    );
}

#[test]
fn a_million_events_of_ten_thousand_machines_are_followed() {
    let Some(mut browser) = browser("a million events are followed") else {
        return;
    };
    let server = Server::start();
    let input = Input::of("million".into(), fleet::journal(10_000, 500_000)).unwrap();
    let mut feed = Feed::new(&input);
    let mut since = Cursor::default();
    browser.go(&server.url());
    let mut stream = server.stream();
    let (mut messages, mut bytes, mut waited) = (0, 0, Duration::ZERO);
    while !feed.over {
        feed.play(60_000);
        let Some(message) = feed.message(&mut since) else {
            continue;
        };
        send(&mut stream, &message);
        messages += 1;
        bytes += message.len();
        let begun = Instant::now();
        wait_heard(&mut browser, messages);
        waited = waited.max(begun.elapsed());
        if messages == 9 {
            keep(&mut browser, "live-million");
        }
    }
    wait_state(&mut browser, "over");
    let said = browser.drawn();
    println!(
        "{messages} messages, {} MiB; the page took {waited:.1?} to hear one at most, and {:.0} ms to draw all in the end",
        bytes >> 20,
        figure(&said, "took")
    );
    let lives = feed.film.lives.all.iter();
    let grants = lives.filter(|it| it.granted.is_some());
    assert_eq!(figure(&said, "lanes") as usize, feed.film.machines.len());
    assert_eq!(figure(&said, "bars") as usize, grants.count());
    let elements = browser.eval("document.querySelectorAll('*').length");
    assert!(elements.as_u64().unwrap() < 1000, "{elements}");
    // It is used as any page.
    for key in ["/", "r", "1", "2", "3", "4", "5", "6", "Enter"] {
        browser.key(key);
    }
    assert!(browser.text("#picked").contains("Request r123456"));
}
