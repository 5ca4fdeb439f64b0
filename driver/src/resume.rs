//! A cluster that goes on where one was cut off (A1, A2).

use std::fmt;

use remuda::{Action, Demand, Event, Health, MachineId, OnceOutcome, RequestId, Submit};

use crate::background;
use crate::cluster::Cluster;
use crate::effect::Task;
use crate::options::Options;
use crate::past::Past;
use crate::record::Recorder;
use crate::request::Request;
use crate::runtime::Runtime;
use crate::shared::Shared;
use crate::state::State;
use crate::system::{Adopt, System};
use crate::tables::RequestEntry;

/// A request that a resumed cluster has taken over from the one before.
pub struct Resumed<R: Runtime, S: System> {
    /// Its id, by which the earlier client knew it ([`Lease::request`](crate::Lease::request)).
    pub id: RequestId,
    /// The machine that it was granted on; `None`: it is queued.
    pub machine: Option<MachineId>,
    /// Resolves to the lease when it is granted, or the machine comes back. To
    /// [`Lost`](crate::RequestError::Lost), when that does not, and nothing that ran there is alive. Dropping it cancels it.
    pub request: Request<R, S>,
}

impl<R: Runtime, S: System> fmt::Debug for Resumed<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed")
            .field("id", &self.id)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime, S: System> Cluster<R, S> {
    /// A cluster that goes on where the one was cut off whose journal was read as `past`, and the requests that it has taken
    /// over. The caller has made sure that the earlier driver is gone.
    ///
    /// The manager's time goes on from the last event: time in which no driver ran counts for nothing. Machines that can come
    /// back ([`System::token`], [`System::adopt`]) are waited for, and keep what was granted there; the others are gone, with
    /// their requests. Starts that were not over are begun again. Work done once that was not over has failed.
    ///
    /// Of a machine that comes back, calls that its leases made before are not made again: the client makes the same calls in
    /// the same order, and each that the machine knows is taken over, with all its output from the beginning.
    ///
    /// `recorder` goes on with the journal (see [`FileRecorder::resume`](crate::FileRecorder::resume)).
    ///
    /// # Panics
    /// If the earlier cluster was shut down ([`Past::is_over`]).
    pub fn resume(
        runtime: R,
        system: S,
        options: Options,
        past: Past,
        recorder: Option<impl Recorder>,
    ) -> (Self, Vec<Resumed<R, S>>) {
        assert!(
            !past.is_over(),
            "a cluster that was shut down is not resumed"
        );
        let recorder = recorder.map(|recorder| Box::new(recorder) as Box<dyn Recorder>);
        let ahead = past.time() - runtime.now();
        for (id, token) in past.ended() {
            system.ended(id, token.to_owned());
        }
        let Past {
            manager,
            tokens,
            next_id,
            joined,
            ever_up,
            ..
        } = past;
        let shared = Shared::new(
            runtime,
            system,
            options,
            manager,
            recorder,
            ahead,
            background::spawn,
        );
        let silence = shared.silence;
        let (found, adopts) = shared.read(|state| {
            let mut found = requests(state);
            let adopts: Vec<Adopt> = there(state)
                .map(|(id, kind)| Adopt {
                    id,
                    kind,
                    token: tokens.get(&id).cloned(),
                    running: granted_on(&found, id),
                    silence,
                })
                .collect();
            found.sort_unstable_by_key(|&(id, ..)| id);
            (found, adopts)
        });
        shared.with(|state| {
            (state.next_id, state.joined, state.ever_up) = (next_id, joined, ever_up);
            for &(id, ..) in &found {
                state.requests.insert(id, RequestEntry::Queued(None));
            }
            state.machine_tasks += adopts.len();
            state.away.extend(adopts.iter().map(|adopt| adopt.id));
            for outstanding in state.manager.outstanding() {
                match outstanding.action {
                    Action::Start { kind, first, count } => state.on_start(kind, first, count),
                    Action::RunOnce { machine, key } => {
                        let outcome = OnceOutcome::Unreachable;
                        state.feed(Event::OnceDone {
                            machine,
                            key,
                            outcome,
                        });
                    }
                    _ => {}
                }
            }
            for adopt in adopts {
                if adopt.token.is_none() {
                    // Nothing new is given to what does not come back.
                    let (machine, until) = (adopt.id, None);
                    state.feed(Event::Drain { machine, until });
                }
                state.spawn(Task::Adopt(adopt));
            }
        });
        let cluster = Cluster::begun(shared);
        let resumed = found.into_iter().map(|(id, machine, spec)| Resumed {
            id,
            machine,
            request: Request::made(cluster.handle().clone(), id, spec),
        });
        let resumed = resumed.collect();
        (cluster, resumed)
    }
}

/// A request, where it was granted, and what it asked for.
type Found = (RequestId, Option<MachineId>, Submit);

fn requests<S: System>(state: &State<S>) -> Vec<Found> {
    let manager = &state.manager;
    let queued = manager.queue();
    let mut all: Vec<Found> = queued.map(|it| (it.request, None, it.spec)).collect();
    for view in manager.machines() {
        let spec = |taken| Submit::new(Demand::Amounts(taken));
        let granted = view.grants();
        all.extend(granted.map(|(request, taken)| (request, Some(view.id()), spec(taken))));
    }
    all
}

fn granted_on(found: &[Found], machine: MachineId) -> Vec<RequestId> {
    let on = found.iter().filter(|(_, on, _)| *on == Some(machine));
    on.map(|&(request, ..)| request).collect()
}

/// The machines that are up, or were told to stop.
fn there<S: System>(state: &State<S>) -> impl Iterator<Item = (MachineId, remuda::KindId)> {
    let up = |view: &remuda::MachineView<'_>| view.health() != Health::Pending;
    let machines = state.manager.machines().filter(up);
    machines.map(|view| (view.id(), view.kind()))
}
