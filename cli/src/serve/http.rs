//! The server: connections, each of which has one request and little time, and the answers that take long to send.
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, Either, select};
use futures::{AsyncRead as _, AsyncWrite as _};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::{ReadBufCursor, Sleep, Timer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use remuda_tokio::{Connection, Runtime as _, Tokio};

use super::Served;
use super::page::{self, Cursor};

/// So many connections may be open; one more is closed at once.
const CONNECTIONS: usize = 48;
/// So many of them may be streams of events, so that others still get an answer.
pub(super) const STREAMS: usize = 32;

/// How long a reader may take to ask, and to take the answer.
const ASKS_WITHIN: Duration = Duration::from_secs(5);
const TAKES_WITHIN: Duration = Duration::from_secs(30);

/// How long to wait where no connection can be taken, say because too many files are open.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// How often a stream is told what is new, and how often that it is alive if nothing is.
pub(super) const BATCH: Duration = Duration::from_millis(100);
const ALIVE: Duration = Duration::from_secs(15);

/// Serves until the process ends.
///
/// # Errors
/// The runtime cannot listen.
pub(super) async fn serve(
    runtime: Tokio,
    listener: TcpListener,
    served: Arc<Served>,
) -> io::Result<()> {
    let mut accept = runtime.listen(listener)?;
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        match accept.accept().await {
            Ok(connection) => {
                if let Some(place) = Place::take(&open, CONNECTIONS) {
                    let answering = answer(runtime.clone(), connection, served.clone(), place);
                    runtime.spawn(answering);
                }
            }
            Err(_) => runtime.sleep_until(runtime.now() + TRY_AGAIN).await,
        }
    }
}

/// One of a number of places, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Place> {
        let place = Place(taken.clone());
        let before = taken.fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers the one request of a connection.
async fn answer(runtime: Tokio, connection: Connection, served: Arc<Served>, _place: Place) {
    let streams = Arc::new(AtomicUsize::new(0));
    let (clock, is_stream) = (runtime.clone(), streams.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let response: Response<Reply> = served.answer(&request, &clock);
        if matches!(response.body(), Reply::Events(_)) {
            is_stream.store(1, Ordering::Relaxed);
        }
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false)
        .max_headers(64)
        .max_header_size(16 << 10)
        .max_buf_size(64 << 10)
        .timer(Time(runtime.clone()))
        .header_read_timeout(ASKS_WITHIN);
    let answering = http.serve_connection(Io(connection), service);
    let limit = async {
        runtime.sleep_until(runtime.now() + TAKES_WITHIN).await;
        if streams.load(Ordering::Relaxed) != 0 {
            // It lasts as long as its reader.
            futures::future::pending::<()>().await;
        }
    };
    // How it ended is the reader's to know.
    match select(std::pin::pin!(answering), std::pin::pin!(limit)).await {
        Either::Left(_) | Either::Right(_) => {}
    }
}

/// What is sent.
pub(super) enum Reply {
    Whole(Option<Bytes>),
    Events(Box<Events>),
}

impl Reply {
    pub(super) fn text(text: impl Into<Bytes>) -> Reply {
        Reply::Whole(Some(text.into()))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Reply::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Reply::Events(events) => {
                let next = ready!(events.poll_next(context));
                Poll::Ready(next.map(|text| Ok(Frame::data(text.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Reply::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Reply::Events(_) => SizeHint::default(),
        }
    }
}

/// A stream of what changes. It is asked for more only when its reader has taken what there was: who does not read is told all
/// of it at once later, and nothing is kept for him.
pub(super) struct Events {
    served: Arc<Served>,
    runtime: Tokio,
    cursor: Cursor,
    sleep: BoxFuture<'static, ()>,
    said: remuda::Instant,
    is_over: bool,
    _place: Place,
    /// While its reader has taken all that there was.
    listening: Option<Place>,
}

impl Events {
    pub(super) fn new(served: Arc<Served>, runtime: Tokio, place: Place) -> Events {
        Events {
            served,
            cursor: Cursor::default(),
            sleep: Box::pin(std::future::ready(())),
            said: runtime.now(),
            runtime,
            is_over: false,
            _place: place,
            listening: None,
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<String>> {
        let listening = self.listening.take();
        self.listening = listening.or_else(|| Place::take(&self.served.listening, STREAMS));
        while !self.is_over {
            ready!(self.sleep.as_mut().poll(context));
            let now = self.runtime.now();
            self.sleep = self.served.batch(&self.runtime);
            // Looked at first: what comes before the end is told.
            self.is_over = self.served.is_over();
            let delta = self
                .served
                .read(|mirror| page::delta(mirror, &mut self.cursor));
            let mut text = String::new();
            for line in delta.iter().flat_map(|delta| delta.lines()) {
                text += "data: ";
                text += line;
                text += "\n";
            }
            match (text.is_empty(), self.is_over) {
                (true, true) => text += "event: end\ndata:\n\n",
                (false, true) => text += "\nevent: end\ndata:\n\n",
                (false, false) => text += "\n",
                // A comment.
                (true, false) if self.said + ALIVE <= now => text += ":\n\n",
                (true, false) => continue,
            }
            self.said = now;
            if !self.is_over {
                self.listening = None;
            }
            return Poll::Ready(Some(text));
        }
        Poll::Ready(None)
    }
}

/// A connection, as hyper wants it.
struct Io(Connection);

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let most = bytes.len().min(into.remaining());
        let read = Pin::new(&mut self.0.reader).poll_read(context, &mut bytes[..most]);
        let count = ready!(read)?;
        into.put_slice(&bytes[..count]);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.writer).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.writer).poll_close(context)
    }
}

/// The runtime's clock, as hyper wants it.
struct Time(Tokio);

impl Timer for Time {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeps(Box::pin(
            self.0.sleep_until(self.0.now() + duration),
        )))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

struct Sleeps(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Future for Sleeps {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl Sleep for Sleeps {}
