//! What can be looked at: the sums of S2 and R6, taken anew each time.

use remuda::{
    Counts, Demand, Health, Instant, KindId, MachineCounts, MachineId, RequestId, Resources, TaskId,
};

use super::{Fate, Leaving, Machine, Model, State};

/// A look at one machine of a [`Model`].
#[derive(Clone, PartialEq, Debug)]
pub struct ModelMachine {
    /// Its id.
    pub id: MachineId,
    /// Its kind.
    pub kind: KindId,
    /// Where it stands.
    pub health: Health,
    /// Whether it is on probation, also while it drains.
    pub on_probation: bool,
    /// What runs on it takes so much.
    pub used: Resources,
    /// What it offers; its kind's capacity while it is pending.
    pub offer: Resources,
    /// What runs on it, in the order of the grants.
    pub running: Vec<RequestId>,
    /// What lives on it, in the order of assignment.
    pub tasks: Vec<TaskId>,
    /// Since when it is idle (E1).
    pub idle_since: Option<Instant>,
    /// The request it is held for (P4).
    pub held_for: Option<RequestId>,
}

/// [`Counts`] as plain numbers: those cannot be made outside of the core.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// What is asked for.
    pub need: [u64; Resources::COUNT],
    /// What is to come.
    pub pending: [u64; Resources::COUNT],
    /// What is in service.
    pub have: [u64; Resources::COUNT],
    /// Queued requests for a whole machine.
    pub whole: u64,
    /// Queued requests.
    pub queued: u64,
    /// Requests that have a machine.
    pub running: u64,
    /// The machines.
    pub machines: MachineCounts,
}

impl From<Counts> for Figures {
    fn from(counts: Counts) -> Figures {
        Figures {
            need: counts.need.amounts(),
            pending: counts.pending.amounts(),
            have: counts.have.amounts(),
            whole: counts.whole,
            queued: counts.queued,
            running: counts.running,
            machines: counts.machines,
        }
    }
}

/// Sums of each amount.
fn sum(amounts: impl Iterator<Item = Resources>) -> [u64; Resources::COUNT] {
    let mut sums = [0; Resources::COUNT];
    for amounts in amounts {
        for (sum, amount) in sums.iter_mut().zip(amounts.amounts()) {
            *sum += u64::from(amount);
        }
    }
    sums
}

impl Model {
    /// As [`Manager::counts`](remuda::Manager::counts) (S2, R6).
    pub fn counts(&self) -> Figures {
        let queued = self.queue.iter().map(|r| match r.spec.demand {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine if self.is_bigslice() => self.config.kinds[0].capacity,
            Demand::Machine => Resources::ZERO,
        });
        let running = self.running.iter().map(|r| r.amounts);
        let whole = |r: &&super::Queued| r.spec.demand == Demand::Machine && !self.is_bigslice();
        let mut counts = self.counts_where(|_| true);
        counts.need = sum(queued.chain(running));
        counts.whole = self.queue.iter().filter(whole).count() as u64;
        counts.queued = self.queue.len() as u64;
        counts
    }

    /// As [`Manager::counts_of`](remuda::Manager::counts_of) (R6).
    pub fn counts_of(&self, kind: KindId) -> Option<Figures> {
        self.config.kinds.get(usize::from(kind.0))?;
        Some(self.counts_where(|of| of == kind))
    }

    /// The figures of machines of these kinds, and of what runs there.
    fn counts_where(&self, of: impl Fn(KindId) -> bool) -> Figures {
        let these: Vec<&Machine> = self.machines.iter().filter(|m| of(m.kind)).collect();
        let offers = |what: fn(&Machine) -> bool| {
            let those = these.iter().filter(|m| what(m));
            sum(those.map(|m| m.offer))
        };
        let count = |what: fn(&Machine) -> bool| {
            let those = these.iter().filter(|m| what(m));
            those.count() as u64
        };
        let gone = |fate: Fate| {
            let known = self.known.iter().filter(|known| of(known.kind));
            known.filter(|known| known.fate == fate).count() as u64
        };
        let there = |id: MachineId| these.iter().any(|m| m.id == id);
        let running = self.running.iter().filter(|r| there(r.machine));
        let running: Vec<Resources> = running.map(|r| r.amounts).collect();

        let is_pending = |m: &Machine| m.is_active() && m.state == State::Pending;
        let mut machines = MachineCounts::default();
        machines.pending = count(is_pending);
        machines.ok = count(Machine::is_good);
        machines.probation = count(|m| m.is_active() && m.is_up() && !m.is_good());
        machines.draining = count(|m| matches!(m.leaving, Leaving::Draining { .. }));
        machines.stopping = count(|m| m.leaving == Leaving::Stopping);
        machines.lost = gone(Fate::Lost);
        machines.ended = gone(Fate::Ended);
        Figures {
            need: sum(running.iter().copied()),
            pending: offers(is_pending),
            have: offers(|m| m.is_active() && m.is_up()),
            whole: 0,
            queued: 0,
            running: running.len() as u64,
            machines,
        }
    }

    /// The machines asked for or in service, by id.
    pub fn machines(&self) -> impl Iterator<Item = ModelMachine> + '_ {
        self.machines.iter().map(|machine| ModelMachine {
            id: machine.id,
            kind: machine.kind,
            health: health(machine),
            on_probation: matches!(machine.state, State::Probation { .. }),
            used: self.used(machine.id),
            offer: machine.offer,
            running: self
                .running
                .iter()
                .filter(|r| r.machine == machine.id)
                .map(|r| r.id)
                .collect(),
            tasks: machine.tasks.clone(),
            idle_since: self.is_idle(machine).then_some(machine.idle_from),
            held_for: self
                .holds
                .iter()
                .find(|held| held.machine == machine.id)
                .map(|held| held.request),
        })
    }

    /// As [`Manager::start_backoff`](remuda::Manager::start_backoff), its step and its end (F7,
    /// G3).
    pub fn start_backoff(&self, kind: KindId) -> Option<(u32, Instant)> {
        let state = self.kinds.get(usize::from(kind.0))?;
        (state.step > 0).then(|| {
            let until = state.backoff_until.unwrap_or(Instant::MAX);
            (state.step, until)
        })
    }

    /// The config, with the limits as they were set last (E3).
    pub fn config(&self) -> &remuda::Config {
        &self.config
    }

    /// The latest time it was told (F5).
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether it was told to shut down (S22).
    pub fn is_shut_down(&self) -> bool {
        self.shut_down
    }
}

fn health(machine: &Machine) -> Health {
    match (machine.leaving, machine.state) {
        (Leaving::Stopping, _) => Health::Stopping,
        (Leaving::Draining { until }, _) => Health::Draining {
            until: until.unwrap_or(Instant::MAX),
        },
        (Leaving::No, State::Pending) => Health::Pending,
        (Leaving::No, State::Ok) => Health::Ok,
        (Leaving::No, State::Probation { until }) => Health::Probation {
            until: until.unwrap_or(Instant::MAX),
        },
    }
}
