//! Asks a run that is served for its state: one request, one answer, no connection that is kept.
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use remuda_tokio::{Keep, harmless};

use crate::serve::Token;
use crate::serve::state::State;

/// How long to wait for a connection, and for each part of an answer.
const WAIT: Duration = Duration::from_secs(5);

/// The most bytes of an answer: of a run of a hundred thousand machines.
const MOST: u64 = 256 << 20;

/// Where a run is served.
#[derive(Clone)]
pub(super) struct Client {
    /// Host and port.
    pub(super) address: String,
    token: Option<String>,
}

/// Why there is no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Nobody listens there.
    Gone(String),
    /// What answers is no run, or does not let us in.
    Other(String),
}

impl Client {
    /// Of an address: a port, `HOST:PORT`, or what the run has printed.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn new(text: &str, token: Option<&Token>) -> Result<Client, String> {
        let token = token.map(|token| token.text().to_owned());
        let plain = text.strip_prefix("http://").unwrap_or(text);
        let (address, rest) = match plain.find(['/', '?']) {
            Some(at) => plain.split_at(at),
            None => (plain, ""),
        };
        let shown = rest.split_once("?token=").map(|(_, shown)| shown);
        let shown = shown.and_then(|shown| shown.split('&').next());
        let address = address.strip_prefix(':').unwrap_or(address);
        let address = match address.parse::<u16>() {
            Ok(port) => format!("127.0.0.1:{port}"),
            Err(_) => address.to_owned(),
        };
        let port = address.rsplit_once(':').map(|(_, port)| port);
        match port.is_some_and(|port| port.parse::<u16>().is_ok()) {
            true => Ok(Client {
                address,
                token: token.or(shown.map(str::to_owned)),
            }),
            false => Err(format!(
                "{text}: expected a port such as 7788, HOST:PORT, or the address that the run has printed"
            )),
        }
    }

    /// The state of the run.
    pub(super) fn state(&self) -> Result<State, Problem> {
        let asked = self.ask("/state").map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => Problem::Gone(error.to_string()),
            // What a read says that waited for too long.
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Problem::Other(format!(
                "{}: no answer within {} s",
                self.address,
                WAIT.as_secs()
            )),
            // It hung up without an answer, before it had read what was asked or after.
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                Problem::Other(format!("{}: no run answers there: {error}", self.address))
            }
            _ => Problem::Other(format!("{}: {error}", self.address)),
        })?;
        let no_run = || Problem::Other(format!("{}: no run answers there", self.address));
        let end = asked.windows(4).position(|it| it == b"\r\n\r\n");
        let (head, body) = asked.split_at(end.ok_or_else(no_run)? + 4);
        let head = String::from_utf8_lossy(head);
        let status = head.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5));
        match status {
            Some("200") => serde_json::from_slice(body).map_err(|_| no_run()),
            Some("401") => Err(Problem::Other(format!(
                "{}: it wants a token: give the address that the run has printed, or --token-file",
                self.address
            ))),
            Some(_) if head.contains("\r\ncontent-type: text/plain") => {
                let said = harmless(&String::from_utf8_lossy(body), Keep::Start(300));
                Err(Problem::Other(format!("{}: {said}", self.address)))
            }
            _ => Err(no_run()),
        }
    }

    fn ask(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut last = ErrorKind::NotFound.into();
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, WAIT) {
                Ok(stream) => return self.exchange(stream, path),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn exchange(&self, mut stream: TcpStream, path: &str) -> io::Result<Vec<u8>> {
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        // Of version 1.0, whose answers come in one piece.
        let mut request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            let _ = write!(request, "Authorization: Bearer {token}\r\n");
        }
        request += "\r\n";
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(MOST).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_port_a_host_or_what_was_printed() {
        let of = |text: &str| {
            let client = Client::new(text, None)?;
            Ok::<_, String>((client.address, client.token.unwrap_or_default()))
        };
        let plain = |address: &str| Ok((address.to_owned(), String::new()));
        assert_eq!(of("7788"), plain("127.0.0.1:7788"));
        assert_eq!(of(":7788"), plain("127.0.0.1:7788"));
        assert_eq!(of("head:7788"), plain("head:7788"));
        assert_eq!(of("[::1]:7788"), plain("[::1]:7788"));
        assert_eq!(of("http://127.0.0.1:7788/"), plain("127.0.0.1:7788"));
        let printed = of("http://0.0.0.0:7788/?token=abc");
        assert_eq!(printed, Ok(("0.0.0.0:7788".into(), "abc".into())));
        for wrong in ["", "head", "head:", "head:x", "99999", "http://head/"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
