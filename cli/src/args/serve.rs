//! The flags about a run that is watched while it goes on, and those of `remuda top`.
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::connect::address;

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Tell over HTTP how the run goes: figures for Prometheus at /metrics, all there is as JSON at /state.
    ///
    /// /explain/N says why request N, or the job of that name, waits; /healthz that the server is there. A port alone is one of
    /// this computer's loopback, which all of its users may read. Beyond it a token has to be shown: as a bearer token or
    /// ?token=…; it is in the address that is printed, or in --serve-token-file. Port 0 takes a free one. Example: remuda run
    /// --serve 7788 jobs.txt, then: remuda top 7788
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = address)]
    pub(crate) serve: Option<SocketAddr>,

    /// The token that readers have to show is in this file; it is made if it is not there.
    ///
    /// Only its owner may be able to read it (mode 600). Also for an address of the loopback. Example: remuda run --serve
    /// 0.0.0.0:7788 --serve-token-file ~/.remuda.token jobs.txt
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub(crate) serve_token_file: Option<PathBuf>,
}

/// Watch a run that goes on: its machines and what they do, the queue, waits and losses.
///
/// The run must have been started with --serve. The keys stand at the bottom; Ctrl-C and q leave the run as it is. Without a
/// terminal, --once prints it once.
///
/// Example: remuda run --serve 7788 jobs.txt, and in another terminal: remuda top 7788
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// Where the run is served: a port of this computer, HOST:PORT, or the address that the run has printed.
    #[arg(value_name = "ADDR", default_value = "7788")]
    pub(crate) address: String,

    /// The token that the run wants is in this file.
    ///
    /// Example: remuda top head:7788 --token-file ~/.remuda.token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Print it once, as text, and leave.
    ///
    /// Example: remuda top --once
    #[arg(long)]
    pub(crate) once: bool,
}
