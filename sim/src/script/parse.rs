//! Reads a script.

use core::fmt;
use core::time::Duration;
use std::str::SplitAsciiWhitespace;

use remuda::{
    Action, Config, Demand, Event, Instant, Loss, MachineId, Notice, OnceKey, OnceOutcome, Outcome,
    Recovery, Reject, RequestId, TaskId, WaiterId,
};

use super::config::{Capacity, Load, durations};
use super::{Script, Step};

/// The line of a script that was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for ParseError {}

type Parsed<T> = Result<T, String>;

pub(super) fn script(text: &str) -> Result<Script, ParseError> {
    let mut notes = Vec::new();
    let mut config = None;
    let mut heading = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |what| ParseError {
            line: index + 1,
            what,
        };
        let mut words = Words(line.split_ascii_whitespace());
        match words.0.next() {
            None => notes.push(line.to_owned()),
            Some(word) if word.starts_with('#') => notes.push(line.to_owned()),
            Some("config") if config.is_none() && steps.is_empty() => {
                config = Some(words.config().map_err(at)?);
                heading = std::mem::take(&mut notes);
            }
            Some("at") => {
                let when = words.instant().map_err(at)?;
                let event = words.event().and_then(|e| words.end(e)).map_err(at)?;
                // One blank line between the config and the first event goes without saying.
                if steps.is_empty() && notes == [""] {
                    notes.clear();
                }
                steps.push(Step {
                    notes: std::mem::take(&mut notes),
                    at: when,
                    event,
                    actions: Vec::new(),
                });
            }
            Some("->") => {
                let action = words.action().and_then(|a| words.end(a)).map_err(at)?;
                let step = steps.last_mut();
                let step = step.ok_or_else(|| at("an action before the first event".to_owned()))?;
                step.actions.push(action);
            }
            Some(other) => {
                let what = format!("expected config (once, first), at, -> or #, not {other}");
                return Err(at(what));
            }
        }
    }
    let (capacity, config) = config.ok_or_else(|| ParseError {
        line: 1,
        what: "no config line".to_owned(),
    })?;
    Ok(Script {
        heading,
        capacity,
        config,
        steps,
    })
}

struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Parsed<&'a str> {
        self.0
            .next()
            .ok_or_else(|| "the line is too short".to_owned())
    }

    fn end<T>(&mut self, value: T) -> Parsed<T> {
        match self.0.next() {
            None => Ok(value),
            Some(word) => Err(format!("too much: {word}")),
        }
    }

    fn expect(&mut self, wanted: &str) -> Parsed<()> {
        match self.word()? {
            word if word == wanted => Ok(()),
            word => Err(format!("expected {wanted}, not {word}")),
        }
    }

    fn one_of<T: Copy>(&mut self, all: &[(&str, T)]) -> Parsed<T> {
        let word = self.word()?;
        let found = all.iter().find(|(name, _)| *name == word);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
            format!("expected {}, not {word}", names.join(" or "))
        })
    }

    fn number<T: core::str::FromStr>(&mut self) -> Parsed<T> {
        number(self.word()?)
    }

    fn named<T: core::str::FromStr>(&mut self, name: &str) -> Parsed<T> {
        self.expect(name)?;
        self.number()
    }

    fn id(&mut self, letter: char) -> Parsed<u64> {
        let word = self.word()?;
        let digits = word.strip_prefix(letter);
        number(digits.ok_or_else(|| format!("expected {letter} and a number, not {word}"))?)
    }

    fn request(&mut self) -> Parsed<RequestId> {
        self.id('r').map(RequestId)
    }

    fn machine(&mut self) -> Parsed<MachineId> {
        self.id('m').map(MachineId)
    }

    fn task(&mut self) -> Parsed<TaskId> {
        self.id('t').map(TaskId)
    }

    fn waiter(&mut self) -> Parsed<WaiterId> {
        self.id('w').map(WaiterId)
    }

    fn key(&mut self) -> Parsed<OnceKey> {
        let word = self.word()?;
        let (kind, key) = word
            .split_once('/')
            .ok_or_else(|| format!("expected kind/key, not {word}"))?;
        Ok(OnceKey {
            kind: number(kind)?,
            key: number(key)?,
        })
    }

    fn span(&mut self) -> Parsed<Duration> {
        let word = self.word()?;
        let wrong = || format!("expected seconds as 4.5s, not {word}");
        let digits = word.strip_suffix('s').ok_or_else(wrong)?;
        let (secs, part) = digits.split_once('.').unwrap_or((digits, "0"));
        if part.is_empty() || part.len() > 9 {
            return Err(wrong());
        }
        let nanos: u32 = number(part)?;
        Ok(Duration::new(
            number(secs)?,
            nanos * 10_u32.pow(9 - part.len() as u32),
        ))
    }

    fn instant(&mut self) -> Parsed<Instant> {
        let span = self.span()?;
        let instant = Instant::ZERO.checked_add(span);
        instant.ok_or_else(|| "this is past the end of time".to_owned())
    }

    fn capacity(&mut self) -> Parsed<(Capacity, Config)> {
        let kind = self.word()?;
        let capacity: fn(Load) -> Capacity = match kind {
            "procs" => |_| Capacity::Procs,
            "maxprocs" => Capacity::MaxLoad,
            "bigslice" => Capacity::Bigslice,
            word => return Err(format!("expected procs, maxprocs or bigslice, not {word}")),
        };
        let maxprocs = self.number()?;
        let load = match kind {
            "procs" => 1.0,
            _ => self.named("load")?,
        };
        let max = self.named("max")?;
        let of = Load {
            maxprocs,
            load,
            max,
        };
        let capacity = capacity(of);
        let config = capacity.config(maxprocs, max);
        let config = config.map_err(|wrong| wrong.to_string())?;
        Ok((capacity, config))
    }

    fn config(&mut self) -> Parsed<(Capacity, Config)> {
        let (capacity, mut config) = self.capacity()?;
        while let Some(name) = self.0.next() {
            if name == "silent" {
                config.silent_polls = self.number()?;
                continue;
            }
            let span = self.span()?;
            let mut all = durations(&mut config).into_iter();
            let (_, value) = all
                .find(|(known, _)| *known == name)
                .ok_or_else(|| format!("a config has no {name}"))?;
            *value = span;
        }
        config.validate().map_err(|wrong| wrong.to_string())?;
        Ok((capacity, config))
    }

    fn once_outcome(&mut self) -> Parsed<OnceOutcome> {
        self.one_of(&[
            ("ok", OnceOutcome::Ok),
            ("remote", OnceOutcome::Remote),
            ("unreachable", OnceOutcome::Unreachable),
            ("machine-lost", OnceOutcome::MachineLost),
        ])
    }

    fn submit(&mut self) -> Parsed<Event> {
        let (request, priority) = (self.request()?, self.named("prio")?);
        let demand = match self.word()? {
            "machine" => Demand::Machine,
            "procs" => Demand::procs(self.number()?).ok_or("a demand of no procs")?,
            word => return Err(format!("expected procs or machine, not {word}")),
        };
        Ok(Event::Submit {
            request,
            priority,
            demand,
        })
    }

    fn event(&mut self) -> Parsed<Event> {
        Ok(match self.word()? {
            "submit" => self.submit()?,
            "cancel" => Event::Cancel {
                request: self.request()?,
            },
            "done" => Event::Done {
                request: self.request()?,
                outcome: self.one_of(&[
                    ("ok", Outcome::Ok),
                    ("remote", Outcome::Remote),
                    ("unreachable", Outcome::Unreachable),
                    ("unused", Outcome::Unused),
                ])?,
            },
            "up" => Event::Up {
                machine: self.machine()?,
            },
            "start-failed" => Event::StartFailed {
                machine: self.machine()?,
            },
            "stopped" => Event::Stopped {
                machine: self.machine()?,
            },
            "assign" => Event::Assign {
                task: self.task()?,
                machine: self.machine()?,
            },
            "discard" => Event::Discard {
                task: self.task()?,
                machine: self.machine()?,
            },
            "once" => Event::Once {
                key: self.key()?,
                machine: self.machine()?,
                waiter: self.waiter()?,
            },
            "once-done" => Event::OnceDone {
                key: self.key()?,
                machine: self.machine()?,
                outcome: self.once_outcome()?,
            },
            "forget" => Event::Forget {
                key: self.key()?,
                machine: self.machine()?,
            },
            "polled" => Event::Polled {
                machine: self.machine()?,
                answered: self.one_of(&[("answered", true), ("unanswered", false)])?,
            },
            "timer" => Event::Timer,
            "shutdown" => Event::Shutdown,
            word => return Err(format!("there is no event {word}")),
        })
    }

    fn start(&mut self) -> Parsed<Action> {
        let first = self.machine()?;
        let count = match self.0.next() {
            None => 1,
            Some("count") => self.number()?,
            Some(word) => return Err(format!("expected count, not {word}")),
        };
        Ok(Action::Start { first, count })
    }

    fn action(&mut self) -> Parsed<Action> {
        Ok(match self.word()? {
            "grant" => Action::Grant {
                request: self.request()?,
                machine: self.machine()?,
            },
            "start" => self.start()?,
            "stop" => Action::Stop {
                machine: self.machine()?,
            },
            "request-lost" => Action::RequestLost {
                request: self.request()?,
                machine: self.machine()?,
            },
            "task-lost" => Action::TaskLost {
                task: self.task()?,
                machine: self.machine()?,
            },
            "drop-task" => Action::DropTask {
                task: self.task()?,
                machine: self.machine()?,
            },
            "run-once" => Action::RunOnce {
                key: self.key()?,
                machine: self.machine()?,
            },
            "once-ready" => Action::OnceReady {
                waiter: self.waiter()?,
                key: self.key()?,
                outcome: self.once_outcome()?,
            },
            "poll" => Action::Poll {
                machine: self.machine()?,
            },
            "cancelled" => Action::Cancelled {
                request: self.request()?,
            },
            "set-timer" => Action::SetTimer {
                at: self.instant()?,
            },
            "clear-timer" => Action::ClearTimer,
            "notice" => Action::Notice(self.notice()?),
            "reject" => Action::Reject(self.reject()?),
            word => return Err(format!("there is no action {word}")),
        })
    }

    fn notice(&mut self) -> Parsed<Notice> {
        Ok(match self.word()? {
            "probation" => Notice::Probation {
                machine: self.machine()?,
            },
            "recovered" => Notice::Recovered {
                machine: self.machine()?,
                by: self.one_of(&[
                    ("success", Recovery::Success),
                    ("timeout", Recovery::Timeout),
                ])?,
            },
            "machine-lost" => Notice::MachineLost {
                machine: self.machine()?,
                by: self.one_of(&[("stopped", Loss::Stopped), ("silence", Loss::Silence)])?,
            },
            "starts-failing" => Notice::StartsFailing {
                failures: self.number()?,
            },
            "summary" => Notice::Summary {
                pending: self.named("pending")?,
                ok: self.named("ok")?,
                probation: self.named("probation")?,
                lost: self.named("lost")?,
            },
            word => return Err(format!("there is no notice {word}")),
        })
    }

    fn reject(&mut self) -> Parsed<Reject> {
        let word = self.word()?;
        if let Some(reject) = self.reject_of_request(word)? {
            return Ok(reject);
        }
        let once = word.strip_prefix("once-");
        if once.is_none() && word != "duplicate-waiter" && word != "full" {
            let machine = self.machine()?;
            return Ok(match word {
                "unknown-machine" => Reject::UnknownMachine { machine },
                "machine-not-pending" => Reject::MachineNotPending { machine },
                "machine-not-in-service" => Reject::MachineNotInService { machine },
                "unexpected-polled" => Reject::UnexpectedPolled { machine },
                _ => return Err(format!("there is no rejection {word}")),
            });
        }
        Ok(match (word, once) {
            ("duplicate-waiter", _) => Reject::DuplicateWaiter {
                waiter: self.waiter()?,
            },
            ("full", _) => Reject::Full {
                limit: self.named("limit")?,
            },
            (_, once) => {
                let (key, machine) = (self.key()?, self.machine()?);
                match once {
                    Some("unknown") => Reject::OnceUnknown { machine, key },
                    Some("not-running") => Reject::OnceNotRunning { machine, key },
                    Some("running") => Reject::OnceRunning { machine, key },
                    Some("machine-lost") => Reject::OnceMachineLost { machine, key },
                    _ => return Err(format!("there is no rejection {word}")),
                }
            }
        })
    }

    fn reject_of_request(&mut self, word: &str) -> Parsed<Option<Reject>> {
        Ok(Some(match word {
            "unknown-request" => Reject::UnknownRequest {
                request: self.request()?,
            },
            "duplicate-request" => Reject::DuplicateRequest {
                request: self.request()?,
            },
            "request-not-running" => Reject::RequestNotRunning {
                request: self.request()?,
            },
            "too-many-procs" => Reject::TooManyProcs {
                request: self.request()?,
                procs: self.named("procs")?,
                limit: self.named("limit")?,
            },
            _ => return Ok(None),
        }))
    }
}

fn number<T: core::str::FromStr>(word: &str) -> Parsed<T> {
    let number = word.parse();
    number.map_err(|_| format!("{word} is not a number that fits here"))
}
