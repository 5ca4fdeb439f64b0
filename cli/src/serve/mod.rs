//! `remuda run --serve`: a run that goes on, told to whoever may ask for it over HTTP.
//!
//! The run hands each event to a queue and goes on. A thread of the server's own plays them on a manager of its own, the
//! mirror, and answers from that: no reader takes the cluster's lock, and none is waited for.
//!
//! | file | what it owns |
//! |---|---|
//! | `feed.rs` | the queue from the run to the mirror |
//! | `mirror.rs` | what is known of the run, played again |
//! | `totals.rs` | what is counted since the run began |
//! | `state.rs`, `metrics.rs`, `explain.rs`, `page.rs` | what is said of it: as JSON, to Prometheus, of one request, as a page |
//! | `guard.rs` | who may read |
//! | `http.rs` | connections, and how answers are sent |
mod explain;
mod feed;
mod guard;
mod http;
mod metrics;
mod mirror;
mod page;
pub(crate) mod state;
#[cfg(test)]
mod tests;
mod totals;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, select};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use remuda::Manager;
use remuda_tokio::{Runtime as _, Tokio};

use crate::args::ServeArgs;
use feed::End;
pub(crate) use feed::Feed;
pub(crate) use guard::Token;
use guard::{Guard, Refused};
use http::{BATCH, Events, Place, Reply};
use mirror::Mirror;
use state::State;

/// Files that a server may have open, beside those of the run.
pub(crate) const FILES: u64 = 64;

/// How long the end of a run waits for readers to be told of it.
const LAST: Duration = Duration::from_millis(300);

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// A port that is bound, and not served yet.
pub(crate) struct Port {
    socket: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
    /// Whether the token is to be told, as nobody knows it.
    is_new: bool,
}

/// A server that runs.
pub(crate) struct Server {
    feed: Feed,
    /// Is closed when the server's thread has told readers of the end.
    told: Receiver<()>,
}

/// What requests are answered from.
pub(super) struct Served {
    guard: Guard,
    feed: Feed,
    mirror: Mutex<Mirror>,
    state: Mutex<Option<Said>>,
    streams: Arc<AtomicUsize>,
    /// Those of them whose reader has taken all that it was told: these are told of the end.
    listening: Arc<AtomicUsize>,
}

/// A state that was told.
struct Said {
    at: Instant,
    /// How long it took to make.
    took: Duration,
    text: Bytes,
}

impl Port {
    /// Binds the port of the command line, if it names one.
    ///
    /// # Errors
    /// One line: what is wrong with the address or the token.
    pub(crate) fn open(args: &ServeArgs) -> Result<Option<Port>, String> {
        let Some(address) = args.serve else {
            return Ok(None);
        };
        let given = args.serve_token_file.as_deref().map(|path| {
            let token = Token::of_file(path);
            token.map_err(|error| format!("--serve-token-file {}: {error}", path.display()))
        });
        let given = given.transpose()?;
        let is_new = given.is_none() && !address.ip().is_loopback();
        let token = match given {
            None if is_new => {
                let token = Token::random();
                Some(token.map_err(|error| format!("--serve: no random bytes: {error}"))?)
            }
            given => given,
        };
        let failed = |error: io::Error| format!("--serve {address}: {error}");
        let socket = TcpListener::bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Some(Port {
            socket,
            address,
            token,
            is_new,
        }))
    }

    /// What to tell the user of it.
    pub(crate) fn said(&self) -> String {
        let token = self.token.as_ref().filter(|_| self.is_new);
        let token = token.map_or_else(String::new, |token| format!("?token={}", token.text()));
        let host = match self.address.ip().is_unspecified() {
            true => {
                let name = rustix::system::uname();
                name.nodename().to_string_lossy().into_owned()
            }
            false => match self.address {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            },
        };
        format!("serving http://{host}:{}/{token}", self.address.port())
    }

    /// Serves a run that begins with this manager. `kinds` are the names of its kinds, by number; `source` says where its jobs
    /// come from. What the run is to feed is returned too.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn serve(
        self,
        manager: Manager,
        kinds: Vec<String>,
        source: String,
    ) -> io::Result<(Feed, Server)> {
        let feed = Feed::default();
        let guard = Guard::new(self.token, self.address.port());
        let mirror = Mirror::new(feed.clone(), manager, kinds, source);
        let served = Arc::new(Served::new(guard, mirror, feed.clone()));
        let (telling, told) = channel::<()>();
        let socket = self.socket;
        std::thread::Builder::new()
            .name("serve".into())
            .spawn(move || {
                let ended = remuda_tokio::run(async move |runtime| {
                    runtime.spawn(served.clone().follow(runtime.clone(), telling));
                    http::serve(runtime, socket, served).await
                });
                if let Ok(Err(error)) | Err(error) = ended {
                    tracing::warn!("--serve: {error}; nothing is served, the run goes on");
                }
            })?;
        let server = Server {
            feed: feed.clone(),
            told,
        };
        Ok((feed, server))
    }
}

impl Server {
    /// The run is over: readers that listen are told so, for a moment.
    pub(crate) fn end(self) {
        self.feed.end();
        let _ = self.told.recv_timeout(LAST);
    }
}

impl Served {
    fn new(guard: Guard, mirror: Mirror, feed: Feed) -> Served {
        Served {
            guard,
            mirror: Mutex::new(mirror),
            feed,
            state: Mutex::default(),
            streams: Arc::default(),
            listening: Arc::default(),
        }
    }

    /// Keeps the mirror up to date, in batches, to the end of the run; then has streams told of it.
    async fn follow(self: Arc<Self>, runtime: Tokio, telling: std::sync::mpsc::Sender<()>) {
        while self.feed.waits().await {
            self.read(|_| ());
            self.batch(&runtime).await;
        }
        while self.listening.load(std::sync::atomic::Ordering::Relaxed) > 0 {
            runtime.sleep_until(runtime.now() + BATCH / 20).await;
        }
        drop(telling);
    }

    /// Resolves when it is time to look for what is new: at the end of the run at once.
    fn batch(&self, runtime: &Tokio) -> BoxFuture<'static, ()> {
        let sleep = runtime.sleep_until(runtime.now() + BATCH).boxed();
        select(sleep, self.feed.over()).map(|_| ()).boxed()
    }

    /// Whether nothing more will come.
    fn is_over(&self) -> bool {
        self.feed.ended().is_some()
    }

    /// Reads the run as it is now.
    fn read<T>(&self, read: impl FnOnce(&Mirror) -> T) -> T {
        let mut mirror = self.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        mirror.update();
        read(&mirror)
    }

    /// The state as JSON. One that took long to make is told again for ten times as long: so many readers cost no more than a
    /// tenth of this thread.
    fn state(&self) -> Bytes {
        let mut last = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = last
            .as_ref()
            .filter(|said| said.at.elapsed() < said.took * 10)
        {
            return said.text.clone();
        }
        let begun = Instant::now();
        let text = Bytes::from(json(&self.read(State::of)));
        let (at, took) = (Instant::now(), begun.elapsed());
        last.insert(Said { at, took, text }).text.clone()
    }

    /// The answer to a request.
    fn answer<B>(self: &Arc<Self>, request: &Request<B>, runtime: &Tokio) -> Response<Reply> {
        let uri = request.uri();
        let mut response = match self.guard.check(uri, request.headers()) {
            Err(refused) => refuse(refused),
            Ok(()) if !matches!(*request.method(), Method::GET | Method::HEAD) => {
                let refused = Refused(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD alone");
                let mut response = refuse(refused);
                let allowed = HeaderValue::from_static("GET, HEAD");
                response.headers_mut().insert(ALLOW, allowed);
                response
            }
            Ok(()) if self.feed.ended() == Some(End::Behind) => refuse(Refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "the run was faster than this could follow, and goes on unseen",
            )),
            Ok(()) => self.route(request, runtime).unwrap_or_else(refuse),
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // An address may have the token.
            (REFERRER_POLICY, "no-referrer"),
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn route<B>(
        self: &Arc<Self>,
        request: &Request<B>,
        runtime: &Tokio,
    ) -> Result<Response<Reply>, Refused> {
        let uri = request.uri();
        let unknown = Refused(
            StatusCode::NOT_FOUND,
            "not here: see /, /healthz, /state, /explain/N and /metrics",
        );
        match uri.path() {
            "/healthz" => Ok(reply(TEXT, "ok\n".to_owned())),
            "/state" => Ok(reply(JSON, self.state())),
            "/metrics" => {
                let accept = request.headers().get_all(ACCEPT).into_iter();
                let accept: Vec<_> = accept.filter_map(|value| value.to_str().ok()).collect();
                let (text, kind) = self.read(|mirror| metrics::metrics(mirror, &accept.join(",")));
                Ok(reply(kind, text))
            }
            "/" => {
                let mut response = reply("text/html; charset=utf-8", page::page());
                if let Some(cookie) = self.guard.cookie(uri)
                    && let Ok(cookie) = HeaderValue::from_str(&cookie)
                {
                    response.headers_mut().insert(SET_COOKIE, cookie);
                }
                Ok(response)
            }
            "/events" => {
                let place = Place::take(&self.streams, http::STREAMS);
                let place = place.ok_or(Refused(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too many read it already",
                ))?;
                let events = Events::new(self.clone(), runtime.clone(), place);
                let mut response = Response::new(Reply::Events(Box::new(events)));
                let kind = HeaderValue::from_static("text/event-stream");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                Ok(response)
            }
            path => {
                let asked = path.strip_prefix("/explain/").ok_or(unknown)?;
                let explained = self.read(|mirror| explain::explain(mirror, asked));
                let explained = explained.ok_or(Refused(
                    StatusCode::NOT_FOUND,
                    "no request of this number, and no job of this name has asked for a machine",
                ))?;
                Ok(reply(JSON, json(&explained)))
            }
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).expect("its keys are texts");
    text + "\n"
}

fn reply(kind: &'static str, text: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::text(text));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn refuse(Refused(status, why): Refused) -> Response<Reply> {
    let mut response = reply(TEXT, format!("{why}\n"));
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, how);
    }
    response
}
