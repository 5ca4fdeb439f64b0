//! Pictures of a run: a page to look at in a browser, and a trace for Perfetto.
mod file;
mod film;
#[cfg(feature = "serve")]
pub(crate) mod live;
mod machine;
mod numbers;
mod page;
mod slots;
mod trace;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::input::Input;
use super::play::play;
use super::select::Selection;
use super::tally::Tally;
use crate::signals::Delay;
pub(crate) use film::Film;

/// The pictures that are asked for.
#[derive(Args, Debug)]
pub(crate) struct Pictures {
    /// Draw it as a page of its own for a browser: machines and their grants, the queue, waits by priority.
    ///
    /// The page needs no network; it zooms, tells of what is under the pointer, and finds a request, a job or a machine.
    /// The part that --from and --to select is drawn. Example: remuda replay run.journal --html run.html
    #[arg(long, value_name = "OUT")]
    #[arg(conflicts_with_all = ["tui", "explain", "owed", "diff", "request", "machine"])]
    html: Option<PathBuf>,

    /// Write it as a trace, to be opened with ui.perfetto.dev.
    ///
    /// A process is a machine, a thread one of its procs, a slice a grant. Example: remuda replay run.journal
    /// --perfetto run.json
    #[arg(long, value_name = "OUT")]
    #[arg(conflicts_with_all = ["tui", "explain", "owed", "diff", "request", "machine"])]
    perfetto: Option<PathBuf>,
}

/// Refuses to draw to standard output, or over what is read, about which `same` is said.
///
/// # Errors
/// One line that names the option and the file.
pub(crate) fn check(option: &str, out: &Path, input: &Path, same: &str) -> Result<(), String> {
    let failed = |what: &str| Err(format!("{option} {}: {what}", out.display()));
    if out == Path::new("-") {
        return failed("standard output is for the summary: name a file, such as run.html");
    }
    if out.is_dir() {
        return failed("it is a directory: name a file in it");
    }
    let input = match input == Path::new("-") {
        true => Path::new("/dev/stdin"),
        false => input,
    };
    match file::is_same(out, input) {
        true => failed(same),
        false => Ok(()),
    }
}

/// Writes a text to a file, whole or not at all.
///
/// # Errors
/// One line that names the option and the file.
pub(crate) fn write(option: &str, out: &Path, text: &str) -> Result<(), String> {
    let delay = Delay::new().map_err(|error| format!("cannot draw: {error}"))?;
    let written = file::write(out, &delay, |to| to.write_all(text.as_bytes()));
    written.map_err(|error| format!("{option} {}: {error}", out.display()))
}

impl Pictures {
    /// Whether there are any.
    pub(crate) fn wanted(&self) -> bool {
        self.html.is_some() || self.perfetto.is_some()
    }

    /// Refuses to write over what is read, or one picture over the other.
    ///
    /// # Errors
    /// One line that names the option and the file.
    pub(crate) fn check(&self, input: &Path) -> Result<(), String> {
        let (html, perfetto) = (self.html.as_deref(), self.perfetto.as_deref());
        for (option, out) in [("--html", html), ("--perfetto", perfetto)] {
            let Some(out) = out else { continue };
            check(
                option,
                out,
                input,
                "it is the run itself, which would be gone",
            )?;
        }
        match (html, perfetto) {
            (Some(one), Some(other)) if file::is_same(one, other) => Err(format!(
                "--html and --perfetto are both {}: name two files",
                one.display()
            )),
            _ => Ok(()),
        }
    }

    /// Replays the part that is selected, and draws it.
    ///
    /// # Errors
    /// One line that names the option and the file.
    pub(crate) fn draw(&self, input: &Input, selection: &Selection) -> Result<(), String> {
        if !self.wanted() {
            return Ok(());
        }
        let mut watch = (Tally::default(), Film::default());
        let played = play(input, selection, &mut watch);
        let played = played.map_err(|error| format!("{}: {error}", input.name))?;
        let (tally, film) = watch;
        let scene = film.scene();
        let failed = |option: &str, out: &Path, error: io::Error| {
            format!("{option} {}: {error}", out.display())
        };
        let delay = Delay::new().map_err(|error| format!("cannot draw: {error}"))?;
        if let Some(out) = &self.html {
            let trouble = played.end.trouble(played.events);
            let page = page::Page::new(&scene, &tally, input, trouble.as_deref());
            file::write(out, &delay, |to| page.write(to))
                .map_err(|error| failed("--html", out, error))?;
        }
        if let Some(out) = &self.perfetto {
            file::write(out, &delay, |to| trace::write(&scene, input, to))
                .map_err(|error| failed("--perfetto", out, error))?;
        }
        Ok(())
    }
}
