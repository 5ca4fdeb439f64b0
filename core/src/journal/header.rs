//! The header: which version wrote the journal, and of what manager.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::{Bytes, put, put_option, put_text};
use super::config::{NoConfig, config, first_edition_config, put_config};
use super::error::Error;
use super::{FORMAT, MAGIC, RULES};
use crate::manager::Manager;
use crate::protocol::config::Config;

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
    /// The version of the rules that decided; see [`RULES`].
    pub rules: u32,
    /// The manager's config. For a journal of format 1 it is that of bigslice's policy with the
    /// journal's figures: under it the events cause the actions that they caused then.
    pub config: Config,
    /// Whether it begins with a fresh manager; if not, the first frame is a snapshot of it.
    pub fresh: bool,
    /// Nanoseconds from 1970 to [`Instant::ZERO`](crate::Instant::ZERO), if the writer had a
    /// calendar.
    pub origin: Option<u64>,
    /// The caller's own names and values.
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
    put_config(&mut body, manager.config());
    put_option(&mut body, origin, put);
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
    // So far every format is the same, so that a newer one is told from a damaged one.
    if checksum(format, length, body) != said {
        return Err(Error::Corrupt { offset: 0 });
    }
    if format == 0 || format > FORMAT {
        return Err(Error::Format { version: format });
    }
    let header = fields(format, body).map_err(|error| match error {
        NoConfig::Unknown { what, number } => Error::UnknownSetting { what, number },
        NoConfig::Malformed => Error::Malformed {
            offset: 0,
            what: "the header",
        },
    })?;
    header.config.validate().map_err(Error::Config)?;
    Ok((header, FIXED + body.len()))
}

/// What follows the labels was added by a newer version, and is passed over.
fn fields(format: u16, body: &[u8]) -> Result<Header, NoConfig> {
    let mut body = Bytes(body);
    let (crate_version, rules, fresh) = begin(&mut body).ok_or(NoConfig::Malformed)?;
    let config = match format {
        1 => first_edition_config(&mut body).ok_or(NoConfig::Malformed)?,
        _ => config(&mut body)?,
    };
    let (origin, labels) = end(&mut body).ok_or(NoConfig::Malformed)?;
    Ok(Header {
        format,
        crate_version,
        rules,
        config,
        fresh,
        origin,
        labels,
    })
}

fn begin(body: &mut Bytes<'_>) -> Option<(String, u32, bool)> {
    let crate_version = body.text()?.to_owned();
    let rules = body.number()?;
    let fresh = !body.flag()?;
    Some((crate_version, rules, fresh))
}

fn end(body: &mut Bytes<'_>) -> Option<(Option<u64>, Vec<Label>)> {
    let origin = body.option(Bytes::varint)?;
    let mut labels = Vec::new();
    for _ in 0..body.varint()? {
        labels.push(Label::new(body.text()?, body.text()?));
    }
    Some((origin, labels))
}
