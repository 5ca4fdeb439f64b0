//! In place of the server, in a program that is built without it (feature `serve`): there is nothing to be served.
use std::convert::Infallible;
use std::io;

use clap::Args;
use remuda::{Action, Event, Instant, Manager, RequestId};
use remuda_tokio::Recorder;

/// No flags.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {}

pub(crate) const FILES: u64 = 0;

pub(crate) struct Port(Infallible);
pub(crate) struct Server(Infallible);

#[derive(Clone, Debug)]
pub(crate) struct Feed(Infallible);

impl Port {
    pub(crate) fn open(_: &ServeArgs) -> Result<Option<Port>, String> {
        Ok(None)
    }

    pub(crate) fn said(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn serve(self, _: Manager, _: Vec<String>, _: String) -> io::Result<(Feed, Server)> {
        match self.0 {}
    }
}

impl Server {
    pub(crate) fn end(self) {
        match self.0 {}
    }
}

impl Feed {
    pub(crate) fn name(&self, _: RequestId, _: &str) {
        match self.0 {}
    }
}

impl Recorder for Feed {
    fn begin(&mut self, _: Instant, _: &Manager) {
        match self.0 {}
    }

    fn record(&mut self, _: Instant, _: &Event, _: &[Action], _: &Manager) {
        match self.0 {}
    }
}
