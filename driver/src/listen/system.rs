//! The system of machines that are workers which connect back.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, Shared as SharedFuture, join, select};
use remuda::{MachineId, Resources, TaskId};
use remuda_worker::session::MARGIN;
use remuda_worker::wire::{Figures, ToWorker};

use super::port::Listener;
use crate::error::{CallError, StartError};
use crate::process::{Group, Tail, read};
use crate::runtime::{Child, Runtime};
use crate::signal::Signal;
use crate::system::{Invocation, Start, System};
use crate::worker_link::Link;

/// Machines that are workers which connect back. See [`ConnectSystem::new`].
#[derive(Clone, Debug)]
pub struct ConnectSystem<R> {
    listener: Listener<R>,
    template: Vec<String>,
}

impl<R: Runtime> ConnectSystem<R> {
    /// A system whose machines are the workers of `listener`. A start waits until a worker with its machine's number
    /// connects; who starts that worker is left to others, unless there is a [command](ConnectSystem::start_with) for it.
    pub fn new(listener: &Listener<R>) -> Self {
        ConnectSystem {
            listener: listener.clone(),
            template: Vec::new(),
        }
    }

    /// Has a command start each machine: a program and its arguments, without a shell. In each word, `{id}` stands for the
    /// number that the worker is to say, `{address}` for the address of the listener, `{machine}` for the machine's name,
    /// `{kind}` for its kind (`k0`) and `{procs}` for the procs of its kind.
    ///
    /// The command may end before the worker connects, as `sbatch` does, or go on as long as it runs.
    #[must_use]
    pub fn start_with(mut self, template: Vec<String>) -> Self {
        self.template = template;
        self
    }

    fn command(&self, start: &Start) -> Option<Command> {
        let id = start.id.0.to_string();
        let procs = start.capacity.proc_count().to_string();
        let (machine, kind) = (start.id.to_string(), start.kind.to_string());
        let address = self.listener.address().to_string();
        let mut words = self.template.iter().map(|word| {
            word.replace("{id}", &id)
                .replace("{address}", &address)
                .replace("{machine}", &machine)
                .replace("{kind}", &kind)
                .replace("{procs}", &procs)
        });
        let mut command = Command::new(words.next()?);
        command.args(words);
        Some(command)
    }

    /// Runs the start command. Resolves with an error if it fails, and never if it does not. Dropping the result ends it.
    async fn launch(&self, start: &Start, keep: &Signal) -> StartError {
        use std::os::unix::process::CommandExt as _;
        let Some(mut command) = self.command(start) else {
            return std::future::pending().await;
        };
        let words = self.template.join(" ");
        let refuse = |what: String| StartError::new(format!("`{words}`: {what}"));
        let runtime = &self.listener.port.runtime;
        // In its own process group, Ctrl-C at the terminal signals only the driver.
        let child = match runtime.start({
            command.process_group(0);
            command
        }) {
            Ok(child) => child,
            Err(error) => return refuse(format!("it cannot be run: {error}")),
        };
        let Child {
            id,
            stdin,
            mut stdout,
            stderr,
            process,
        } = child;
        drop(stdin);
        let mut process = Group::new(id, process);
        let tail = Arc::new(Tail::follow(runtime, start.id, stderr));
        let (sender, ended) = oneshot::channel();
        let (wanted, unwanted) = oneshot::channel::<()>();
        let (keep, following) = (keep.clone(), tail.clone());
        // A task of its own: where the command is the worker, it goes on when the start is over.
        let running = async move {
            let drain = async {
                let mut buffer = [0; 1024];
                while read(&mut *stdout, &mut buffer).await > 0 {}
            };
            let ending = std::pin::pin!(join(process.wait(), drain));
            match select(ending, unwanted).await {
                Either::Left(((status, ()), _)) => drop(sender.send(status)),
                Either::Right((_, ending)) if keep.is_raised() => drop(ending.await),
                Either::Right(_) => {}
            }
            drop(following);
        };
        runtime.spawn(running);
        let status = ended.await;
        let failed = match status {
            Ok(Ok(status)) if status.success() => std::future::pending().await,
            Ok(Ok(status)) => format!("it ended ({status})"),
            Ok(Err(error)) => format!("it cannot be waited for: {error}"),
            Err(_) => "it was ended".into(),
        };
        drop(wanted);
        match tail.settle(runtime).await {
            said if said.is_empty() => refuse(failed),
            said => refuse(format!("{failed}; it printed: {said}")),
        }
    }
}

impl<R: Runtime> System for ConnectSystem<R> {
    type Machine = ConnectedWorker;

    async fn start(&self, start: Start) -> Result<ConnectedWorker, StartError> {
        let mut waiting = self.listener.port.expect(start.id);
        start.queued();
        let keep = Signal::default();
        let launching = Box::pin(self.launch(&start, &keep));
        let begun = Box::pin(waiting.begun());
        let begun = match select(begun, launching).await {
            Either::Left((begun, launching)) => {
                keep.raise();
                drop(launching);
                begun
            }
            Either::Right((error, _)) => return Err(error),
        };
        start.booting();
        let ended = || StartError::new("the worker connected, and ended before its hello");
        begun.ok_or_else(ended)?.await.map_err(|_| ended())
    }

    /// The procs of its hello; it says nothing of the other amounts.
    fn offer(&self, machine: &ConnectedWorker, capacity: Resources) -> Resources {
        machine.offer(capacity)
    }

    async fn stopped(&self, machine: &ConnectedWorker) -> String {
        let dead = machine.dead.clone().await;
        dead.unwrap_or_else(|_| "nothing watches it any more".into())
    }

    async fn stop(&self, machine: &ConnectedWorker) {
        machine.link.control(&ToWorker::Goodbye);
    }

    fn kill(&self, machine: &ConnectedWorker) {
        machine.kill.raise();
    }

    /// A worker that cannot be reached ends its jobs when its lease is over.
    fn kill_limit(&self, machine: &ConnectedWorker) -> Duration {
        machine.window + MARGIN + Duration::from_secs(1)
    }

    async fn poll(&self, machine: &ConnectedWorker) -> Figures {
        machine.link.poll().await.unwrap_or_default()
    }

    async fn call(
        &self,
        machine: &ConnectedWorker,
        call: Invocation,
    ) -> Result<Vec<u8>, CallError> {
        machine.link.call(call).await
    }

    async fn discard(&self, machine: &ConnectedWorker, task: TaskId) -> Result<(), String> {
        machine.link.discard(task.0).await
    }

    fn name(&self, id: MachineId, machine: &ConnectedWorker) -> String {
        match machine.peer {
            Some(peer) => format!("{id} ({})", peer.ip()),
            None => id.to_string(),
        }
    }
}

/// A worker that has connected back. Dropping it ends it.
#[derive(Debug)]
pub struct ConnectedWorker {
    link: Arc<Link>,
    procs: u32,
    peer: Option<SocketAddr>,
    dead: SharedFuture<oneshot::Receiver<String>>,
    kill: Signal,
    window: Duration,
}

impl ConnectedWorker {
    pub(super) fn new(
        link: Arc<Link>,
        procs: u32,
        peer: Option<SocketAddr>,
        dead: oneshot::Receiver<String>,
        kill: &Signal,
        window: Duration,
    ) -> ConnectedWorker {
        ConnectedWorker {
            link,
            procs,
            peer,
            dead: dead.shared(),
            kill: kill.clone(),
            window,
        }
    }

    /// The address of its first connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The procs of its hello; it says nothing of the other amounts.
    pub(crate) fn offer(&self, capacity: Resources) -> Resources {
        let mut amounts = capacity.amounts();
        amounts[0] = self.procs;
        Resources::new(amounts)
    }
}

impl Drop for ConnectedWorker {
    fn drop(&mut self) {
        self.kill.raise();
    }
}
