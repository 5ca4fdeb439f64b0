//! A system that is made of two: machines of some kinds are the second one's, all others the first one's.

use std::time::Duration;

use futures::future::{Either, join};
use remuda::{Kinds, MachineId, Resources, TaskId};
use remuda_worker::wire::Figures;

use crate::error::{CallError, StartError};
use crate::system::{Adopt, Invocation, Start, System};

/// Two systems in one cluster. See [`ByKind::new`].
#[derive(Clone, Debug)]
pub struct ByKind<A, B> {
    first: A,
    second: B,
    kinds: Kinds,
}

/// A machine of either system of a [`ByKind`].
#[derive(Clone, Debug)]
pub enum OneOf<A, B> {
    /// Of the first system.
    First(A),
    /// Of the second.
    Second(B),
}

impl<A, B> ByKind<A, B> {
    /// Starts machines of `kinds` with `second`, and those of all other kinds with `first`. For three systems, `second` is
    /// such a pair again.
    pub fn new(first: A, second: B, kinds: Kinds) -> Self {
        ByKind {
            first,
            second,
            kinds,
        }
    }
}

impl<A: System, B: System> System for ByKind<A, B> {
    type Machine = OneOf<A::Machine, B::Machine>;

    async fn start(&self, start: Start) -> Result<Self::Machine, StartError> {
        match self.kinds.contains(start.kind) {
            false => self.first.start(start).await.map(OneOf::First),
            true => self.second.start(start).await.map(OneOf::Second),
        }
    }

    fn start_many(
        &self,
        starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<Self::Machine, StartError>> + Send> {
        // They are of one kind.
        let second = starts
            .first()
            .is_some_and(|start| self.kinds.contains(start.kind));
        match second {
            false => {
                let starts = self.first.start_many(starts).into_iter();
                starts
                    .map(|start| Either::Left(async { start.await.map(OneOf::First) }))
                    .collect()
            }
            true => {
                let starts = self.second.start_many(starts).into_iter();
                starts
                    .map(|start| Either::Right(async { start.await.map(OneOf::Second) }))
                    .collect()
            }
        }
    }

    fn offer(&self, machine: &Self::Machine, capacity: Resources) -> Resources {
        match machine {
            OneOf::First(machine) => self.first.offer(machine, capacity),
            OneOf::Second(machine) => self.second.offer(machine, capacity),
        }
    }

    async fn stopped(&self, machine: &Self::Machine) -> String {
        match machine {
            OneOf::First(machine) => self.first.stopped(machine).await,
            OneOf::Second(machine) => self.second.stopped(machine).await,
        }
    }

    async fn leaving(&self, machine: &Self::Machine) -> Duration {
        match machine {
            OneOf::First(machine) => self.first.leaving(machine).await,
            OneOf::Second(machine) => self.second.leaving(machine).await,
        }
    }

    async fn stop(&self, machine: &Self::Machine) {
        match machine {
            OneOf::First(machine) => self.first.stop(machine).await,
            OneOf::Second(machine) => self.second.stop(machine).await,
        }
    }

    fn kill(&self, machine: &Self::Machine) {
        match machine {
            OneOf::First(machine) => self.first.kill(machine),
            OneOf::Second(machine) => self.second.kill(machine),
        }
    }

    fn kill_limit(&self, machine: &Self::Machine) -> Duration {
        match machine {
            OneOf::First(machine) => self.first.kill_limit(machine),
            OneOf::Second(machine) => self.second.kill_limit(machine),
        }
    }

    async fn finished(&self) {
        join(self.first.finished(), self.second.finished()).await;
    }

    async fn poll(&self, machine: &Self::Machine) -> Figures {
        match machine {
            OneOf::First(machine) => self.first.poll(machine).await,
            OneOf::Second(machine) => self.second.poll(machine).await,
        }
    }

    async fn call(&self, machine: &Self::Machine, call: Invocation) -> Result<Vec<u8>, CallError> {
        match machine {
            OneOf::First(machine) => self.first.call(machine, call).await,
            OneOf::Second(machine) => self.second.call(machine, call).await,
        }
    }

    async fn discard(&self, machine: &Self::Machine, task: TaskId) -> Result<(), String> {
        match machine {
            OneOf::First(machine) => self.first.discard(machine, task).await,
            OneOf::Second(machine) => self.second.discard(machine, task).await,
        }
    }

    fn token(&self, machine: &Self::Machine) -> Option<String> {
        match machine {
            OneOf::First(machine) => self.first.token(machine),
            OneOf::Second(machine) => self.second.token(machine),
        }
    }

    async fn adopt(&self, adopt: Adopt) -> Option<Self::Machine> {
        match self.kinds.contains(adopt.kind) {
            false => self.first.adopt(adopt).await.map(OneOf::First),
            true => self.second.adopt(adopt).await.map(OneOf::Second),
        }
    }

    /// Either may know it: each passes over the tokens of others.
    fn ended(&self, id: MachineId, token: String) {
        self.first.ended(id, token.clone());
        self.second.ended(id, token);
    }

    fn name(&self, id: MachineId, machine: &Self::Machine) -> String {
        match machine {
            OneOf::First(machine) => self.first.name(id, machine),
            OneOf::Second(machine) => self.second.name(id, machine),
        }
    }
}
