//! The words of one line, and the values that one or two of them stand for.

use core::time::Duration;
use std::str::{FromStr, SplitAsciiWhitespace};

use remuda::{
    Instant, KindId, Kinds, MachineId, OnceKey, OnceOutcome, RequestId, Resources, TaskId, WaiterId,
};

pub(super) type Parsed<T> = Result<T, String>;

pub(super) struct Words<'a>(pub(super) SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    pub(super) fn word(&mut self) -> Parsed<&'a str> {
        self.0
            .next()
            .ok_or_else(|| "the line is too short".to_owned())
    }

    pub(super) fn end<T>(&mut self, value: T) -> Parsed<T> {
        match self.0.next() {
            None => Ok(value),
            Some(word) => Err(format!("too much: {word}")),
        }
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Parsed<()> {
        match self.word()? {
            word if word == wanted => Ok(()),
            word => Err(format!("expected {wanted}, not {word}")),
        }
    }

    /// The next word, if it is this one.
    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let found = self.0.clone().next() == Some(wanted);
        if found {
            self.0.next();
        }
        found
    }

    /// Whether there is a next word that begins with one of these letters and a digit.
    pub(super) fn is_id(&self, letters: &[char]) -> bool {
        let rest = self.0.clone().next().and_then(|w| w.strip_prefix(letters));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[(&str, T)]) -> Parsed<T> {
        let word = self.word()?;
        let found = all.iter().find(|(name, _)| *name == word);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
            format!("expected {}, not {word}", names.join(" or "))
        })
    }

    pub(super) fn number<T: FromStr>(&mut self) -> Parsed<T> {
        number(self.word()?)
    }

    pub(super) fn named<T: FromStr>(&mut self, name: &str) -> Parsed<T> {
        self.expect(name)?;
        self.number()
    }

    fn id(&mut self, letter: char) -> Parsed<u64> {
        id(letter, self.word()?)
    }

    pub(super) fn request(&mut self) -> Parsed<RequestId> {
        self.id('r').map(RequestId)
    }

    pub(super) fn machine(&mut self) -> Parsed<MachineId> {
        let word = self.word()?;
        let machine = match word.starts_with('j') {
            true => MachineId::joined(id('j', word)?),
            false => MachineId(id('m', word)?),
        };
        match machine.to_string() == word {
            true => Ok(machine),
            false => Err(format!("{word} is not a number that fits here")),
        }
    }

    pub(super) fn task(&mut self) -> Parsed<TaskId> {
        self.id('t').map(TaskId)
    }

    pub(super) fn waiter(&mut self) -> Parsed<WaiterId> {
        self.id('w').map(WaiterId)
    }

    pub(super) fn kind_id(&mut self) -> Parsed<KindId> {
        kind_id(self.word()?)
    }

    /// The kind that is named, or the first.
    pub(super) fn other_kind(&mut self) -> Parsed<KindId> {
        match self.is_id(&['k']) {
            true => self.kind_id(),
            false => Ok(KindId(0)),
        }
    }

    pub(super) fn kinds(&mut self) -> Parsed<Kinds> {
        match self.word()? {
            "all" => Ok(Kinds::ALL),
            "none" => Ok(Kinds::NONE),
            word => word.split('+').try_fold(Kinds::NONE, |kinds, word| {
                let kind = kind_id(word)?;
                match kind.0 < 64 {
                    true => Ok(kinds.with(kind)),
                    false => Err(format!("a set of kinds has no {word}")),
                }
            }),
        }
    }

    pub(super) fn amounts(&mut self) -> Parsed<Resources> {
        let word = self.word()?;
        let mut amounts = [0; Resources::COUNT];
        let parts: Vec<_> = word.split('/').collect();
        if parts.len() > amounts.len() {
            return Err(format!("{word} is more than {} amounts", amounts.len()));
        }
        for (amount, part) in amounts.iter_mut().zip(parts) {
            *amount = number(part)?;
        }
        Ok(Resources::new(amounts))
    }

    pub(super) fn key(&mut self) -> Parsed<OnceKey> {
        let word = self.word()?;
        let (kind, key) = word
            .split_once('/')
            .ok_or_else(|| format!("expected kind/key, not {word}"))?;
        Ok(OnceKey {
            kind: number(kind)?,
            key: number(key)?,
        })
    }

    pub(super) fn span(&mut self) -> Parsed<Duration> {
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

    pub(super) fn instant(&mut self) -> Parsed<Instant> {
        let span = self.span()?;
        let instant = Instant::ZERO.checked_add(span);
        instant.ok_or_else(|| "this is past the end of time".to_owned())
    }

    pub(super) fn once_outcome(&mut self) -> Parsed<OnceOutcome> {
        self.one_of(&[
            ("ok", OnceOutcome::Ok),
            ("remote", OnceOutcome::Remote),
            ("unreachable", OnceOutcome::Unreachable),
            ("machine-lost", OnceOutcome::MachineLost),
        ])
    }
}

fn id(letter: char, word: &str) -> Parsed<u64> {
    let digits = word.strip_prefix(letter);
    number(digits.ok_or_else(|| format!("expected {letter} and a number, not {word}"))?)
}

fn kind_id(word: &str) -> Parsed<KindId> {
    let digits = word.strip_prefix('k');
    number(digits.ok_or_else(|| format!("expected k and a number, not {word}"))?).map(KindId)
}

fn number<T: FromStr>(word: &str) -> Parsed<T> {
    let number = word.parse();
    number.map_err(|_| format!("{word} is not a number that fits here"))
}
