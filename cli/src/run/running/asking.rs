//! A job that waits for a lease.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use remuda_tokio::RequestError;

use super::Running;
use crate::book::Id;
use crate::listen::{Lease, Request};
use crate::serve::Feed;

/// A job that waits for a lease: all there is of it, many may wait.
pub(super) struct Asking {
    job: Id,
    request: Request,
    /// Where it is to be said what the request is for, once it has an id.
    told: Option<Box<Told>>,
}

/// Who is to hear what a request is for.
struct Told {
    feed: Feed,
    name: String,
}

impl Future for Asking {
    type Output = (Id, Result<Lease, RequestError>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let lease = self.request.poll_unpin(context);
        // One that is granted at once is named with its lease.
        if let (Poll::Pending, Some(told)) = (&lease, self.told.take())
            && let Some(request) = self.request.id()
        {
            told.feed.name(request, &told.name);
        }
        lease.map(|lease| (self.job, lease))
    }
}

impl Running<'_> {
    pub(super) fn ask(&mut self, id: Id) -> Asking {
        if let Some((request, taken_over)) = self.taken_over.remove(&id) {
            self.held.insert(id, taken_over);
            return Asking {
                job: id,
                request,
                told: self.told(id),
            };
        }
        let job = self.book.job(id);
        let kinds = self.plan.offers.kinds(job);
        let request = self.cluster.request(job.demand());
        let mut request = request.priority(job.priority).kinds(kinds);
        let prefers = job.extra.as_ref().and_then(|extra| extra.prefer.as_ref());
        if let Some(&machine) = prefers.and_then(|name| self.homes.get(name)) {
            request = request.prefer(machine);
        }
        if let Some(machine) = self.turns.get(&id).and_then(|turn| turn.avoid) {
            request = request.avoid(machine);
        }
        Asking {
            job: id,
            request,
            told: self.told(id),
        }
    }

    /// What is said of a job that waits, if anyone hears of it.
    fn told(&self, id: Id) -> Option<Box<Told>> {
        let feed = self.feed.clone()?;
        let name = self.book.job(id).name().into_owned();
        Some(Box::new(Told { feed, name }))
    }
}
