//! Tells a manager of every job of a log, on virtual time.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use remuda::{
    Action, Config, ConfigError, Event, Instant, Kind, MachineId, Manager, Notice, Outcome,
    Packing, Reject, RequestId, Resources, Submit,
};

use super::agenda::Agenda;
use super::figures::{Figures, of_waits, thousandths};
use super::swf::Job;

/// Which request is granted, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The policy of bigslice: machines that are always there, no patience.
    Bigslice,
    /// [`Packing::BestFit`].
    BestFit,
    /// [`Packing::FirstFit`].
    FirstFit,
}

/// Which machines there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Machines {
    /// So many, from the beginning on.
    Fixed {
        /// How many.
        machines: u32,
    },
    /// None at the beginning; they are started by need and stopped when idle.
    Elastic {
        /// At most so many at a time.
        machines: u32,
        /// How long one takes from its start to *up*.
        boot: Duration,
        /// How long one is idle before it is stopped, which takes no time; not zero.
        idle: Duration,
    },
}

/// What a log is replayed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    /// The procs of a machine.
    pub procs: u32,
    /// The machines.
    pub machines: Machines,
    /// The policy.
    pub order: Order,
    /// The patience (P4); bigslice has none.
    pub patience: u32,
}

impl Setup {
    /// The manager's config: no polls and no summaries, which change no decision.
    ///
    /// # Errors
    /// Figures that [`Config::validate`] refuses.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let kind = Kind::new(Resources::procs(self.procs));
        let config = match (self.order, self.machines) {
            (
                Order::Bigslice,
                Machines::Fixed { machines } | Machines::Elastic { machines, .. },
            ) => {
                let max_procs = u64::from(self.procs) * u64::from(machines);
                Config::bigslice_machines(self.procs, max_procs)
            }
            (_, Machines::Fixed { machines }) => {
                Config::empty().kind(kind.min(machines).max(machines))
            }
            (_, Machines::Elastic { machines, idle, .. }) => {
                Config::empty().kind(kind.max(machines).idle(idle))
            }
        };
        let config = match self.order {
            Order::Bigslice => config,
            Order::BestFit => config.patience(self.patience).packing(Packing::BestFit),
            Order::FirstFit => config.patience(self.patience).packing(Packing::FirstFit),
        };
        let quiet = Duration::ZERO;
        let config = config.poll_interval(quiet).summary_interval(quiet);
        config.validate()?;
        Ok(config)
    }
}

/// Why a log cannot be replayed.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The setup makes no valid config.
    Config(ConfigError),
    /// A job was refused: it fits no machine.
    Rejected(Reject),
    /// A job was never granted; its request is its index.
    NeverGranted(RequestId),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Config(error) => error.fmt(f),
            ReplayError::Rejected(reject) => reject.fmt(f),
            ReplayError::NeverGranted(request) => write!(f, "{request} is never granted"),
        }
    }
}

impl core::error::Error for ReplayError {}

impl From<ConfigError> for ReplayError {
    fn from(error: ConfigError) -> ReplayError {
        ReplayError::Config(error)
    }
}

/// Replays jobs, which are in the order of their submit times, and measures.
///
/// Of one instant, timers come first, then machines that are gone, those that are up, ends of jobs
/// in the order of their grants, and submits in the order of the log; each is a step of its own.
///
/// # Errors
/// A setup that is not valid, a job that fits no machine, a job that is never granted.
pub fn replay(jobs: &[Job], setup: &Setup) -> Result<Figures, ReplayError> {
    Ok(Replay::run(jobs, setup)?.figures())
}

/// What happens outside the manager.
enum Next {
    Stopped(MachineId),
    Up(MachineId),
    End(RequestId, MachineId),
    Submit(usize),
}

impl Next {
    /// Its place among those of one instant.
    fn rank(&self) -> u8 {
        match self {
            Next::Stopped(_) => 0,
            Next::Up(_) => 1,
            Next::End(..) => 2,
            Next::Submit(_) => 3,
        }
    }
}

pub(super) struct Replay<'a> {
    jobs: &'a [Job],
    setup: Setup,
    manager: Manager,
    timer: Option<Instant>,
    agenda: Agenda<Next>,
    actions: Vec<Action>,
    /// When each machine that is there was asked for.
    asked: BTreeMap<MachineId, Instant>,
    /// When each job was granted.
    granted: Vec<Option<Instant>>,
    last_end: Instant,
    machine_time: Duration,
    starts: u64,
    holds: u64,
}

impl<'a> Replay<'a> {
    pub(super) fn run(jobs: &'a [Job], setup: &Setup) -> Result<Replay<'a>, ReplayError> {
        let mut replay = Replay {
            jobs,
            setup: *setup,
            manager: Manager::new(setup.config()?)?,
            timer: None,
            agenda: Agenda::new(),
            actions: Vec::new(),
            asked: BTreeMap::new(),
            granted: vec![None; jobs.len()],
            last_end: Instant::ZERO,
            machine_time: Duration::ZERO,
            starts: 0,
            holds: 0,
        };
        replay.begin()?;
        for (index, job) in jobs.iter().enumerate() {
            let submit = Next::Submit(index);
            let rank = submit.rank();
            replay
                .agenda
                .add(Instant::from_millis(job.submit), rank, submit);
        }
        while replay.step()? {}
        match replay.granted.iter().position(Option::is_none) {
            Some(index) => Err(ReplayError::NeverGranted(RequestId(index as u64))),
            None => Ok(replay),
        }
    }

    /// The wait of each job, in milliseconds.
    pub(super) fn waits(&self) -> Vec<u64> {
        let granted = self.granted.iter().flatten();
        let waits = granted.zip(self.jobs).map(|(granted, job)| {
            let wait = *granted - Instant::from_millis(job.submit);
            // Below 2^64: an instant is fewer nanoseconds.
            wait.as_millis() as u64
        });
        waits.collect()
    }

    fn figures(&self) -> Figures {
        let figures = of_waits(self.jobs, &self.waits());
        let first = self.jobs.first().map_or(0, |job| job.submit);
        let span = (self.last_end - Instant::from_millis(first)).as_millis() as u64;
        let procs = u64::from(self.setup.procs);
        let (there, machine_time) = match self.setup.machines {
            Machines::Fixed { machines } => {
                let time = span * u64::from(machines);
                (time * procs, time)
            }
            Machines::Elastic { .. } => {
                let left = self.asked.values().map(|asked| self.last_end - *asked);
                let time = left.fold(self.machine_time, |sum, left| sum + left);
                let time = time.as_millis() as u64;
                (time * procs, time)
            }
        };
        Figures {
            utilisation: thousandths(figures.work, there),
            machine_time,
            ratio: thousandths(machine_time * procs, figures.work),
            starts: self.starts,
            holds: self.holds,
            ..figures
        }
    }

    /// Machines that are always there come up before anything else.
    fn begin(&mut self) -> Result<(), ReplayError> {
        let Machines::Fixed { machines } = self.setup.machines else {
            return Ok(());
        };
        self.tell(Event::Timer, Instant::ZERO)?;
        if self.setup.order == Order::Bigslice {
            // It has no `min`: whole machines are asked for and handed back.
            let least = self.jobs.len() as u64;
            let warm = || (least..least + u64::from(machines)).map(RequestId);
            for request in warm() {
                let spec = Submit::machine();
                self.tell(Event::Submit { request, spec }, Instant::ZERO)?;
            }
            self.come_up()?;
            for request in warm() {
                let (machine, outcome) = (None, Outcome::Unused);
                let done = Event::Done {
                    request,
                    machine,
                    outcome,
                };
                self.tell(done, Instant::ZERO)?;
            }
        }
        self.come_up()
    }

    /// What is asked for now is up now.
    fn come_up(&mut self) -> Result<(), ReplayError> {
        while self.agenda.next() == Some(Instant::ZERO) && self.step()? {}
        Ok(())
    }

    /// What happens next; false when nothing does.
    fn step(&mut self) -> Result<bool, ReplayError> {
        let timer = self.timer;
        let later = |at: Instant| self.agenda.next().is_none_or(|next| at <= next);
        if let Some(at) = timer.filter(|at| later(*at)) {
            self.timer = None;
            self.tell(Event::Timer, at)?;
            return Ok(true);
        }
        let Some((now, next)) = self.agenda.pop() else {
            return Ok(false);
        };
        let event = match next {
            Next::Stopped(machine) => {
                let asked = self.asked.remove(&machine);
                self.machine_time += asked.map_or(Duration::ZERO, |asked| now - asked);
                Event::Stopped { machine }
            }
            Next::Up(machine) => Event::Up {
                machine,
                offer: None,
            },
            Next::End(request, machine) => {
                self.last_end = now;
                Event::Done {
                    request,
                    machine: Some(machine),
                    outcome: Outcome::Ok,
                }
            }
            Next::Submit(index) => Event::Submit {
                request: RequestId(index as u64),
                spec: Submit::procs(self.jobs[index].procs),
            },
        };
        self.tell(event, now)?;
        Ok(true)
    }

    /// Tells the manager of an event and does what it says.
    fn tell(&mut self, event: Event, now: Instant) -> Result<(), ReplayError> {
        let mut actions = core::mem::take(&mut self.actions);
        self.manager.handle_into(event, now, &mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Grant { request, machine } => self.grant(request, machine, now),
                Action::Start { first, count, .. } => self.start(first, count, now),
                Action::Stop { machine } => self.plan(now, Next::Stopped(machine)),
                Action::SetTimer { at } => self.timer = Some(at),
                Action::ClearTimer => self.timer = None,
                Action::Notice(Notice::Held { .. }) => self.holds += 1,
                Action::Reject(reject) => return Err(ReplayError::Rejected(reject)),
                _ => {}
            }
        }
        self.actions = actions;
        Ok(())
    }

    fn grant(&mut self, request: RequestId, machine: MachineId, now: Instant) {
        let index = request.0 as usize;
        // Others are those that warm bigslice's machines up.
        if let Some(job) = self.jobs.get(index) {
            self.granted[index] = Some(now);
            let end = now + Duration::from_millis(job.run);
            self.plan(end, Next::End(request, machine));
        }
    }

    fn start(&mut self, first: MachineId, count: u32, now: Instant) {
        let boot = match self.setup.machines {
            Machines::Fixed { .. } => Duration::ZERO,
            Machines::Elastic { boot, .. } => boot,
        };
        for id in (first.0..).take(count as usize).map(MachineId) {
            self.asked.insert(id, now);
            self.plan(now + boot, Next::Up(id));
        }
        self.starts += u64::from(count);
    }

    fn plan(&mut self, at: Instant, next: Next) {
        self.agenda.add(at, next.rank(), next);
    }
}
