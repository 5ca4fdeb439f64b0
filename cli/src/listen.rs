//! Workers that connect back to a run: what the command line says of them, and the system that has them beside others.
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use remuda::{KindId, Kinds};
use remuda_tokio::template::TemplateMachine;
use remuda_tokio::{
    ByKind, ConnectSystem, Key, Listen, Listener, OneOf, ProcessSystem, TemplateSystem, Tokio,
};
use remuda_worker::{EXEC, JOB};

use crate::args::{BatchArgs, ListenArgs, StartCommands};
use crate::recover::Notes;

/// All machines of a run: those that it launches, and those that connect back, started by a command or not.
pub(crate) type System = ByKind<ProcessSystem, TemplateSystem<Tokio, ConnectSystem<Tokio>>>;
pub(crate) type Cluster = remuda_tokio::Cluster<System>;
pub(crate) type Lease = remuda_tokio::Lease<System>;
pub(crate) type Request = remuda_tokio::Request<System>;

/// A port that is bound, and not listened on yet.
pub(crate) struct Port {
    key: Key,
    socket: TcpListener,
    kind: KindId,
    /// What starts machines that connect back, of kind 0 then, if anything does.
    commands: Option<StartCommands>,
    key_file: PathBuf,
}

impl Port {
    /// Binds the port of the command line, if it names one.
    ///
    /// # Errors
    /// One line: what is wrong with the key file or the address.
    pub(crate) fn open(args: &ListenArgs, batch: &BatchArgs) -> Result<Option<Port>, String> {
        let (Some(address), Some(file)) = (args.listen, &args.key_file) else {
            return Ok(None);
        };
        let key = Key::read(file).map_err(|error| format!("--key-file: {error}"))?;
        let socket = TcpListener::bind(address);
        let socket = socket.map_err(|error| format!("--listen {address}: {error}"))?;
        let key_file = std::path::absolute(file).map_err(|error| format!("--key-file: {error}"))?;
        Ok(Some(Port {
            key,
            socket,
            kind: KindId(0),
            commands: batch.start_commands()?,
            key_file,
        }))
    }

    /// Those that connect back, and that nothing here has started, are machines of this kind.
    pub(crate) fn joins(&mut self, kind: KindId) {
        self.kind = kind;
    }

    /// Where workers on other computers connect to: by this computer's name, where the port is open on all addresses.
    fn advertised(&self) -> String {
        match self.address() {
            Some(address) if address.ip().is_unspecified() => {
                let name = rustix::system::uname();
                let name = name.nodename().to_string_lossy();
                format!("{name}:{}", address.port())
            }
            Some(address) => address.to_string(),
            None => String::new(),
        }
    }

    /// Where workers connect to.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }
}

/// The system of a run, and the port that is to be kept open. `epoch` says how often the run was begun, if it can go on after it
/// is killed, else it is 0; `notes` are then written of machines that have ended.
///
/// # Errors
/// The runtime cannot listen.
pub(crate) fn system(
    runtime: &Tokio,
    launched: ProcessSystem,
    port: Option<Port>,
    epoch: u64,
    notes: Option<Notes>,
) -> std::io::Result<(System, Option<Listener>)> {
    let template = |workers, start| TemplateSystem::new(runtime.clone(), workers, start);
    let Some(port) = port else {
        let none = template(ConnectSystem::default(), Vec::new());
        return Ok((ByKind::new(launched, none, Kinds::NONE), None));
    };
    let address = port.advertised();
    let Port {
        key,
        socket,
        kind,
        commands,
        key_file,
    } = port;
    let listen = Listen::new(key)
        .kind("connected", kind)
        .epoch(epoch)
        .functions([EXEC, JOB]);
    let listener = listen.on(runtime, socket)?;
    let workers = ConnectSystem::new(&listener);
    let (workers, kinds) = match commands {
        None => (template(workers, Vec::new()), Kinds::from(kind)),
        Some(StartCommands { start, input, stop }) => {
            let ended = move |machine| {
                if let Some(notes) = &notes {
                    notes.ended(machine);
                }
            };
            let started = template(workers, start)
                .on_ended(ended)
                .input(input)
                .stop(&stop)
                .value("address", address)
                .value("key", key_file.display());
            (started, Kinds::from(kind).with(KindId(0)))
        }
    };
    Ok((ByKind::new(launched, workers, kinds), Some(listener)))
}

/// Takes workers in that join.
pub(crate) fn admit(listener: &Listener, cluster: &Cluster) {
    listener.admit(cluster, |worker| {
        OneOf::Second(TemplateMachine::joined(worker))
    });
}
