//! The manager as a carrier of workloads.

use core::time::Duration;

use remuda::{Action, Config, Demand, Event, Instant, MachineId, Manager, Outcome, RequestId};

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

    /// Tells the manager of an event and takes the grants out of its actions.
    #[inline(always)]
    fn handle(&mut self, event: Event, grants: &mut Vec<RequestId>) {
        self.actions.clear();
        self.manager.handle_into(event, self.now, &mut self.actions);
        for action in &self.actions {
            if let Action::Grant { request, .. } = *action {
                grants.push(request);
            }
        }
    }
}

impl Carrier for Ours {
    /// The manager knows the rest.
    type Grant = RequestId;

    fn new(machines: u32, procs: u32) -> Ours {
        let config = Config {
            start_backoff_base: Duration::ZERO,
            poll_interval: Duration::ZERO,
            summary_interval: Duration::ZERO,
            ..Config::new(procs, u64::from(machines) * u64::from(procs)).expect("a good config")
        };
        let mut ours = Ours {
            manager: Manager::new(config).expect("a good config"),
            now: Instant::ZERO,
            actions: Vec::new(),
        };
        // Machines are started because somebody needs them.
        let mut grants = Vec::new();
        for request in 0..u64::from(machines) {
            ours.submit(u64::MAX - request, 0, procs, &mut grants);
        }
        for machine in (0..u64::from(machines)).map(MachineId) {
            ours.handle(Event::Up { machine }, &mut grants);
        }
        for grant in std::mem::take(&mut grants) {
            ours.done(grant, Outcome::Ok, &mut grants);
        }
        ours
    }

    #[inline]
    fn submit(&mut self, request: u64, priority: i64, procs: u32, grants: &mut Vec<RequestId>) {
        let event = Event::Submit {
            request: RequestId(request),
            priority,
            demand: Demand::procs(procs).expect("some procs"),
        };
        self.handle(event, grants);
    }

    #[inline]
    fn done(&mut self, request: RequestId, outcome: Outcome, grants: &mut Vec<RequestId>) {
        self.handle(Event::Done { request, outcome }, grants);
    }

    #[inline]
    fn prefetch(&self, grants: &[RequestId]) {
        self.manager.prefetch(grants.iter().copied());
    }

    fn by_machine(&self, _: &[RequestId]) -> Vec<Vec<RequestId>> {
        let machines = self.manager.machines();
        machines.map(|one| one.running().collect()).collect()
    }

    fn wait(&mut self, nanos: u64) {
        self.now = self.now + Duration::from_nanos(nanos);
    }

    fn on_probation(&self) -> u64 {
        self.manager.counts().machines.probation
    }
}
