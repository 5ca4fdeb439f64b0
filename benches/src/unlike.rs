//! The workloads of unlike machines: three kinds, three amounts, and a queue in which all demands are distinct.
//!
//! The queue is the same set of demands at all times: whatever is granted is submitted again at once, under a new id, and
//! what runs is ended at random. An event is what the manager is told once.

use core::time::Duration;
use std::collections::VecDeque;

use remuda::{
    Action, Config, Event, Instant, Kind, KindId, Kinds, MachineId, Manager, Outcome, RequestId,
    Resources, Submit,
};
use remuda_sim::Rng;

/// Ordinary demands in the queue, each different from the others.
const ORDINARY: u32 = 1_000;

/// How many of the grants that end next are drawn at once.
const DRAWN: usize = 32;

/// What is queued before the ordinary demands, and fits nothing that is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Head {
    /// Nothing.
    Empty,
    /// So many distinct demands of more than half of the largest machine.
    Large(u32),
    /// So many distinct demands: one half of one proc with 64 GiB, the other of 32 procs with 1 GiB, a little more each.
    /// What is free lies between the two, so no bound on a set of them leaves any of it out.
    AntiCorrelated(u32),
}

/// A grant: the request, its machine, and which demand it was.
type Grant = (RequestId, MachineId);

/// A manager, the demands, and what runs.
#[derive(Clone, Debug)]
struct World {
    manager: Manager,
    actions: Vec<Action>,
    demands: Vec<Submit>,
    running: Vec<Grant>,
    /// Grants whose demands are to be submitted again, the oldest first.
    granted: VecDeque<Grant>,
    next: u64,
    events: u64,
}

impl World {
    fn new(kinds: [Kind; 3], demands: Vec<Submit>) -> World {
        let config = kinds.into_iter().fold(Config::empty(), Config::kind);
        // Nothing but what the workload tells is to happen.
        let config = config
            .flaps(0)
            .settle(Duration::ZERO)
            .start_backoff_base(Duration::ZERO)
            .poll_interval(Duration::ZERO)
            .summary_interval(Duration::ZERO);
        World {
            manager: Manager::new(config).expect("a good config"),
            actions: Vec::new(),
            demands,
            running: Vec::new(),
            granted: VecDeque::new(),
            next: 0,
            events: 0,
        }
    }

    /// Tells the manager; the grants are appended to `granted`.
    fn handle(&mut self, event: Event) {
        self.actions.clear();
        self.manager
            .handle_into(event, Instant::ZERO, &mut self.actions);
        self.events += 1;
        for action in &self.actions {
            if let Action::Grant { request, machine } = *action {
                self.granted.push_back((request, machine));
            }
        }
    }

    /// A request's id tells its demand.
    fn submit(&mut self, demand: usize) {
        let request = RequestId(self.next * self.demands.len() as u64 + demand as u64);
        self.next += 1;
        let spec = self.demands[demand];
        self.handle(Event::Submit { request, spec });
    }

    /// Submits again whatever was granted, until all of it is queued.
    fn submit_again(&mut self) {
        while let Some(grant) = self.granted.pop_front() {
            self.running.push(grant);
            self.submit((grant.0.0 % self.demands.len() as u64) as usize);
        }
    }

    fn done(&mut self, (request, machine): Grant) {
        let (machine, outcome) = (Some(machine), Outcome::Ok);
        self.handle(Event::Done {
            request,
            machine,
            outcome,
        });
    }

    fn up(&mut self, machine: MachineId) {
        let offer = None;
        self.handle(Event::Up { machine, offer });
    }

    /// The events since the last call.
    fn events(&mut self) -> u64 {
        core::mem::take(&mut self.events)
    }
}

/// What a machine of each kind has: procs, GiB and GPUs.
fn capacities() -> [Resources; 3] {
    let of = |procs, gib: u32, gpus| Resources::procs(procs).memory_mib(gib << 10).gpus(gpus);
    [of(16, 36, 0), of(32, 72, 0), of(64, 144, 8)]
}

/// Up to ten procs and 25 GiB, of which no two are equal; one in twenty asks for a GPU, one in ten for a kind.
fn ordinary() -> Vec<Submit> {
    let spec = |n: u32| {
        let amounts = Resources::procs(1 + n % 10).memory_mib(256 * (1 + n / 10));
        match n % 20 {
            7 => Submit::new(amounts.gpus(1)),
            11 | 14 => Submit::new(amounts).kinds(Kinds::from(KindId(0)).with(KindId(1))),
            _ => Submit::new(amounts),
        }
    };
    (0..ORDINARY).map(spec).collect()
}

fn head(head: Head) -> Vec<Submit> {
    let spec = |n: u32| {
        let amounts = match head {
            Head::AntiCorrelated(_) if n.is_multiple_of(2) => {
                Resources::procs(1).memory_mib((64 << 10) + n / 2)
            }
            Head::AntiCorrelated(_) => Resources::procs(32).memory_mib((1 << 10) + n / 2),
            _ => Resources::procs(40 + n % 20).memory_mib(40_000 + n / 20),
        };
        Submit::new(amounts).priority(-1)
    };
    let count = match head {
        Head::Empty => 0,
        Head::Large(count) | Head::AntiCorrelated(count) => count,
    };
    (0..count).map(spec).collect()
}

/// f and g: machines of three kinds, all up and full. A step ends a random grant, and submits again what is granted.
#[derive(Clone, Debug)]
pub struct Unlike {
    world: World,
    /// They run, and end next.
    drawn: Vec<Grant>,
    rng: Rng,
}

impl Unlike {
    /// So many machines: six in ten of the smallest kind, one in ten of the largest.
    pub fn new(machines: u32, before: Head) -> Unlike {
        let [small, middle, large] = capacities().map(Kind::new);
        let counts = [machines * 6 / 10, machines * 3 / 10, machines / 10];
        let kinds = [(small, 1), (middle, 2), (large, 5)];
        let mut nth = 0;
        let kinds = kinds.map(|(kind, cost)| {
            nth += 1;
            // All of them are asked for with the first event, and there are no more.
            kind.min(counts[nth - 1]).max(counts[nth - 1]).cost(cost)
        });
        let mut demands = ordinary();
        demands.extend(head(before));
        let mut world = World::new(kinds, demands);
        world.handle(Event::Timer);
        for machine in 0..u64::from(counts.iter().sum::<u32>()) {
            world.up(MachineId(machine));
        }
        // In turns, so that all of them run when the machines are full.
        (0..ORDINARY as usize).for_each(|demand| world.submit(demand));
        world.submit_again();
        (ORDINARY as usize..world.demands.len()).for_each(|demand| world.submit(demand));
        world.submit_again();
        let mut unlike = Unlike {
            world,
            drawn: Vec::with_capacity(DRAWN),
            rng: Rng::new(1),
        };
        assert_eq!(
            unlike.world.manager.counts().queued,
            unlike.world.demands.len() as u64
        );
        unlike.world.events();
        unlike
    }

    /// A done, and a submit for each grant: how many events.
    pub fn step(&mut self) -> u64 {
        if self.drawn.is_empty() {
            for _ in 0..DRAWN {
                let running = &mut self.world.running;
                let at = self.rng.below(running.len() as u64) as usize;
                self.drawn.push(running.swap_remove(at));
            }
        }
        let grant = self.drawn.pop().expect("some were drawn");
        self.world.done(grant);
        self.world.submit_again();
        self.world.events()
    }

    /// The manager.
    pub fn manager(&self) -> &Manager {
        &self.world.manager
    }
}

/// h: the same queue while machines boot. A step brings up the oldest of the pending machines, submits again what is granted
/// there, and takes the machine that has been up for longest out of service: it drains, its grants end, it stops. So each
/// step asks for one machine more.
#[derive(Clone, Debug)]
pub struct Booting {
    world: World,
    pending: VecDeque<MachineId>,
    up: VecDeque<MachineId>,
}

impl Booting {
    /// So many machines of each kind may be pending; half as many are up.
    pub fn new(pending: u32) -> Booting {
        let costs = [1, 2, 5];
        let mut nth = 0;
        let kinds = capacities().map(|capacity| {
            nth += 1;
            Kind::new(capacity)
                .max_pending(pending)
                .cost(costs[nth - 1])
        });
        let mut booting = Booting {
            world: World::new(kinds, ordinary()),
            pending: VecDeque::new(),
            up: VecDeque::new(),
        };
        for demand in 0..ORDINARY as usize {
            booting.world.submit(demand);
            booting.note_starts();
        }
        while booting.up.len() < pending as usize / 2 {
            booting.bring_up();
        }
        booting.world.events();
        booting
    }

    fn note_starts(&mut self) {
        for action in &self.world.actions {
            if let Action::Start { first, count, .. } = *action {
                let ids = first.0..first.0 + u64::from(count);
                self.pending.extend(ids.map(MachineId));
            }
        }
    }

    fn bring_up(&mut self) {
        let machine = self
            .pending
            .pop_front()
            .expect("machines boot all the time");
        self.world.up(machine);
        self.note_starts();
        self.up.push_back(machine);
        self.submit_again();
    }

    fn submit_again(&mut self) {
        while let Some(grant) = self.world.granted.pop_front() {
            self.world.running.push(grant);
            let demands = self.world.demands.len() as u64;
            self.world.submit((grant.0.0 % demands) as usize);
            self.note_starts();
        }
    }

    /// How many events.
    pub fn step(&mut self) -> u64 {
        self.bring_up();
        let machine = self.up.pop_front().expect("half as many are up as boot");
        let until = None;
        self.world.handle(Event::Drain { machine, until });
        self.note_starts();
        let mut there = Vec::new();
        self.world.running.retain(|grant| {
            let stays = grant.1 != machine;
            if !stays {
                there.push(*grant);
            }
            stays
        });
        for grant in there {
            self.world.done(grant);
            self.note_starts();
            self.submit_again();
        }
        self.world.handle(Event::Stopped { machine });
        self.note_starts();
        self.submit_again();
        self.world.events()
    }

    /// The manager.
    pub fn manager(&self) -> &Manager {
        &self.world.manager
    }
}
