//! The header: who wrote the journal, and of what.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::error::Error;
use super::varint::{Bytes, put, put_text};
use super::{FORMAT, MAGIC, RULES};
use crate::config::Config;
use crate::manager::Manager;

/// Magic, version, length, checksum.
const FIXED: usize = 8 + 2 + 4 + 4;

/// What stands at the beginning of a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Header {
    /// The format it is written in.
    pub format: u16,
    /// The version of the crate that wrote it.
    pub crate_version: String,
    /// The version of the rules that decided; see [`RULES`](super::RULES).
    pub rules: u32,
    /// The manager's config.
    pub config: Config,
    /// Whether it begins with a fresh manager; if not, the first frame is a snapshot of it.
    pub fresh: bool,
    /// Nanoseconds from 1970 to [`Instant::ZERO`](crate::Instant::ZERO), if the writer had a calendar.
    pub origin: Option<u64>,
    /// The caller's own.
    pub labels: Vec<Label>,
}

/// A name and a value, the caller's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Label {
    /// A label.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Label {
        Label {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// Appends the header of a journal that begins with `manager`.
pub(super) fn write(
    manager: &Manager,
    fresh: bool,
    origin: Option<u64>,
    labels: &[Label],
    out: &mut Vec<u8>,
) {
    let mut body = Vec::new();
    put_text(&mut body, env!("CARGO_PKG_VERSION"));
    put(&mut body, RULES.into());
    put(&mut body, (!fresh).into());
    put_config(&mut body, &manager.config);
    put(&mut body, origin.is_some().into());
    if let Some(origin) = origin {
        put(&mut body, origin);
    }
    put(&mut body, labels.len() as u64);
    for Label { name, value } in labels {
        put_text(&mut body, name);
        put_text(&mut body, value);
    }
    let length = u32::try_from(body.len()).expect("labels of less than 4 GiB");
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(FORMAT, length, &body).to_le_bytes());
    out.extend_from_slice(&body);
}

fn checksum(version: u16, length: u32, body: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&version.to_le_bytes());
    checksum.update(&length.to_le_bytes());
    checksum.update(body);
    checksum.finalize()
}

/// The header, and where it ends.
pub(super) fn read(bytes: &[u8]) -> Result<(Header, usize), Error> {
    let begun = bytes.len().min(MAGIC.len());
    if bytes[..begun] != MAGIC[..begun] {
        return Err(Error::NotAJournal);
    }
    let cut = Error::Cut { offset: 0 };
    let mut rest = Bytes(bytes.get(MAGIC.len()..).ok_or(cut)?);
    let format = u16::from_le_bytes(rest.array().ok_or(cut)?);
    let length = u32::from_le_bytes(rest.array().ok_or(cut)?);
    let said = u32::from_le_bytes(rest.array().ok_or(cut)?);
    let body = usize::try_from(length).ok().and_then(|it| rest.take(it));
    let body = body.ok_or(cut)?;
    // This much is the same in every format, so that a newer one is told from a damaged one.
    if checksum(format, length, body) != said {
        return Err(Error::Corrupt { offset: 0 });
    }
    if format == 0 || format > FORMAT {
        return Err(Error::Format { version: format });
    }
    let header = fields(format, body).ok_or(Error::Malformed {
        offset: 0,
        what: "the header",
    })?;
    header.config.validate().map_err(Error::Config)?;
    Ok((header, FIXED + body.len()))
}

/// What follows the labels is of a newer version, and may be passed over.
fn fields(format: u16, body: &[u8]) -> Option<Header> {
    let mut body = Bytes(body);
    let crate_version = body.text()?.to_owned();
    let rules = body.number()?;
    let fresh = flag(&mut body).map(|it| !it)?;
    let config = config(&mut body)?;
    let origin = match flag(&mut body)? {
        true => Some(body.varint()?),
        false => None,
    };
    let mut labels = Vec::new();
    for _ in 0..body.varint()? {
        labels.push(Label::new(body.text()?, body.text()?));
    }
    Some(Header {
        format,
        crate_version,
        rules,
        config,
        fresh,
        origin,
        labels,
    })
}

fn flag(bytes: &mut Bytes<'_>) -> Option<bool> {
    match bytes.varint()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn put_config(out: &mut Vec<u8>, config: &Config) {
    let Config {
        machine_procs,
        max_procs,
        probation,
        start_backoff_base,
        start_backoff_cap,
        silent_polls,
        poll_interval,
        summary_interval,
    } = *config;
    put(out, machine_procs.into());
    put(out, max_procs);
    put_span(out, probation);
    put_span(out, start_backoff_base);
    put_span(out, start_backoff_cap);
    put(out, silent_polls.into());
    put_span(out, poll_interval);
    put_span(out, summary_interval);
}

fn config(bytes: &mut Bytes<'_>) -> Option<Config> {
    Some(Config {
        machine_procs: bytes.number()?,
        max_procs: bytes.varint()?,
        probation: span(bytes)?,
        start_backoff_base: span(bytes)?,
        start_backoff_cap: span(bytes)?,
        silent_polls: bytes.number()?,
        poll_interval: span(bytes)?,
        summary_interval: span(bytes)?,
    })
}

fn put_span(out: &mut Vec<u8>, span: Duration) {
    put(out, span.as_secs());
    put(out, span.subsec_nanos().into());
}

fn span(bytes: &mut Bytes<'_>) -> Option<Duration> {
    let secs = bytes.varint()?;
    let nanos = bytes.number().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(secs, nanos))
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Duration, Vec, put, span};

    #[test]
    fn a_span_has_one_form() {
        let read = |nanos: u64| {
            let mut bytes = Vec::new();
            put(&mut bytes, 7);
            put(&mut bytes, nanos);
            span(&mut Bytes(&bytes))
        };
        assert_eq!(read(999_999_999), Some(Duration::new(7, 999_999_999)));
        assert_eq!(read(1_000_000_000), None);
    }
}
