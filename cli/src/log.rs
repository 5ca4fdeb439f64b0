//! What the driver says of its machines (`tracing`), as lines of the printer's.
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::printer::Printer;

/// The variable that says in detail what to show.
const VARIABLE: &str = "REMUDA_LOG";

/// What to show: by [`VARIABLE`], or else by the flags.
///
/// # Errors
/// One line, if the variable cannot be understood.
pub(crate) fn filter(quiet: bool, verbose: u8) -> Result<EnvFilter, String> {
    let level = match verbose {
        _ if quiet => "error",
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => {
            EnvFilter::try_new(text).map_err(|error| format!("{VARIABLE}: {error}"))
        }
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(EnvFilter::new(level)),
        Err(error) => Err(format!("{VARIABLE}: {error}")),
    }
}

/// Shows events from now on.
pub(crate) fn install(filter: EnvFilter, printer: &Printer) {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .event_format(Plain)
        .with_writer(Lines(printer.clone()))
        .init();
}

/// `warning: machine m3 was lost: …`, as the other lines on standard error.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields {
            machine,
            message,
            others,
        } = fields;
        write!(writer, "{level}: {machine}{message}{others}")
    }
}

/// The fields of an event, the machine in front.
#[derive(Default)]
struct Fields {
    machine: String,
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "machine" => self.machine = format!("machine {value:?} "),
            name => self.others.push_str(&format!(" {name}={value:?}")),
        }
    }
}

struct Lines(Printer);

/// Gathers one event.
struct Line<'a> {
    printer: &'a Printer,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;
    fn make_writer(&'a self) -> Line<'a> {
        Line {
            printer: &self.0,
            bytes: Vec::new(),
        }
    }
}

impl std::io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.bytes);
        if !text.trim().is_empty() {
            self.printer.note(text.trim_end().to_owned());
        }
    }
}
