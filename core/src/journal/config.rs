//! The config in a header: of format 2 as numbered fields, of format 1 as eight figures.
//!
//! Each field of format 2 has a number and a length. Those below [`FIRST_PASSED_OVER`] decide what a
//! manager does: one that this version does not know, or a value of one that it does not know, is
//! refused by name. A later version that adds one may leave it out while it has the value under
//! which nothing is decided differently. Fields from there up are for people, and one that is not
//! known is passed over.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::{Bytes, put, put_amounts, put_option, put_span, put_text};
use crate::protocol::config::{Config, Packing, Policy};
use crate::protocol::kind::Kind;
use crate::protocol::resources::Resources;

// The fields of a config, in the order in which they are written.
const POLICY: u64 = 1;
/// Once for each kind, in their order.
const KIND: u64 = 2;
const MAX_PROCS: u64 = 3;
const PACKING: u64 = 4;
const PATIENCE: u64 = 5;
const HOLD_LIMIT: u64 = 6;
const PROBATION: u64 = 7;
const PROBATION_CAP: u64 = 8;
const FLAPS: u64 = 9;
const START_BACKOFF_BASE: u64 = 10;
const START_BACKOFF_CAP: u64 = 11;
const SETTLE: u64 = 12;
const SILENT_POLLS: u64 = 13;
const POLL_INTERVAL: u64 = 14;
const SUMMARY_INTERVAL: u64 = 15;
const STOP_WITH_TASKS: u64 = 16;
const WITHDRAW: u64 = 17;
const NAMES: u64 = FIRST_PASSED_OVER;

/// A field from here up that is not known is passed over; one below it is refused.
const FIRST_PASSED_OVER: u64 = 0x80;

/// The fields of a kind.
mod of_kind {
    pub(super) const CAPACITY: u64 = 1;
    pub(super) const MIN: u64 = 2;
    pub(super) const MAX: u64 = 3;
    pub(super) const SPARE: u64 = 4;
    pub(super) const MAX_PENDING: u64 = 5;
    pub(super) const BATCH: u64 = 6;
    pub(super) const IDLE: u64 = 7;
    pub(super) const COST: u64 = 8;
    pub(super) const STARTABLE: u64 = 9;
}

/// Why bytes are no config.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoConfig {
    /// A newer version wrote it: what is not known, and its number.
    Unknown {
        what: &'static str,
        number: u64,
    },
    Malformed,
}

/// Appends a config as format 2 has it, with its length.
pub(super) fn put_config(out: &mut Vec<u8>, config: &Config) {
    let Config {
        policy,
        kinds,
        names,
        max_procs,
        packing,
        patience,
        hold_limit,
        probation,
        probation_cap,
        flaps,
        start_backoff_base,
        start_backoff_cap,
        settle,
        silent_polls,
        poll_interval,
        summary_interval,
        stop_with_tasks,
        withdraw,
    } = config;
    let mut fields = Vec::new();
    let out_fields = &mut fields;
    put_number(out_fields, POLICY, policy_number(*policy));
    for kind in kinds {
        put_field(out_fields, KIND, |body| put_kind(body, kind));
    }
    put_number(out_fields, MAX_PROCS, *max_procs);
    put_number(out_fields, PACKING, packing_number(*packing));
    put_number(out_fields, PATIENCE, (*patience).into());
    put_field(out_fields, HOLD_LIMIT, |body| {
        put_option(body, *hold_limit, put_span);
    });
    put_field(out_fields, PROBATION, |body| put_span(body, *probation));
    put_field(out_fields, PROBATION_CAP, |body| {
        put_span(body, *probation_cap);
    });
    put_number(out_fields, FLAPS, (*flaps).into());
    put_field(out_fields, START_BACKOFF_BASE, |body| {
        put_span(body, *start_backoff_base);
    });
    put_field(out_fields, START_BACKOFF_CAP, |body| {
        put_span(body, *start_backoff_cap);
    });
    put_field(out_fields, SETTLE, |body| put_span(body, *settle));
    put_number(out_fields, SILENT_POLLS, (*silent_polls).into());
    put_field(out_fields, POLL_INTERVAL, |body| {
        put_span(body, *poll_interval);
    });
    put_field(out_fields, SUMMARY_INTERVAL, |body| {
        put_span(body, *summary_interval);
    });
    put_number(out_fields, STOP_WITH_TASKS, (*stop_with_tasks).into());
    put_number(out_fields, WITHDRAW, (*withdraw).into());
    put_field(out_fields, NAMES, |body| {
        names.iter().for_each(|name| put_text(body, name));
    });
    put(out, fields.len() as u64);
    out.append(&mut fields);
}

fn put_kind(out: &mut Vec<u8>, kind: &Kind) {
    let Kind {
        capacity,
        min,
        max,
        spare,
        max_pending,
        batch,
        idle,
        cost,
        startable,
    } = *kind;
    put_field(out, of_kind::CAPACITY, |body| put_amounts(body, capacity));
    put_number(out, of_kind::MIN, min.into());
    put_number(out, of_kind::MAX, max.into());
    put_number(out, of_kind::SPARE, spare.into());
    put_number(out, of_kind::MAX_PENDING, max_pending.into());
    put_number(out, of_kind::BATCH, batch.into());
    put_field(out, of_kind::IDLE, |body| put_option(body, idle, put_span));
    put_number(out, of_kind::COST, cost.into());
    put_number(out, of_kind::STARTABLE, startable.into());
}

fn put_field(out: &mut Vec<u8>, number: u64, put_body: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    put_body(&mut body);
    put(out, number);
    put(out, body.len() as u64);
    out.append(&mut body);
}

fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_field(out, number, |body| put(body, value));
}

/// Reads a config of format 2 from the front.
pub(super) fn config(bytes: &mut Bytes<'_>) -> Result<Config, NoConfig> {
    let mut fields = Fields::new(bytes, "field of the config").ok_or(NoConfig::Malformed)?;
    let config = Config {
        policy: policy(fields.read(POLICY, Bytes::varint)?)?,
        kinds: kinds(&mut fields)?,
        max_procs: fields.read(MAX_PROCS, Bytes::varint)?,
        packing: packing(fields.read(PACKING, Bytes::varint)?)?,
        patience: fields.read(PATIENCE, Bytes::number)?,
        hold_limit: fields.read(HOLD_LIMIT, |bytes| bytes.option(Bytes::span))?,
        probation: fields.read(PROBATION, Bytes::span)?,
        probation_cap: fields.read(PROBATION_CAP, Bytes::span)?,
        flaps: fields.read(FLAPS, Bytes::number)?,
        start_backoff_base: fields.read(START_BACKOFF_BASE, Bytes::span)?,
        start_backoff_cap: fields.read(START_BACKOFF_CAP, Bytes::span)?,
        settle: fields.read(SETTLE, Bytes::span)?,
        silent_polls: fields.read(SILENT_POLLS, Bytes::number)?,
        poll_interval: fields.read(POLL_INTERVAL, Bytes::span)?,
        summary_interval: fields.read(SUMMARY_INTERVAL, Bytes::span)?,
        stop_with_tasks: fields.read(STOP_WITH_TASKS, Bytes::flag)?,
        withdraw: fields.read(WITHDRAW, Bytes::flag)?,
        names: {
            fields.refuse_others()?;
            fields.read(NAMES, names)?
        },
    };
    fields.finish()?;
    Ok(config)
}

fn kinds(fields: &mut Fields<'_>) -> Result<Vec<Kind>, NoConfig> {
    let mut kinds = Vec::new();
    while fields.next_is(KIND) {
        kinds.push(kind(fields)?);
    }
    Ok(kinds)
}

fn kind(fields: &mut Fields<'_>) -> Result<Kind, NoConfig> {
    let rest = fields.body(KIND)?;
    let mut fields = Fields {
        rest,
        what: "field of a kind",
    };
    let kind = Kind {
        capacity: fields.read(of_kind::CAPACITY, Bytes::amounts)?,
        min: fields.read(of_kind::MIN, Bytes::number)?,
        max: fields.read(of_kind::MAX, Bytes::number)?,
        spare: fields.read(of_kind::SPARE, Bytes::number)?,
        max_pending: fields.read(of_kind::MAX_PENDING, Bytes::number)?,
        batch: fields.read(of_kind::BATCH, Bytes::number)?,
        idle: fields.read(of_kind::IDLE, |bytes| bytes.option(Bytes::span))?,
        cost: fields.read(of_kind::COST, Bytes::number)?,
        startable: fields.read(of_kind::STARTABLE, Bytes::flag)?,
    };
    fields.finish()?;
    Ok(kind)
}

fn names(bytes: &mut Bytes<'_>) -> Option<[String; Resources::COUNT]> {
    let mut names: [String; Resources::COUNT] = Default::default();
    for name in &mut names {
        *name = bytes.text()?.to_owned();
    }
    Some(names)
}

/// The fields that are still to be read. Their numbers ascend; only that of kinds is repeated.
struct Fields<'a> {
    rest: Bytes<'a>,
    /// What an unknown one is called.
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// Takes fields with their length from the front of `bytes`.
    fn new(bytes: &mut Bytes<'a>, what: &'static str) -> Option<Fields<'a>> {
        let length = bytes.number()?;
        let rest = Bytes(bytes.take(length)?);
        Some(Fields { rest, what })
    }

    /// The number of the next one; `None` at the end, or where no number stands.
    fn next_number(&self) -> Option<u64> {
        let mut rest = self.rest;
        rest.varint()
    }

    fn next_is(&self, number: u64) -> bool {
        self.next_number() == Some(number)
    }

    /// The body of the next one, which must be this one: every one of this version is written.
    fn body(&mut self, number: u64) -> Result<Bytes<'a>, NoConfig> {
        if !self.next_is(number) {
            return Err(NoConfig::Malformed);
        }
        self.pass_over()
    }

    /// The value of the next one, which must be this one.
    fn read<T>(
        &mut self,
        number: u64,
        value: impl FnOnce(&mut Bytes<'a>) -> Option<T>,
    ) -> Result<T, NoConfig> {
        let mut body = self.body(number)?;
        let value = value(&mut body).filter(|_| body.is_empty());
        value.ok_or(NoConfig::Malformed)
    }

    fn pass_over(&mut self) -> Result<Bytes<'a>, NoConfig> {
        let mut body = || {
            self.rest.varint()?;
            let length = self.rest.number()?;
            self.rest.take(length).map(Bytes)
        };
        body().ok_or(NoConfig::Malformed)
    }

    /// Refuses the next one if it decides anything; all that are known were read.
    fn refuse_others(&self) -> Result<(), NoConfig> {
        match self.next_number() {
            Some(number) if number < FIRST_PASSED_OVER => Err(NoConfig::Unknown {
                what: self.what,
                number,
            }),
            _ => Ok(()),
        }
    }

    /// Passes over what is for people.
    fn finish(mut self) -> Result<(), NoConfig> {
        while !self.rest.is_empty() {
            self.refuse_others()?;
            self.pass_over()?;
        }
        Ok(())
    }
}

const fn policy_number(policy: Policy) -> u64 {
    match policy {
        Policy::Fit => 0,
        Policy::Bigslice => 1,
    }
}

const fn policy(number: u64) -> Result<Policy, NoConfig> {
    Ok(match number {
        0 => Policy::Fit,
        1 => Policy::Bigslice,
        number => {
            let what = "policy";
            return Err(NoConfig::Unknown { what, number });
        }
    })
}

/// Zero leaves the choice to the kinds (P3).
const fn packing_number(packing: Option<Packing>) -> u64 {
    match packing {
        None => 0,
        Some(Packing::BestFit) => 1,
        Some(Packing::FirstFit) => 2,
    }
}

const fn packing(number: u64) -> Result<Option<Packing>, NoConfig> {
    Ok(match number {
        0 => None,
        1 => Some(Packing::BestFit),
        2 => Some(Packing::FirstFit),
        number => {
            let what = "packing";
            return Err(NoConfig::Unknown { what, number });
        }
    })
}

/// Reads a config of format 1, which had eight figures: bigslice's policy with these.
pub(super) fn first_edition_config(bytes: &mut Bytes<'_>) -> Option<Config> {
    let (machine_procs, max_procs) = (bytes.number()?, bytes.varint()?);
    let config = Config::bigslice_machines(machine_procs, max_procs)
        .probation(bytes.span()?)
        .start_backoff_base(bytes.span()?)
        .start_backoff_cap(bytes.span()?)
        .silent_polls(bytes.number()?)
        .poll_interval(bytes.span()?)
        .summary_interval(bytes.span()?);
    Some(config)
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Config, Kind, NoConfig, Packing, Resources, Vec, config, put_config};
    use super::{put, put_number};
    use core::time::Duration;

    fn coded(config: &Config) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_config(&mut bytes, config);
        bytes
    }

    fn two_kinds() -> Config {
        let span = Duration::from_millis;
        let kind = Kind::new(Resources::new([8, 32_768, 1, 7]))
            .min(1)
            .max(20)
            .spare(2)
            .max_pending(3)
            .batch(4)
            .idle(span(120_500))
            .cost(12)
            .startable(false);
        let config = Config::empty()
            .kind(Kind::new(Resources::procs(4)))
            .kind(kind)
            .max_procs(300)
            .packing(Packing::FirstFit)
            .patience(5)
            .hold_limit(span(1_001))
            .probation(span(1_002))
            .probation_cap(span(1_003))
            .flaps(6)
            .start_backoff_base(span(1_004))
            .start_backoff_cap(span(1_005))
            .settle(span(1_006));
        config
            .silent_polls(7)
            .poll_interval(span(1_007))
            .summary_interval(span(1_008))
            .stop_with_tasks(true)
            .withdraw(true)
            .names(["cores", "mib", "cards", "licences"])
    }

    #[test]
    fn a_config_is_read_as_it_was_written() {
        let bigslice = Config::bigslice(16, 160, 0.95).unwrap();
        for one in [
            two_kinds(),
            two_kinds().stop_with_tasks(false),
            two_kinds().withdraw(false),
            two_kinds().packing(Packing::BestFit),
            Config::new(4, 16).unwrap(),
            bigslice,
        ] {
            let bytes = coded(&one);
            let mut rest = Bytes(&bytes);
            assert_eq!(config(&mut rest), Ok(one));
            assert!(rest.is_empty());
            for end in 0..bytes.len() {
                let cut = config(&mut Bytes(&bytes[..end]));
                assert_eq!(cut, Err(NoConfig::Malformed));
            }
        }
    }

    /// The fields of a config without their length, which `with_length` gives them again.
    fn fields(config: &Config) -> Vec<u8> {
        let bytes = coded(config);
        let mut rest = Bytes(&bytes);
        rest.varint();
        rest.0.to_vec()
    }

    fn with_length(fields: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, fields.len() as u64);
        bytes.extend(fields);
        bytes
    }

    #[test]
    fn a_newer_field_is_refused_by_its_number_or_passed_over() {
        let plain = Config::new(4, 16).unwrap();
        let mut newer = fields(&plain);
        put_number(&mut newer, 0x85, 300);
        assert_eq!(config(&mut Bytes(&with_length(&newer))), Ok(plain.clone()));

        // Before the names.
        let mut newer = fields(&plain);
        let names = newer.len() - "....procsmemory_mibgpusother".len() - 3;
        let mut field = Vec::new();
        put_number(&mut field, 18, 1);
        newer.splice(names..names, field);
        let what = "field of the config";
        let refused = Err(NoConfig::Unknown { what, number: 18 });
        assert_eq!(config(&mut Bytes(&with_length(&newer))), refused);

        // In the kind, which stands behind the policy: number, length, then its fields.
        let mut newer = fields(&plain);
        assert_eq!((newer[3], &newer[5..7]), (2, &[1, 4][..]));
        let end = 5 + usize::from(newer[4]);
        newer.splice(end..end, [10, 1, 1]);
        newer[4] += 3;
        let what = "field of a kind";
        let refused = Err(NoConfig::Unknown { what, number: 10 });
        assert_eq!(config(&mut Bytes(&with_length(&newer))), refused);
        newer.splice(end..end + 3, [0x80, 1, 1, 1]);
        newer[4] += 1;
        assert_eq!(config(&mut Bytes(&with_length(&newer))), Ok(plain.clone()));

        // A policy of a newer version.
        let mut newer = fields(&plain);
        assert_eq!(newer[..3], [1, 1, 0]);
        newer[2] = 2;
        let what = "policy";
        let refused = Err(NoConfig::Unknown { what, number: 2 });
        assert_eq!(config(&mut Bytes(&with_length(&newer))), refused);

        // A field that is longer than it can be.
        newer.splice(1..3, [2, 0, 0]);
        let malformed = Err(NoConfig::Malformed);
        assert_eq!(config(&mut Bytes(&with_length(&newer))), malformed);
    }
}
