//! What these tests share: a port, workers that connect to it, and a relay that cuts connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use remuda::{Config, Demand, Kind, KindId, Resources};
use remuda_driver::{
    Cluster, ConnectSystem, ConnectedWorker, Key, Lease, Listen, Listener, Options, Runtime,
};
use remuda_tests::eventually;
pub(crate) use remuda_tests::processes::{FUNCTIONS, alive, await_nothing, mark, send};

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_test-worker");

pub(crate) type Machines<R> = Cluster<R, ConnectSystem<R>>;
pub(crate) type MachineLease<R> = Lease<R, ConnectSystem<R>>;

/// A key, and the file that it is in.
pub(crate) struct KeyFile {
    pub(crate) key: Key,
    pub(crate) path: PathBuf,
}

impl KeyFile {
    pub(crate) fn new() -> KeyFile {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("remuda-test-key-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let key = Key::create(&path).expect("a new file");
        KeyFile { key, path }
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

pub(crate) fn listen<R: Runtime>(runtime: &R, key: &KeyFile) -> Listener<R> {
    let listen = Listen::new(key.key.clone()).functions(FUNCTIONS);
    listen.bind(runtime, loopback()).expect("a free port")
}

/// A worker that connects. It is killed when the result is dropped.
pub(crate) struct Joined(pub(crate) Child);

impl Joined {
    pub(crate) fn start(
        mark: &str,
        address: SocketAddr,
        key: &KeyFile,
        reconnect: Duration,
        kind: &str,
    ) -> Joined {
        Joined::start_as("join", mark, address, key, reconnect, kind)
    }

    /// One that answers the start of a machine, by its name, unless that is `join`.
    pub(crate) fn start_as(
        machine: &str,
        mark: &str,
        address: SocketAddr,
        key: &KeyFile,
        reconnect: Duration,
        kind: &str,
    ) -> Joined {
        let millis = reconnect.as_millis();
        let argument = format!("{address} {} {millis} {kind}", key.path.display());
        let words = [WORKER, "2", machine, mark, "connect", argument.trim_end()];
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        Joined(
            command
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program is there"),
        )
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// What it said when it ended.
    pub(crate) async fn said<R: Runtime>(mut self, runtime: &R) -> String {
        eventually(runtime, "the worker ends", || {
            self.0.try_wait().expect("it is ours").is_some()
        })
        .await;
        let mut said = String::new();
        let stderr = self.0.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut said).expect("text");
        said
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One kind of machines of two procs, which join.
pub(crate) fn joining() -> Config {
    Config::empty()
        .kind(Kind::new(Resources::procs(2)).startable(false))
        .max_procs(1000)
}

/// A cluster of workers that join.
pub(crate) fn cluster<R: Runtime>(
    runtime: &R,
    listener: &Listener<R>,
    config: Config,
) -> Machines<R> {
    cluster_with(runtime, listener, config, Options::default())
}

pub(crate) fn cluster_with<R: Runtime>(
    runtime: &R,
    listener: &Listener<R>,
    config: Config,
    options: Options,
) -> Machines<R> {
    let system = ConnectSystem::new(listener);
    let cluster = Cluster::new(runtime.clone(), system, config, options);
    let cluster = cluster.expect("a good config");
    listener.admit(&cluster, |worker: ConnectedWorker| worker);
    cluster
}

pub(crate) fn procs(n: u32) -> Demand {
    Demand::procs(n).expect("not zero")
}

pub(crate) fn kind(kind: KindId) -> remuda::Kinds {
    remuda::Kinds::from(kind)
}

/// Passes connections on to a port, and cuts them.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<Relayed>>,
}

#[derive(Default)]
struct Relayed {
    to: Option<SocketAddr>,
    mode: Mode,
    streams: Vec<TcpStream>,
    connections: usize,
}

/// What a relay does with bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Pass,
    /// Swallows them, in both directions, as a network that drops packets does.
    Swallow,
    /// Swallows those of workers, and passes on those of the driver.
    SwallowWorkers,
    /// Closes new connections at once.
    Refuse,
}

impl Relay {
    pub(crate) fn new(to: SocketAddr) -> Relay {
        let listener = TcpListener::bind(loopback()).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(Relayed {
            to: Some(to),
            ..Relayed::default()
        }));
        let shared = state.clone();
        thread::spawn(move || {
            for worker in listener.incoming() {
                let Ok(worker) = worker else { return };
                let (mode, to) = {
                    let state = shared.lock().unwrap();
                    (state.mode, state.to.unwrap_or(to))
                };
                if mode == Mode::Refuse {
                    continue;
                }
                let Ok(driver) = TcpStream::connect(to) else {
                    continue;
                };
                let mut state = shared.lock().unwrap();
                state.connections += 1;
                for stream in [&worker, &driver] {
                    stream.set_nodelay(true).expect("a socket");
                    state
                        .streams
                        .push(stream.try_clone().expect("a descriptor"));
                }
                drop(state);
                let (worker2, driver2) = (worker.try_clone().unwrap(), driver.try_clone().unwrap());
                let (one, other) = (shared.clone(), shared.clone());
                thread::spawn(move || pass(worker, driver, &one, true));
                thread::spawn(move || pass(driver2, worker2, &other, false));
            }
        });
        Relay { address, state }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.lock().unwrap().mode = mode;
    }

    /// Passes connections on to another port from now on.
    pub(crate) fn lead_to(&self, to: SocketAddr) {
        self.state.lock().unwrap().to = Some(to);
    }

    /// Closes all connections. What is on its way is lost.
    pub(crate) fn cut(&self) {
        for stream in self.state.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &Mutex<Relayed>, from_worker: bool) {
    let mut buffer = [0; 16 * 1024];
    // A connection of which something was swallowed is of no use any more.
    let mut broken = false;
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        let mode = state.lock().unwrap().mode;
        broken |= mode == Mode::Swallow || mode == Mode::SwallowWorkers && from_worker;
        if !broken && to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    if state.lock().unwrap().mode == Mode::Pass {
        let _ = to.shutdown(Shutdown::Both);
    }
}
