//! Explanations in words.

use alloc::string::String;
use core::fmt;

use super::{Explanation, GrowthWait, Lack, Obstacle, Wait};
use crate::protocol::event::Event;
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;

/// So many of these.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, what) = self;
        let ending = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{ending}")
    }
}

/// So much of an amount that the config calls so.
struct Amount<'a>(u32, &'a str);

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Amount(1, "procs") => f.write_str("1 proc"),
            Amount(amount, name) => write!(f, "{amount} {name}"),
        }
    }
}

/// What a request asks for.
struct Asked<'a>(Demand, &'a [String; Resources::COUNT]);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Demand::Amounts(amounts) = self.0 else {
            return f.write_str("a whole machine");
        };
        let named = amounts.amounts().into_iter().zip(self.1);
        let mut between = "";
        for (amount, name) in named.filter(|(amount, _)| *amount > 0) {
            write!(f, "{between}{}", Amount(amount, name))?;
            between = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Explanation::Unknown { request } => write!(
                f,
                "{request} is not known: it was never submitted, or is over."
            ),
            Explanation::Running { request, machine } => write!(f, "{request} runs on {machine}."),
            Explanation::Queued(wait) => wait.fmt(f),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request;
        let asked = Asked(self.demand, &self.names);
        let ahead = Count(self.ahead, "request");
        writeln!(f, "{request} waits for {asked}; before it: {ahead}.")?;
        match (self.held, self.turn) {
            (Some(machine), _) => writeln!(f, "{machine} is held for it.")?,
            (None, Some(0)) => writeln!(f, "Its turn to have a machine held for it has come.")?,
            (None, Some(procs)) => {
                let procs = Count(procs, "more proc");
                writeln!(f, "Its turn comes when {procs} are granted to others.")?;
            }
            (None, None) => {}
        }
        for (machine, obstacle) in &self.machines {
            writeln!(f, "{machine} {obstacle}.")?;
        }
        match &self.growth[..] {
            [only] => writeln!(f, "Growth: {}.", Reasons(only))?,
            kinds => kinds.iter().try_for_each(|kind| writeln!(f, "{kind}."))?,
        }
        match &self.placed_by {
            None => write!(f, "No sequence of events is known that places it."),
            Some(way) => {
                write!(f, "The shortest sequence known to place it:")?;
                way.iter().try_for_each(|(at, event)| {
                    write!(f, "\n  at {at}: ")?;
                    match event {
                        Event::Done { request, .. } => write!(f, "{request} is done"),
                        Event::Up { machine, .. } => write!(f, "{machine} comes up"),
                        Event::Stopped { machine } => write!(f, "{machine} is gone"),
                        Event::Cancel { request } => write!(f, "{request} is cancelled"),
                        Event::Timer => write!(f, "the timer fires"),
                        // No other is ever tried.
                        other => write!(f, "{other:?}"),
                    }
                })
            }
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Amount(self.free, &self.name))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::KindNotAccepted { kind } => {
                write!(f, "is of kind {kind}, which it does not accept")
            }
            Obstacle::Pending => f.write_str("is not up yet"),
            Obstacle::Stopping => f.write_str("was told to stop"),
            Obstacle::Draining => f.write_str("is draining"),
            Obstacle::Probation {
                until: Instant::MAX,
            } => f.write_str("is on probation without end"),
            Obstacle::Probation { until } => write!(f, "is on probation until {until}"),
            Obstacle::OfferTooSmall(lack) => {
                write!(f, "offers {lack}, and it needs {}", lack.needs)
            }
            Obstacle::TooFewFree(lack) => {
                write!(f, "has {lack} free, and it needs {}", lack.needs)
            }
            Obstacle::InUse { running } => {
                let requests = Count(u64::from(*running), "request");
                write!(f, "runs {requests}, and it needs all of it")
            }
            Obstacle::Held { request } => write!(f, "is held for {request}"),
            Obstacle::Avoided => f.write_str("is to be avoided, and others could take it"),
            Obstacle::Reserved { free, machines } => {
                let free = Count(u64::from(*free), "proc");
                let machines = Count(*machines, "machine");
                write!(
                    f,
                    "is kept for requests ahead, as is all there is with {free} free: {machines}"
                )
            }
        }
    }
}

impl fmt::Display for GrowthWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Growth of {}: {}", self.kind, Reasons(self))
    }
}

/// What keeps a kind from growing, without its name.
struct Reasons<'a>(&'a GrowthWait);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wait = self.0;
        let mut any = false;
        let mut say = |reason: fmt::Arguments<'_>| {
            let between = if any { ", " } else { "" };
            any = true;
            write!(f, "{between}{reason}")
        };
        if wait.not_startable {
            say(format_args!("its machines join by themselves"))?;
        }
        if let Some(lack) = &wait.offer_too_small {
            say(format_args!(
                "a machine is expected to offer {lack}, and it needs {}",
                lack.needs
            ))?;
        }
        if let Some(max) = wait.at_max {
            say(format_args!("max ({max}) is reached"))?;
        }
        if let Some(max) = wait.at_max_pending {
            say(format_args!("max_pending ({max}) is reached"))?;
        }
        if let Some(max) = wait.at_max_procs {
            say(format_args!("max_procs ({max}) is reached"))?;
        }
        match wait.backoff_until {
            Some(Instant::MAX) => say(format_args!("the back-off lasts until a machine comes up"))?,
            Some(until) => say(format_args!("the back-off lasts until {until}"))?,
            None => {}
        }
        match wait.capacity_until {
            Some(Instant::MAX) => say(format_args!(
                "there is no more capacity until a machine is gone"
            ))?,
            Some(until) => say(format_args!(
                "there is no more capacity, to be tried again at {until}"
            ))?,
            None => {}
        }
        if let Some(most) = wait.at_most_after_failures {
            let most = Count(most, "machine");
            say(format_args!(
                "after failed starts at most {most} at a time until one comes up"
            ))?;
        }
        if wait.enough {
            say(format_args!(
                "the machines there are have the procs that are needed"
            ))?;
        }
        if !any {
            f.write_str("nothing keeps it from growing")?;
        }
        write!(f, "; pending: {}", Count(wait.pending, "machine"))
    }
}
