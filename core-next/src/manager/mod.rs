//! The manager (signatures only, so far).

use alloc::vec::Vec;

use crate::inspect::invariants::Violation;
use crate::inspect::outstanding::Outstanding;
use crate::inspect::view::{MachineView, Waiting};
use crate::protocol::action::Action;
use crate::protocol::config::{Config, ConfigError};
use crate::protocol::counts::{Counts, StartBackoff};
use crate::protocol::event::Event;
use crate::protocol::id::{KindId, MachineId, RequestId};
use crate::protocol::time::Instant;

/// A cluster's state, and the decisions about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {}

#[allow(unused_variables, missing_docs)]
impl Manager {
    pub fn new(config: Config) -> Result<Manager, ConfigError> {
        todo!()
    }
    #[must_use]
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        todo!()
    }
    pub fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        todo!()
    }
    pub fn next_timeout(&self) -> Option<Instant> {
        todo!()
    }
    pub fn counts(&self) -> Counts {
        todo!()
    }
    pub fn counts_of(&self, kind: KindId) -> Option<Counts> {
        todo!()
    }
    pub fn queue(&self) -> impl Iterator<Item = Waiting> {
        core::iter::empty()
    }
    pub fn machines(&self) -> impl Iterator<Item = MachineView<'_>> {
        core::iter::empty()
    }
    pub fn machine(&self, machine: MachineId) -> Option<MachineView<'_>> {
        todo!()
    }
    pub fn start_backoff(&self, kind: KindId) -> Option<StartBackoff> {
        todo!()
    }
    pub fn config(&self) -> &Config {
        todo!()
    }
    pub fn now(&self) -> Instant {
        todo!()
    }
    pub fn is_shut_down(&self) -> bool {
        todo!()
    }
    pub fn check_invariants(&self) -> Result<(), Violation> {
        todo!()
    }
    /// A1.
    pub fn outstanding(&self) -> Vec<Outstanding> {
        todo!()
    }
    /// The machine a request runs on.
    pub fn machine_of(&self, request: RequestId) -> Option<MachineId> {
        todo!()
    }
}
