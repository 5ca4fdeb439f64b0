//! The stream of lost tasks (S14, S15).

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::mpsc;
use futures::{Stream, StreamExt};
use remuda::{MachineId, TaskId};

/// A task whose result was lost with its machine (S14) or was discarded (S15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostTask {
    /// The task.
    pub task: TaskId,
    /// The machine that held its result.
    pub machine: MachineId,
}

/// A stream of the tasks that are lost, made by [`Cluster::lost_tasks`](crate::Cluster::lost_tasks).
#[derive(Debug)]
pub struct LostTasks(pub(crate) mpsc::UnboundedReceiver<LostTask>);

impl LostTasks {
    /// The next lost task, or `None` when the cluster has ended. Waits until there is one.
    pub async fn next(&mut self) -> Option<LostTask> {
        StreamExt::next(&mut self.0).await
    }
}

impl Stream for LostTasks {
    type Item = LostTask;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LostTask>> {
        self.0.poll_next_unpin(cx)
    }
}
