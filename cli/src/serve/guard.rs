//! Who may read: no page of another site, and where the port is open to other computers, who shows the token alone.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{StatusCode, Uri};

/// What a token has at least.
const LEAST: usize = 16;
/// The most bytes of a token's file.
const LONGEST: u64 = 4096;

/// A secret that a reader has to show.
#[derive(Clone)]
pub(crate) struct Token(String);

/// Says who may read.
pub(super) struct Guard {
    token: Option<Token>,
    /// The name of the cookie that has the token: cookies of all ports of a host are one set.
    cookie: String,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) &'static str);

impl Token {
    /// A new random one.
    ///
    /// # Errors
    /// There are no random bytes.
    pub(crate) fn random() -> io::Result<Token> {
        let mut bytes = [0; 24];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Token(HEXLOWER.encode(&bytes)))
    }

    /// Reads the token of a file; makes the file, with a random token that only its owner may read, if it is not there.
    ///
    /// # Errors
    /// One line: what is wrong with the file.
    pub(crate) fn of_file(path: &Path) -> Result<Token, String> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Token::create(path).map_err(|error| error.to_string());
            }
            opened => opened.map_err(|error| error.to_string())?,
        };
        // Of the open file: the path may name another by now.
        let mode = file.metadata().map_err(|error| error.to_string())?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "others than its owner may read or change it (mode {mode:o}): chmod 600 it"
            ));
        }
        let mut text = String::new();
        let read = (&mut file).take(LONGEST).read_to_string(&mut text);
        read.map_err(|error| error.to_string())?;
        let token = text.trim();
        if token.starts_with("remuda-key-") {
            return Err(
                "it is the key of a cluster, which must not be sent as a token: name another file, which is made if it is not there"
                    .into(),
            );
        }
        let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
        match token.len() >= LEAST && is_plain && !token.contains(['&', ';', '%', '+', '#']) {
            true => Ok(Token(token.to_owned())),
            false => Err(format!(
                "it has no token: {LEAST} letters and digits at least, in one line (it is made if it is not there)"
            )),
        }
    }

    fn create(path: &Path) -> io::Result<Token> {
        let token = Token::random()?;
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let written = file.write_all(format!("{}\n", token.0).as_bytes());
        if let Err(error) = written.and_then(|()| file.sync_all()) {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(token)
    }

    /// As it is sent.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether this is it. Takes as long for each text of the same length.
    fn is(&self, shown: &str) -> bool {
        let differ = |(a, b): (u8, u8)| a ^ b;
        let pairs = self.0.bytes().zip(shown.bytes());
        let differs = pairs.map(differ).fold(0, |all, one| all | one);
        self.0.len() == shown.len() && differs == 0
    }
}

impl Guard {
    pub(super) fn new(token: Option<Token>, port: u16) -> Guard {
        Guard {
            token,
            cookie: format!("remuda-{port}"),
        }
    }

    /// Whether a request may be answered.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(host) = text(HOST) else {
            return Err(Refused(StatusCode::BAD_REQUEST, "no Host header"));
        };
        if self.token.is_none() && !is_of_this_host(host) {
            // A name that leads here although it is another's would make its pages ours.
            return Err(Refused(
                StatusCode::FORBIDDEN,
                "this is asked for by its address or as localhost",
            ));
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let own = format!("http://{host}");
            if !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()) {
                return Err(Refused(StatusCode::FORBIDDEN, "of another site"));
            }
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_other = site.is_some_and(|site| site != b"same-origin" && site != b"none");
        let mode = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes);
        if is_other && mode != Some(b"navigate") {
            return Err(Refused(StatusCode::FORBIDDEN, "of another site"));
        }
        match &self.token {
            Some(token) if !self.shows(token, uri, headers) => Err(Refused(
                StatusCode::UNAUTHORIZED,
                "no token: open the address that was printed, or send it as a bearer token",
            )),
            _ => Ok(()),
        }
    }

    fn shows(&self, token: &Token, uri: &Uri, headers: &HeaderMap) -> bool {
        let bearer = headers.get(AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok()?.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let cookies = headers.get_all(COOKIE).into_iter();
        let mut cookies = cookies.filter_map(|value| value.to_str().ok());
        let is_ours = |pair: &str| {
            let pair = pair.trim().split_once('=');
            pair.is_some_and(|(name, value)| name == self.cookie && token.is(value))
        };
        bearer.is_some_and(|(_, shown)| token.is(shown.trim()))
            || parameter(uri, "token").is_some_and(|shown| token.is(shown))
            || cookies.any(|line| line.split(';').any(is_ours))
    }

    /// The cookie for a browser that has shown the token in the address, so that the page need not know it.
    pub(super) fn cookie(&self, uri: &Uri) -> Option<String> {
        let token = self.token.as_ref()?;
        parameter(uri, "token").filter(|shown| token.is(shown))?;
        Some(format!(
            "{}={}; HttpOnly; SameSite=Strict; Path=/",
            self.cookie, token.0
        ))
    }
}

/// A parameter of an address, as it stands there.
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.find(|(is, _)| *is == name).map(|(_, value)| value)
}

/// Whether a Host header is an address, or localhost: no name of others leads there.
fn is_of_this_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;

    use super::*;

    fn check(guard: &Guard, uri: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let checked = guard.check(&uri.parse().unwrap(), &map);
        checked.err().map(|refused| refused.0.as_u16())
    }

    #[test]
    fn no_page_of_another_site_may_read() {
        let guard = Guard::new(None, 7000);
        let with = |headers: &[(&str, &str)]| check(&guard, "/state", headers);
        for host in [
            "127.0.0.1:7000",
            "localhost",
            "LocalHost:7000",
            "[::1]:7000",
            "10.0.0.1",
        ] {
            assert_eq!(with(&[("host", host)]), None, "{host}");
        }
        assert_eq!(with(&[]), Some(400));
        // Names that may lead here, and what only looks like ours.
        for host in [
            "evil.example:7000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert_eq!(with(&[("host", host)]), Some(403), "{host}");
        }
        let host = ("host", "127.0.0.1:7000");
        for origin in [
            "http://evil.example",
            "null",
            "https://127.0.0.1:7000",
            "http://127.0.0.1",
        ] {
            assert_eq!(with(&[host, ("origin", origin)]), Some(403), "{origin}");
        }
        assert_eq!(with(&[host, ("origin", "http://127.0.0.1:7000")]), None);
        // A picture, a script or a frame has no origin, but browsers say where it comes from.
        let cross = ("sec-fetch-site", "cross-site");
        assert_eq!(
            with(&[host, cross, ("sec-fetch-mode", "no-cors")]),
            Some(403)
        );
        assert_eq!(with(&[host, ("sec-fetch-site", "same-site")]), Some(403));
        assert_eq!(with(&[host, cross, ("sec-fetch-mode", "navigate")]), None);
        assert_eq!(with(&[host, ("sec-fetch-site", "same-origin")]), None);
        assert_eq!(with(&[host, ("sec-fetch-site", "none")]), None);
    }

    #[test]
    fn a_token_is_shown_in_one_of_three_ways() {
        let token = Token("secret-of-this-run".into());
        let guard = Guard::new(Some(token), 7000);
        let host = ("host", "head.example:7000");
        assert_eq!(check(&guard, "/state", &[host]), Some(401));
        for (uri, headers) in [
            ("/state?token=secret-of-this-run", vec![host]),
            ("/state?a=b&token=secret-of-this-run", vec![host]),
            (
                "/state",
                vec![host, ("authorization", "Bearer secret-of-this-run")],
            ),
            (
                "/state",
                vec![host, ("cookie", "a=b; remuda-7000=secret-of-this-run")],
            ),
        ] {
            assert_eq!(check(&guard, uri, &headers), None, "{uri} {headers:?}");
        }
        for (uri, headers) in [
            ("/state?token=secret-of-this-ruN", vec![host]),
            ("/state?token=secret-of-this-run2", vec![host]),
            ("/state?token=", vec![host]),
            (
                "/state",
                vec![host, ("authorization", "Basic secret-of-this-run")],
            ),
            (
                "/state",
                vec![host, ("cookie", "remuda-7001=secret-of-this-run")],
            ),
        ] {
            assert_eq!(check(&guard, uri, &headers), Some(401), "{uri} {headers:?}");
        }
        // Who has the token of a run is not let in from a page of another site either.
        let other = ("origin", "http://evil.example");
        let uri = "/state?token=secret-of-this-run";
        assert_eq!(check(&guard, uri, &[host, other]), Some(403));
        let cookie = |uri: &str| guard.cookie(&uri.parse().unwrap());
        let set = "remuda-7000=secret-of-this-run; HttpOnly; SameSite=Strict; Path=/";
        assert_eq!(cookie(uri).as_deref(), Some(set));
        assert_eq!(cookie("/?token=other"), None);
    }

    #[test]
    fn a_file_of_a_token_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let made = Token::of_file(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().mode() & 0o777;
        assert_eq!((mode, made.0.len()), (0o600, 48));
        assert_eq!(Token::of_file(&path).unwrap().0, made.0);
        let error = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Token::of_file(&path).err().unwrap_or_default()
        };
        assert!(error("0123456789abcdef\n", 0o640).contains("mode 640"));
        assert!(error("short\n", 0o600).contains("no token"));
        assert!(error("", 0o600).contains("no token"));
        assert!(error("two lines of\nsome length\n", 0o600).contains("no token"));
        assert!(error("remuda-key-1:0123456789abcdef\n", 0o600).contains("key of a cluster"));
        assert_eq!(error("0123456789abcdef\n", 0o600), "");
    }
}
