//! One worker that connects back, over one connection after another, to its end.
//!
//! The end is proven in one of two ways. The worker's guard says, on a connection of its own, that the worker is gone and
//! nothing that it ran is alive. Or nothing was heard for so long that the worker has ended its jobs by itself: its lease runs
//! from a time of which it knows that the driver has heard of it, so it is over before the driver's time is.

use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::future::{Either, Fuse, FusedFuture as _, FutureExt as _, select};
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use futures::{StreamExt as _, select_biased};
use remuda::Resources;
use remuda_worker::session::{Accept, MARGIN, MAX_NAME, Opener, Record, Sealer, SessionId};
use remuda_worker::wire::{Decoder, FromWorker, Opening, ToWorker};

use super::port::{Joining, Port, Wanted};
use super::streams::Streams;
use super::system::ConnectedWorker;
use crate::runtime::{Connection, Runtime, timeout};
use crate::signal::Signal;
use crate::worker_link::{Link, compare_functions};

/// How much is read at once.
const READ: usize = 32 * 1024;

/// How long the other side may take for one last record.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of a session, and how many bytes of the driver's stream the worker has.
pub(super) struct Adopted {
    pub(super) connection: Connection,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    pub(super) received: u64,
}

impl Adopted {
    /// Sends one record and closes the connection.
    pub(super) async fn answer<R: Runtime>(mut self, runtime: &R, record: &Record<'_>) {
        let mut sealed = Vec::new();
        self.sealer.seal(record, &mut sealed);
        let Connection { reader, writer, .. } = &mut self.connection;
        let sending = async {
            writer.write_all(&sealed).await?;
            writer.close().await?;
            // A connection that is closed with bytes to read is reset, and the answer lost.
            reader.read(&mut [0; 64]).await
        };
        let _ = timeout(runtime, ANSWER_TIMEOUT, sending).await;
    }
}

pub(super) struct Session<R: Runtime> {
    port: Arc<Port<R>>,
    id: SessionId,
    /// For how long the worker keeps its jobs when it is cut off.
    window: Duration,
    connections: mpsc::UnboundedReceiver<Adopted>,
    /// Raised by the worker's guard.
    ended: Signal,
    streams: Streams,
    inbound: Inbound,
}

/// How a connection ended.
enum Cut {
    /// It is of no use any more; the worker may come back.
    Connection,
    /// The worker broke the protocol, or is none of ours: the text says how.
    Worker(String),
}

impl<R: Runtime> Session<R> {
    pub(super) fn new(
        port: Arc<Port<R>>,
        id: SessionId,
        window: Duration,
        wanted: (Wanted, bool),
        connections: mpsc::UnboundedReceiver<Adopted>,
        ended: Signal,
    ) -> Session<R> {
        let now = port.runtime.now();
        let settings = &port.settings;
        let inbound = Inbound::new(
            wanted,
            (id, settings.epoch),
            settings.functions.clone(),
            window,
        );
        Session {
            port,
            id,
            window,
            connections,
            ended,
            streams: Streams::new(now),
            inbound,
        }
    }

    pub(super) async fn run(mut self, first: Adopted) {
        let why = self.serve(first).await;
        self.port.forget(self.id);
        if let Some(link) = self.streams.link.get() {
            link.close(&why);
        }
        self.inbound.end(why);
    }

    /// Serves the worker until it has ended; why it has.
    async fn serve(&mut self, first: Adopted) -> String {
        let Session {
            port,
            window,
            connections,
            ended,
            streams,
            inbound,
            ..
        } = self;
        let (runtime, window, streams) = (&port.runtime, *window, &*streams);
        let kill = inbound.kill.clone();
        let mut ended = Box::pin(ended.wait()).fuse();
        let mut kill = Box::pin(kill.wait()).fuse();
        let hello_timeout = port.settings.hello_timeout;
        let mut overdue = Box::pin(overdue(runtime, hello_timeout, streams)).fuse();
        let mut silent = Box::pin(silent(runtime, window + MARGIN, streams)).fuse();
        let mut next = Some(first);
        // Why the worker is to end.
        let mut condemned: Option<String> = None;
        loop {
            let mut serving = match next.take() {
                Some(adopted) => {
                    inbound.peer = Some(adopted.connection.peer);
                    let epoch = port.settings.epoch;
                    Box::pin(over(adopted, streams, inbound, (window, epoch), runtime)).fuse()
                }
                None => Fuse::terminated(),
            };
            loop {
                select_biased! {
                    () = ended => {
                        // What it has sent before counts; its side of the connection is closed.
                        if !serving.is_terminated() {
                            let _ = timeout(runtime, ANSWER_TIMEOUT, &mut serving).await;
                        }
                        return condemned.unwrap_or_else(|| match streams.said_goodbye() {
                            true => "it said goodbye".into(),
                            false => "its process ended".into(),
                        });
                    }
                    () = kill => {
                        condemned.get_or_insert_with(|| "it was killed by its driver".into());
                        streams.finish(Record::Kill, runtime.now());
                    }
                    adopted = connections.select_next_some() => match &condemned {
                        None => {
                            next = Some(adopted);
                            break;
                        }
                        Some(why) => {
                            let (runtime, reason) = (runtime.clone(), why.clone());
                            let refused = async move {
                                adopted.answer(&runtime, &Record::Refuse { reason }).await;
                            };
                            port.runtime.spawn(refused);
                        }
                    },
                    cut = serving => {
                        if let Cut::Worker(why) = cut {
                            condemned.get_or_insert(why);
                        }
                        break;
                    }
                    () = overdue => {
                        let why = format!("it said no hello within {hello_timeout:?}");
                        streams.finish(refuse(&why), runtime.now());
                        condemned.get_or_insert(why);
                    }
                    () = silent => return condemned.unwrap_or_else(|| {
                        format!("it was out of reach for {:?}", window + MARGIN)
                    }),
                }
            }
        }
    }
}

fn refuse(why: &str) -> Record<'static> {
    let mut reason = why.to_owned();
    let end = (0..=MAX_NAME.min(reason.len()))
        .rev()
        .find(|&end| reason.is_char_boundary(end));
    reason.truncate(end.unwrap_or(0));
    Record::Refuse { reason }
}

/// Resolves if there is no hello in time.
async fn overdue<R: Runtime>(runtime: &R, limit: Duration, streams: &Streams) {
    runtime.sleep_until(runtime.now() + limit).await;
    if streams.link.get().is_some() {
        pending::<()>().await;
    }
}

/// Resolves when nothing was heard for so long.
async fn silent<R: Runtime>(runtime: &R, limit: Duration, streams: &Streams) {
    loop {
        let until = streams.heard() + limit;
        if runtime.now() >= until {
            return;
        }
        runtime.sleep_until(until).await;
    }
}

/// Carries the session over one connection, to the end of that.
async fn over<R: Runtime>(
    adopted: Adopted,
    streams: &Streams,
    inbound: &mut Inbound,
    (window, epoch): (Duration, u64),
    runtime: &R,
) -> Cut {
    let Adopted {
        connection: Connection { reader, writer, .. },
        sealer,
        opener,
        received,
    } = adopted;
    let received = match streams.resume(received, runtime.now()) {
        Ok(received) => received,
        Err(error) => {
            let why = error.to_string();
            streams.finish(refuse(&why), runtime.now());
            return Cut::Worker(why);
        }
    };
    let accept = Accept {
        received,
        epoch,
        reconnect_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
    };
    let receiving = Box::pin(receive(reader, opener, streams, inbound, runtime));
    let sending = Box::pin(send(writer, sealer, accept, streams));
    match select(receiving, sending).await {
        Either::Left((Cut::Worker(why), sending)) => {
            streams.finish(refuse(&why), runtime.now());
            let _ = timeout(runtime, ANSWER_TIMEOUT, sending).await;
            Cut::Worker(why)
        }
        Either::Left((Cut::Connection, _)) => Cut::Connection,
        // Its last record is sent. A connection that is closed with bytes to read would be reset, and that record be lost.
        Either::Right((true, receiving)) => {
            let _ = timeout(runtime, ANSWER_TIMEOUT, receiving).await;
            Cut::Connection
        }
        Either::Right((false, _)) => Cut::Connection,
    }
}

async fn receive<R: Runtime>(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    mut opener: Opener,
    streams: &Streams,
    inbound: &mut Inbound,
    runtime: &R,
) -> Cut {
    let mut buffer = vec![0; READ];
    loop {
        loop {
            let (acknowledged, time, bytes) = match opener.next() {
                Ok(Some(Record::Data {
                    acknowledged,
                    time,
                    bytes,
                })) => (acknowledged, time, bytes),
                Ok(None) => break,
                // Whoever sent that does not have the keys of this connection; the worker comes back on another.
                Ok(Some(_)) | Err(_) => return Cut::Connection,
            };
            let now = runtime.now();
            if let Err(error) = streams.on_data(acknowledged, time, bytes.len(), now) {
                return Cut::Worker(error.to_string());
            }
            if let Err(why) = inbound.push(bytes, streams) {
                return Cut::Worker(why);
            }
        }
        match reader.read(&mut buffer).await {
            Ok(read) if read > 0 => opener.push(&buffer[..read]),
            _ => return Cut::Connection,
        }
    }
}

/// Sends what there is to send. Returns whether the last record of the session was sent; false: the connection is of no use.
async fn send(
    mut writer: Box<dyn AsyncWrite + Send + Unpin>,
    mut sealer: Sealer,
    accept: Accept,
    streams: &Streams,
) -> bool {
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    sealer.seal(&Record::Accept(accept), &mut sealed);
    let mut more = true;
    loop {
        if writer.write_all(&sealed).await.is_err() || writer.flush().await.is_err() {
            return false;
        }
        if !more {
            let _ = writer.close().await;
            return true;
        }
        sealed.clear();
        more = poll_fn(|cx| streams.poll_send(cx, &mut sealer, &mut plain, &mut sealed)).await;
    }
}

/// What becomes of the worker's stream, and of the worker when its hello is here.
struct Inbound {
    stage: Stage,
    wanted: Option<Wanted>,
    /// The worker has served another driver, and says what runs there.
    again: bool,
    session: SessionId,
    epoch: u64,
    functions: Option<Vec<String>>,
    window: Duration,
    peer: Option<SocketAddr>,
    /// Raised to have the worker end.
    kill: Signal,
    dead: Option<oneshot::Sender<String>>,
}

enum Stage {
    Opening(Opening),
    Hello(Decoder<FromWorker>),
    /// The hello is here, and what runs is not.
    Running(Decoder<FromWorker>, Hello),
    Frames(Decoder<FromWorker>, Arc<Link>),
}

/// What a hello says.
struct Hello {
    offer: Resources,
    functions: Vec<String>,
}

impl Inbound {
    fn new(
        (wanted, again): (Wanted, bool),
        (session, epoch): (SessionId, u64),
        functions: Option<Vec<String>>,
        window: Duration,
    ) -> Inbound {
        Inbound {
            again,
            session,
            epoch,
            stage: Stage::Opening(Opening::new()),
            wanted: Some(wanted),
            functions,
            window,
            peer: None,
            kill: Signal::default(),
            dead: None,
        }
    }

    /// Takes bytes of the stream. An error says how they break the protocol.
    fn push(&mut self, bytes: &[u8], streams: &Streams) -> Result<(), String> {
        match &mut self.stage {
            Stage::Opening(opening) => {
                let opened = opening.push(bytes).map_err(|error| error.to_string())?;
                let Some(opened) = opened else { return Ok(()) };
                self.stage = Stage::Hello(opened.decoder);
            }
            Stage::Hello(decoder) | Stage::Running(decoder, _) | Stage::Frames(decoder, _) => {
                decoder.push(bytes);
            }
        }
        loop {
            let (Stage::Hello(decoder) | Stage::Running(decoder, _) | Stage::Frames(decoder, _)) =
                &mut self.stage
            else {
                return Ok(());
            };
            let message = decoder.next().map_err(|error| error.to_string())?;
            match (message, &self.stage) {
                (None, _) => return Ok(()),
                (Some(message), Stage::Frames(_, link)) => link.on_message(message)?,
                (
                    Some(FromWorker::Hello {
                        procs,
                        memory_mib,
                        gpus,
                        functions,
                    }),
                    Stage::Hello(_),
                ) => {
                    let offer = Resources::new([procs, memory_mib, gpus, u32::MAX]);
                    let hello = Hello { offer, functions };
                    match self.again {
                        true => self.await_running(hello),
                        false => self.on_hello(hello, Vec::new(), streams)?,
                    }
                }
                (Some(FromWorker::Running { calls }), Stage::Running(..)) => {
                    self.on_running(calls, streams)?;
                }
                (Some(_), Stage::Running(..)) => {
                    return Err("it does not say what runs there".into());
                }
                (Some(_), _) => return Err("its first frame is no hello".into()),
            }
        }
    }

    fn await_running(&mut self, hello: Hello) {
        let stage = Stage::Opening(Opening::new());
        if let Stage::Hello(decoder) = std::mem::replace(&mut self.stage, stage) {
            self.stage = Stage::Running(decoder, hello);
        }
    }

    fn on_running(&mut self, calls: Vec<(u64, bool)>, streams: &Streams) -> Result<(), String> {
        let stage = Stage::Opening(Opening::new());
        if let Stage::Running(decoder, hello) = std::mem::replace(&mut self.stage, stage) {
            self.stage = Stage::Hello(decoder);
            self.on_hello(hello, calls, streams)?;
        }
        Ok(())
    }

    fn on_hello(
        &mut self,
        Hello { offer, functions }: Hello,
        calls: Vec<(u64, bool)>,
        streams: &Streams,
    ) -> Result<(), String> {
        compare_functions(self.functions.as_deref(), &functions)?;
        let link = Arc::new(Link::taken_over(functions, self.epoch > 0, calls));
        // The lease takes the place of a limit for its silence.
        link.control(&ToWorker::Welcome { silence_ms: 0 });
        let stage = Stage::Opening(Opening::new());
        if let Stage::Hello(decoder) = std::mem::replace(&mut self.stage, stage) {
            self.stage = Stage::Frames(decoder, link.clone());
        }
        let (dead_sender, dead) = oneshot::channel();
        self.dead = Some(dead_sender);
        let worker = ConnectedWorker::new(
            link.clone(),
            offer,
            self.peer,
            dead,
            &self.kill,
            (self.session, self.window),
        );
        let _ = streams.link.set(link);
        streams.wake();
        // A worker that is not wanted is dropped, which has it end.
        match self.wanted.take() {
            Some(Wanted::Start(sender)) => drop(sender.send(worker)),
            Some(Wanted::Join(kind, sender)) => {
                drop(sender.unbounded_send(Joining { kind, worker }));
            }
            None => {}
        }
        Ok(())
    }

    /// The worker has ended.
    fn end(self, why: String) {
        if let Some(dead) = self.dead {
            let _ = dead.send(why);
        }
    }
}
