//! The manager as a carrier of workloads, under either policy.

use core::time::Duration;

use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};

use crate::carrier::Carrier;

/// A manager, its clock, and the buffer for its actions.
#[derive(Clone, Debug)]
pub struct Ours {
    manager: Manager,
    now: Instant,
    actions: Vec<Action>,
}

impl Ours {
    /// The manager.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// A manager of this config without polls, summaries and back-off, whose machines are all up and
    /// idle.
    pub fn with(config: Config, machines: u32, procs: u32) -> Ours {
        let config = config
            .start_backoff_base(Duration::ZERO)
            .poll_interval(Duration::ZERO)
            .summary_interval(Duration::ZERO);
        let mut ours = Ours {
            manager: Manager::new(config).expect("a good config"),
            now: Instant::ZERO,
            actions: Vec::new(),
        };
        // Machines are started because requests need them.
        let mut grants = Vec::new();
        for request in 0..u64::from(machines) {
            ours.submit(u64::MAX - request, 0, procs, &mut grants);
        }
        for machine in (0..u64::from(machines)).map(MachineId) {
            let offer = None;
            ours.handle(Event::Up { machine, offer }, &mut grants);
        }
        for grant in std::mem::take(&mut grants) {
            ours.done(grant, Outcome::Ok, &mut grants);
        }
        ours
    }

    /// Tells the manager of an event and takes the grants out of its actions.
    #[inline]
    fn handle(&mut self, event: Event, grants: &mut Vec<(RequestId, MachineId)>) {
        self.actions.clear();
        self.manager.handle_into(event, self.now, &mut self.actions);
        for action in &self.actions {
            if let Action::Grant { request, machine } = *action {
                grants.push((request, machine));
            }
        }
    }
}

impl Carrier for Ours {
    type Grant = (RequestId, MachineId);

    fn new(machines: u32, procs: u32) -> Ours {
        let procs_in_all = u64::from(machines) * u64::from(procs);
        let config = Config::new(procs, procs_in_all).expect("a good config");
        // H3 would replace a machine now and then, and no workload answers a start.
        Ours::with(config.flaps(0), machines, procs)
    }

    #[inline]
    fn submit(&mut self, request: u64, priority: i64, procs: u32, grants: &mut Vec<Self::Grant>) {
        let request = RequestId(request);
        let spec = Submit::procs(procs).priority(priority);
        self.handle(Event::Submit { request, spec }, grants);
    }

    #[inline]
    fn done(&mut self, grant: Self::Grant, outcome: Outcome, grants: &mut Vec<Self::Grant>) {
        let (request, machine) = (grant.0, Some(grant.1));
        let event = Event::Done {
            request,
            machine,
            outcome,
        };
        self.handle(event, grants);
    }

    fn by_machine(&self, _: &[Self::Grant]) -> Vec<Vec<Self::Grant>> {
        let machines = self.manager.machines();
        let running =
            machines.map(|one| one.running().map(|request| (request, one.id())).collect());
        running.collect()
    }

    fn wait(&mut self, nanos: u64) {
        self.now = self.now + Duration::from_nanos(nanos);
    }

    fn on_probation(&self) -> u64 {
        self.manager.counts().machines.probation
    }
}

/// The manager under bigslice's policy.
#[derive(Clone, Debug)]
pub struct Bigslice(Ours);

impl Carrier for Bigslice {
    type Grant = (RequestId, MachineId);

    fn new(machines: u32, procs: u32) -> Bigslice {
        let procs_in_all = u64::from(machines) * u64::from(procs);
        let config = Config::bigslice(procs, procs_in_all, 1.0).expect("a good config");
        Bigslice(Ours::with(config, machines, procs))
    }

    #[inline]
    fn submit(&mut self, request: u64, priority: i64, procs: u32, grants: &mut Vec<Self::Grant>) {
        self.0.submit(request, priority, procs, grants);
    }

    #[inline]
    fn done(&mut self, grant: Self::Grant, outcome: Outcome, grants: &mut Vec<Self::Grant>) {
        self.0.done(grant, outcome, grants);
    }

    fn by_machine(&self, running: &[Self::Grant]) -> Vec<Vec<Self::Grant>> {
        self.0.by_machine(running)
    }

    fn wait(&mut self, nanos: u64) {
        self.0.wait(nanos);
    }

    fn on_probation(&self) -> u64 {
        self.0.on_probation()
    }
}
