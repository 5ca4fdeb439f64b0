//! The mirror of a run: a manager of the server's own that is told the same events, with the code of `remuda replay`. All that
//! is served is read here, so that nobody who reads holds up the run.
use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use remuda::journal::{Note, RULES};
use remuda::{Action, Instant, MachineId, Manager, Notice, RequestId};
use remuda_tokio::{Keep, harmless};

use super::feed::{End, Feed, Item};
use super::totals::Totals;
use crate::replay::items::{Head, Place, Recorded, Step};
use crate::replay::names::{named, shown};
use crate::replay::picture::Film;
use crate::replay::play::Watch;
use crate::replay::player::Player;
use crate::replay::tally::Tally;

/// So many of the last news are kept.
const NEWS: usize = 50;

/// The most characters of a name that is kept.
const LONGEST: usize = 200;

/// What is known of a run that goes on.
#[derive(Debug)]
pub(crate) struct Mirror {
    feed: Feed,
    player: Player,
    tally: Tally,
    film: Film,
    totals: Totals,
    /// What requests are for.
    jobs: HashMap<RequestId, String>,
    /// The names of the machines that are there.
    machines: HashMap<MachineId, String>,
    /// The names of the kinds, by number; empty: it has none.
    kinds: Vec<String>,
    /// Where jobs come from.
    source: String,
    news: VecDeque<News>,
    /// The number of the last event, from 1.
    number: u64,
    /// What a journal of the run says first.
    head: Head,
    /// Why nothing more comes, if that is so.
    end: Option<End>,
}

/// Something that an operator may want to read.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) time: Instant,
    pub(crate) text: String,
}

impl Mirror {
    /// Of a run that begins with this manager. `kinds` are the names of its kinds.
    pub(super) fn new(feed: Feed, manager: Manager, kinds: Vec<String>, source: String) -> Mirror {
        let head = Head {
            is_journal: true,
            config: manager.config().clone(),
            config_hash: None,
            fresh: true,
            crate_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            rules: Some(RULES),
            origin: None,
            labels: Vec::new(),
        };
        let mut mirror = Mirror {
            feed,
            head,
            end: None,
            player: Player::of(manager),
            tally: Tally::default(),
            film: Film::default(),
            totals: Totals::default(),
            jobs: HashMap::new(),
            machines: HashMap::new(),
            kinds,
            source,
            news: VecDeque::new(),
            number: 0,
        };
        let manager = &mirror.player.manager;
        mirror.tally.begin(manager);
        mirror.film.begin(manager);
        mirror.totals.begin(manager);
        mirror
    }

    /// Takes in all that has come since.
    pub(super) fn update(&mut self) {
        // Looked at first: what comes before the end is taken in.
        let end = self.feed.ended();
        for item in self.feed.take() {
            match item {
                Item::Event(time, event) => self.event(time, event),
                Item::Note {
                    time,
                    machine,
                    topic,
                    text,
                } => self.note(&Note {
                    time,
                    machine,
                    topic: &topic,
                    text: &text,
                }),
                Item::Name(request, name) => self.name(request, &name),
            }
        }
        self.end = end;
        if self.head.origin.is_none()
            && let Some(now) = self.feed.now()
            && let Ok(since) = SystemTime::now().duration_since(UNIX_EPOCH)
        {
            let since = u64::try_from(since.as_nanos()).ok();
            self.head.origin = since.and_then(|since| since.checked_sub(now.0));
        }
    }

    fn event(&mut self, time: Instant, event: remuda::Event) {
        self.number += 1;
        let step = Step {
            number: self.number,
            time,
            event,
            recorded: Recorded::Nothing,
            place: Place::Line(0),
        };
        self.player.play(&step);
        let Player {
            manager, actions, ..
        } = &self.player;
        let mut watches = (&mut self.tally, (&mut self.film, &mut self.totals));
        let seen = watches.step(&step, actions, manager, true);
        seen.expect("none of them writes anything");
        for action in actions {
            let Action::Notice(notice) = action else {
                continue;
            };
            let mut text = notice.to_string();
            match notice {
                // Each minute, and no news.
                Notice::Summary { .. } => continue,
                Notice::MachineLost { machine, .. } | Notice::Ended { machine } => {
                    if let Some(name) = self.machines.remove(machine) {
                        text += &format!(" ({name})");
                    }
                    text += &lost_with(*machine, actions, &self.jobs);
                }
                _ => {}
            }
            push(&mut self.news, manager.now(), text);
        }
    }

    fn note(&mut self, note: &Note<'_>) {
        let noted = self.film.note(note, true);
        noted.expect("it writes nothing");
        match note.topic {
            "job" => self.jobs.extend(named(note)),
            "name" => {
                let name = harmless(note.text, Keep::Start(LONGEST));
                self.machines.insert(note.machine, name);
            }
            "start failed" | "stopped" => {
                let text = format!("{} {}: {}", note.machine, note.topic, note.text);
                push(
                    &mut self.news,
                    note.time,
                    harmless(&text, Keep::Start(LONGEST)),
                );
            }
            _ => {}
        }
    }

    fn name(&mut self, request: RequestId, name: &str) {
        let name = shown(name);
        self.film.name(request, &name);
        self.jobs.insert(request, name);
    }

    /// The manager as it stands after the last event.
    pub(crate) fn manager(&self) -> &Manager {
        &self.player.manager
    }

    /// The sums of the run so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What there is to draw of the run so far.
    pub(crate) fn film(&self) -> &Film {
        &self.film
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The number of the last event, from 1; 0 before the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What requests are for, where that is known; harmless to show on a terminal, not escaped for a page.
    pub(crate) fn jobs(&self) -> &HashMap<RequestId, String> {
        &self.jobs
    }

    /// The request of the last attempt of a job.
    pub(super) fn request_of(&self, job: &str) -> Option<RequestId> {
        let named = self.jobs.iter().filter(|(_, name)| *name == job);
        named.map(|(request, _)| *request).max()
    }

    /// The name of a machine that is there, as its adapter tells it.
    pub(crate) fn machine(&self, machine: MachineId) -> &str {
        self.machines.get(&machine).map_or("", String::as_str)
    }

    /// The names of the kinds, by number; empty: it has none.
    pub(crate) fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// What a journal of the run says first.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// Why nothing more comes, if that is so.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// Where jobs come from.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The last news, the oldest first.
    pub(crate) fn news(&self) -> impl Iterator<Item = &News> {
        self.news.iter()
    }

    /// The time on the run's clock, which goes on between events.
    pub(crate) fn now(&self) -> Instant {
        let latest = self.manager().now();
        self.feed.now().map_or(latest, |now| now.max(latest))
    }
}

/// The requests that ended with a machine, by what they are for: the first of them, and how many more.
fn lost_with(lost: MachineId, actions: &[Action], jobs: &HashMap<RequestId, String>) -> String {
    let with = actions.iter().filter_map(|action| match action {
        Action::RequestLost {
            request, machine, ..
        } if *machine == lost => Some(request),
        _ => None,
    });
    let mut with: Vec<String> = with
        .map(|request| {
            jobs.get(request)
                .map_or_else(|| request.to_string(), Clone::clone)
        })
        .collect();
    let more = with.len().saturating_sub(3);
    with.truncate(3);
    match (with.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(", with {}", with.join(", ")),
        (false, more) => format!(", with {} and {more} more", with.join(", ")),
    }
}

fn push(news: &mut VecDeque<News>, time: Instant, text: String) {
    if news.len() == NEWS {
        news.pop_front();
    }
    news.push_back(News { time, text });
}
