//! Reads the lines of a config.

use remuda::{Config, Kind, Policy};

use super::super::config::{
    Capacity, Load, PACKINGS, durations, empty, flags, names, numbers, numbers_of_kind, plain,
};
use super::tokens::{Parsed, Words};

impl Words<'_> {
    /// The config of a line, what it says of capacity, and whether lines of kinds are to follow.
    pub(super) fn config(&mut self) -> Parsed<(Capacity, Config, bool)> {
        let policy = match self.take("bigslice") {
            true if self.0.clone().next().is_some_and(is_number) => {
                let of = self.load()?;
                return self.loaded(Capacity::Bigslice(of));
            }
            true => Policy::Bigslice,
            false if self.take("maxprocs") => {
                let of = self.load()?;
                return self.loaded(Capacity::MaxLoad(of));
            }
            false => Policy::Fit,
        };
        let mut config;
        let open = !self.take("procs");
        if open {
            config = empty(policy);
            if self.take("max") {
                config.max_procs = self.number()?;
            }
        } else {
            let procs = self.number()?;
            config = plain(policy, procs, self.named("max")?);
        }
        self.fields(&mut config)?;
        Ok((Capacity::Procs, config, open))
    }

    fn load(&mut self) -> Parsed<Load> {
        Ok(Load {
            maxprocs: self.number()?,
            load: self.named("load")?,
            max: self.named("max")?,
        })
    }

    fn loaded(&mut self, capacity: Capacity) -> Parsed<(Capacity, Config, bool)> {
        let config = capacity.config().ok_or("this says no capacity")?;
        let mut config = config.map_err(|wrong| wrong.to_string())?;
        self.fields(&mut config)?;
        Ok((capacity, config, false))
    }

    fn fields(&mut self, config: &mut Config) -> Parsed<()> {
        while let Some(name) = self.0.next() {
            if let Some((_, value)) = flags(config).into_iter().find(|(it, _)| *it == name) {
                *value = true;
            } else if let Some((_, value)) = numbers(config).into_iter().find(|(it, _)| *it == name)
            {
                *value = self.number()?;
            } else if let Some((_, value)) =
                durations(config).into_iter().find(|(it, _)| *it == name)
            {
                *value = self.span()?;
            } else {
                self.other_field(name, config)?;
            }
        }
        Ok(())
    }

    fn other_field(&mut self, name: &str, config: &mut Config) -> Parsed<()> {
        match name {
            "hold-limit" => config.hold_limit = Some(self.span()?),
            "packing" => config.packing = self.one_of(&PACKINGS)?,
            "names" => {
                let word = self.word()?;
                let wrong = || format!("expected four names between slashes, not {word}");
                config.names = names(word).ok_or_else(wrong)?;
            }
            name => return Err(format!("a config has no {name}")),
        }
        Ok(())
    }

    /// What stands in the line of a kind.
    pub(super) fn kind(&mut self) -> Parsed<Kind> {
        let mut kind = Kind::new(self.amounts()?);
        while let Some(name) = self.0.next() {
            let numbers = numbers_of_kind(&mut kind);
            if let Some((_, value)) = numbers.into_iter().find(|(it, _)| *it == name) {
                *value = self.number()?;
                continue;
            }
            match name {
                "idle" => kind.idle = Some(self.span()?),
                "joins-only" => kind.startable = false,
                name => return Err(format!("a kind has no {name}")),
            }
        }
        Ok(kind)
    }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}
