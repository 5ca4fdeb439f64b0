//! Workers that connect back to a run: what the command line says of them, and the system that has them beside others.
use std::net::{SocketAddr, TcpListener};

use remuda::{Config, Kind, KindId, Kinds, Resources};
use remuda_tokio::{ByKind, ConnectSystem, Key, Listen, Listener, OneOf, ProcessSystem, Tokio};
use remuda_worker::EXEC;

use crate::args::ListenArgs;

/// All machines of a run: those that it launches, and those that connect back.
pub(crate) type System = ByKind<ProcessSystem, ConnectSystem<Tokio>>;
pub(crate) type Cluster = remuda_tokio::Cluster<System>;
pub(crate) type Lease = remuda_tokio::Lease<System>;
pub(crate) type Request = remuda_tokio::Request<System>;

/// The most procs that a worker may have which connects back.
pub(crate) const MOST_PROCS: u32 = 65_536;

/// A port that is bound, and not listened on yet.
pub(crate) struct Port {
    key: Key,
    socket: TcpListener,
    kind: KindId,
}

impl Port {
    /// Binds the port of the command line, if it names one.
    ///
    /// # Errors
    /// One line: what is wrong with the key file or the address.
    pub(crate) fn open(args: &ListenArgs) -> Result<Option<Port>, String> {
        let (Some(address), Some(file)) = (args.listen, &args.key_file) else {
            return Ok(None);
        };
        let key = Key::read(file).map_err(|error| format!("--key-file: {error}"))?;
        let socket = TcpListener::bind(address);
        let socket = socket.map_err(|error| format!("--listen {address}: {error}"))?;
        let kind = KindId(0);
        Ok(Some(Port { key, socket, kind }))
    }

    /// A config in which only workers that connect back are machines.
    pub(crate) fn alone(&self) -> Config {
        Config::empty().kind(connected()).max_procs(u64::MAX)
    }

    /// Adds them to a config as its last kind.
    pub(crate) fn beside(&mut self, config: Config) -> Config {
        self.kind = KindId(u8::try_from(config.kinds.len()).expect("there are at most 64 kinds"));
        config.kind(connected())
    }

    /// Where workers connect to.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }
}

fn connected() -> Kind {
    let all = Resources::new([MOST_PROCS, u32::MAX, u32::MAX, u32::MAX]);
    Kind::new(all).startable(false)
}

/// The system of a run, and the port that is to be kept open.
///
/// # Errors
/// The runtime cannot listen.
pub(crate) fn system(
    runtime: &Tokio,
    launched: ProcessSystem,
    port: Option<Port>,
) -> std::io::Result<(System, Option<Listener>)> {
    let Some(Port { key, socket, kind }) = port else {
        let none = ConnectSystem::default();
        return Ok((ByKind::new(launched, none, Kinds::NONE), None));
    };
    let listen = Listen::new(key).kind("connected", kind).functions([EXEC]);
    let listener = listen.on(runtime, socket)?;
    let workers = ConnectSystem::new(&listener);
    Ok((
        ByKind::new(launched, workers, Kinds::from(kind)),
        Some(listener),
    ))
}

/// Takes workers in that join.
pub(crate) fn admit(listener: &Listener, cluster: &Cluster) {
    listener.admit(cluster, OneOf::Second);
}
