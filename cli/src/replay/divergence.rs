//! A divergence: the first event whose actions are not the recorded ones, and why that can be.
use std::fmt;

use remuda::journal::{Error, Frozen, RULES};
use remuda::{Action, Event, Health, Instant, KindId, Manager};
use remuda_sim::script;

use super::input::Input;
use super::items::{Item, Place, Recorded, Step};
use super::player::Player;
use super::scenario::config_hash;

/// So many of a kind are shown of a state.
const SHOWN: usize = 20;

/// The first point where a replay is not what was recorded.
#[derive(Debug)]
pub(crate) struct Divergence {
    pub(crate) number: u64,
    pub(crate) time: Instant,
    place: Option<Place>,
    /// None: the actions were the same, but a snapshot after them is not.
    answer: Option<Answer>,
    pub(crate) state: Option<Manager>,
    pub(crate) cause: Cause,
}

#[derive(Debug)]
struct Answer {
    event: Event,
    recorded: Was,
    now: Vec<Action>,
    /// When it is played a second time.
    again: Vec<Action>,
}

#[derive(Debug)]
enum Was {
    Hash(u32),
    Actions(Vec<Action>),
}

/// Why a replay may differ from the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The file is not what was written.
    Corrupt(String),
    /// The run had another config.
    Config(String),
    /// Another version decided.
    Rules(String),
    /// The same led to something else.
    Nondeterminism(String),
}

impl Cause {
    /// In a word or three.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Cause::Corrupt(_) => "corrupt file",
            Cause::Config(_) => "other config",
            Cause::Rules(_) => "other version of the rules",
            Cause::Nondeterminism(_) => "nondeterminism",
        }
    }

    /// What tells, and what to do.
    pub(crate) fn why(&self) -> &str {
        let (Cause::Corrupt(why)
        | Cause::Config(why)
        | Cause::Rules(why)
        | Cause::Nondeterminism(why)) = self;
        why
    }

    /// Why a frame cannot be read; none if the file merely ends there.
    pub(crate) fn of_error(error: &Error, input: &Input) -> Option<Cause> {
        let version = input.head.crate_version.as_deref().unwrap_or("unknown");
        match error {
            Error::Cut { .. } => None,
            Error::UnknownEvent { .. } | Error::UnknownFrame { .. } => Some(Cause::Rules(format!(
                "remuda {version} wrote it: replay it with that version, or a newer one"
            ))),
            _ => Some(Cause::Corrupt(
                "it was changed after it was written: what is before can be trusted (see --to), what is after cannot".into(),
            )),
        }
    }
}

impl Divergence {
    /// These actions are not the recorded ones. Plays it a second time, to the same event.
    pub(crate) fn of_actions(input: &Input, step: &Step<'_>, actions: &[Action]) -> Divergence {
        let (mut state, mut again) = (None, Vec::new());
        let mut earlier = false;
        if let Some(mut player) = Player::new(input) {
            for item in input.items() {
                let Ok(Item::Step(next)) = item else {
                    continue;
                };
                if next.number == step.number {
                    state = Some(player.manager.clone());
                    player.play(&next);
                    again.clone_from(&player.actions);
                    break;
                }
                player.play(&next);
                earlier |= !player.agrees(&next);
            }
        }
        let cause = if earlier || again != actions {
            let why =
                "replayed twice, the same events gave two answers: this build is not to be trusted";
            Cause::Nondeterminism(why.into())
        } else {
            cause(input)
        };
        Divergence {
            number: step.number,
            time: step.time,
            place: Some(step.place),
            answer: Some(Answer {
                event: step.event,
                recorded: match step.recorded {
                    Recorded::Actions(actions) => Was::Actions(actions.to_vec()),
                    Recorded::Hash(hash) => Was::Hash(hash),
                    Recorded::Nothing => Was::Hash(0),
                },
                now: actions.to_vec(),
                again,
            }),
            state,
            cause,
        }
    }

    /// The manager is not the one of a snapshot, although all actions so far are the same.
    pub(crate) fn of_state(input: &Input, manager: &Manager, frozen: &Frozen<'_>) -> Divergence {
        Divergence {
            number: frozen.events,
            time: frozen.time,
            place: None,
            answer: None,
            state: Some(manager.clone()),
            cause: cause(input),
        }
    }

    /// The event in a script's words.
    pub(crate) fn event(&self) -> Option<String> {
        let answer = self.answer.as_ref()?;
        Some(script::event(&answer.event).to_string())
    }

    /// Recorded and replayed actions, where they are known.
    pub(crate) fn actions(&self) -> Option<(Option<&[Action]>, &[Action])> {
        let answer = self.answer.as_ref()?;
        let recorded = match &answer.recorded {
            Was::Actions(actions) => Some(actions.as_slice()),
            Was::Hash(_) => None,
        };
        Some((recorded, &answer.now))
    }
}

/// Why a recording may differ from two replays that agree with each other.
fn cause(input: &Input) -> Cause {
    let head = &input.head;
    let said = |hash| hash != config_hash(&head.config);
    let config = "replay it with the config of the run: the header has another";
    if head.config_hash.is_some_and(said) || snapshot_has_another_config(input) {
        return Cause::Config(config.into());
    }
    let (version, rules) = (head.crate_version.as_deref(), head.rules);
    let ours = env!("CARGO_PKG_VERSION");
    if rules.is_some_and(|it| it != RULES) || version.is_some_and(|it| it != ours) {
        let (version, rules) = (version.unwrap_or("unknown"), rules.unwrap_or_default());
        return Cause::Rules(format!(
            "it was recorded by remuda {version} with rules {rules}, and this is {ours} with rules {RULES}: replay it with that version"
        ));
    }
    if !head.is_journal {
        let why = "JSON lines carry no checksum: events or actions were changed, left out, or written by hand";
        return Cause::Corrupt(why.into());
    }
    let why = "the same version gave another answer when it was recorded, and two replays agree: look for what \
               changed the manager besides its events, or for bad memory";
    Cause::Nondeterminism(why.into())
}

fn snapshot_has_another_config(input: &Input) -> bool {
    let managers = input.items().filter_map(|item| match item {
        Ok(Item::Snapshot(frozen)) => frozen.thaw().ok(),
        _ => None,
    });
    let mut managers = managers;
    managers
        .next()
        .is_some_and(|it| *it.config() != input.head.config)
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { number, time, .. } = self;
        match &self.answer {
            Some(answer) => {
                write!(f, "diverges at event #{number} at {time}")?;
                if let Some(place) = self.place {
                    write!(f, " ({place})")?;
                }
                writeln!(f, ": {}", script::event(&answer.event))?;
                match &answer.recorded {
                    Was::Actions(actions) => list(f, "recorded", actions)?,
                    Was::Hash(hash) => writeln!(f, "recorded: actions with hash {hash:08x}")?,
                }
                list(f, "replayed", &answer.now)?;
                if answer.again != answer.now {
                    list(f, "replayed again", &answer.again)?;
                }
            }
            None => writeln!(
                f,
                "diverges after event #{number} at {time}: all actions are the same, the state is not that of the snapshot"
            )?,
        }
        if let Some(manager) = &self.state {
            let when = if self.answer.is_some() {
                "before it"
            } else {
                "replayed"
            };
            writeln!(f, "state {when}:")?;
            state(f, manager)?;
        }
        write!(f, "cause: {}: {}", self.cause.name(), self.cause.why())
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, actions: &[Action]) -> fmt::Result {
    writeln!(
        f,
        "{what}:{}",
        if actions.is_empty() { " nothing" } else { "" }
    )?;
    for action in actions {
        writeln!(f, "  -> {}", script::action(action))?;
    }
    Ok(())
}

/// The counts, and the first of the machines and of the queue.
fn state(f: &mut fmt::Formatter<'_>, manager: &Manager) -> fmt::Result {
    let counts = manager.counts();
    let sums = [counts.need, counts.have, counts.pending];
    let [need, have, pending] = sums.map(|it| amounts(it.amounts()));
    write!(f, "  procs: need {need}, have {have}, pending {pending}")?;
    match counts.whole {
        0 => writeln!(f)?,
        whole => writeln!(f, "; {whole} requests for a whole machine")?,
    }
    let machines = manager.machines().count();
    for machine in manager.machines().take(SHOWN) {
        write!(f, "  {}: ", machine.id())?;
        match machine.health() {
            Health::Pending => write!(f, "pending")?,
            Health::Ok => write!(f, "ok")?,
            Health::Probation { until } => write!(f, "on probation until {until}")?,
            Health::Draining { until } if until == Instant::MAX => write!(f, "draining")?,
            Health::Draining { until } => write!(f, "draining until {until}")?,
            Health::Stopping => write!(f, "told to stop")?,
            other => write!(f, "{other:?}")?,
        }
        write!(f, ", {} of {} procs used", machine.used(), machine.offer())?;
        for (nth, (request, _)) in machine.grants().take(SHOWN).enumerate() {
            let before = if nth == 0 { " by" } else { "" };
            write!(f, "{before} {request}")?;
        }
        writeln!(f)?;
    }
    if machines > SHOWN {
        writeln!(f, "  and {} more machines", machines - SHOWN)?;
    }
    for waiting in manager.queue().take(SHOWN) {
        let event = Event::Submit {
            request: waiting.request,
            spec: waiting.spec,
        };
        let words = script::event(&event).to_string();
        let words = words.trim_start_matches("submit ");
        write!(f, "  queued: {words}")?;
        match waiting.held {
            Some(machine) => writeln!(f, ", {machine} is held for it")?,
            None => writeln!(f)?,
        }
    }
    let queued = usize::try_from(counts.queued).unwrap_or(usize::MAX);
    if queued > SHOWN {
        writeln!(f, "  and {} more that are queued", queued - SHOWN)?;
    }
    for kind in (0..).map(KindId).take(manager.config().kinds.len()) {
        if let Some(backoff) = manager.start_backoff(kind) {
            let (step, until) = (backoff.step, backoff.until);
            writeln!(f, "  start back-off of {kind}: step {step}, until {until}")?;
        }
    }
    match manager.next_timeout() {
        Some(at) => writeln!(f, "  timer: {at}"),
        None => writeln!(f, "  timer: none"),
    }
}

/// Sums as a script writes amounts: up to the last that is not zero.
fn amounts(sums: [u64; 4]) -> String {
    let last = sums.iter().rposition(|&sum| sum > 0).unwrap_or(0);
    let sums = sums[..=last].iter().map(ToString::to_string);
    sums.collect::<Vec<_>>().join("/")
}
