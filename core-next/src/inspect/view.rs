//! Read-only views of a manager (signatures only, so far).

use core::fmt;

use crate::manager::Manager;
use crate::protocol::counts::Health;
use crate::protocol::event::Submit;
use crate::protocol::id::{KindId, MachineId, RequestId, TaskId};
use crate::protocol::resources::Resources;
use crate::protocol::time::Instant;

/// A queued request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub struct Waiting {
    /// Its id.
    pub request: RequestId,
    /// What it asks for.
    pub spec: Submit,
    /// Whether its turn has come (P4).
    pub turn: bool,
    /// The machine that is held for it (P4).
    pub held: Option<MachineId>,
}

/// A look at one machine.
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub struct MachineView<'a> {
    manager: &'a Manager,
    slot: u32,
}

#[allow(missing_docs)]
impl<'a> MachineView<'a> {
    pub fn id(&self) -> MachineId {
        todo!()
    }
    pub fn kind(&self) -> KindId {
        todo!()
    }
    pub fn health(&self) -> Health {
        todo!()
    }
    /// Whether it is on probation, also while it drains.
    pub fn on_probation(&self) -> bool {
        todo!()
    }
    /// What runs on it takes so much.
    pub fn used(&self) -> Resources {
        todo!()
    }
    /// What it offers; pending: its kind's capacity.
    pub fn offer(&self) -> Resources {
        todo!()
    }
    /// Used procs over offered procs (S18).
    pub fn load(&self) -> f64 {
        todo!()
    }
    pub fn running(&self) -> impl Iterator<Item = RequestId> + use<'a> {
        core::iter::empty()
    }
    pub fn grants(&self) -> impl Iterator<Item = (RequestId, Resources)> + use<'a> {
        core::iter::empty()
    }
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<'a> {
        core::iter::empty()
    }
    /// Since when it is idle (E1); `None` if it is not.
    pub fn idle_since(&self) -> Option<Instant> {
        todo!()
    }
    /// The request it is held for (P4).
    pub fn held_for(&self) -> Option<RequestId> {
        todo!()
    }
}

impl fmt::Debug for MachineView<'_> {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
