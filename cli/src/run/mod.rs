//! The main job: what a run is begun with and what it ends with. What happens between is [`running`].
mod running;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use futures::channel::mpsc::unbounded;
use remuda::{MachineCounts, Manager};
use remuda_tokio::{FileRecorder, Past, Recording, System as _};

use crate::book::Book;
use crate::joblog::Joblog;
use crate::plan::{Journal, Plan};
use crate::printer::{Printer, Settings};
use crate::progress::{Board, Progress};
use crate::recover::Notes;
use crate::source::Source;
use crate::summary::{End, Summary, Tally};
use crate::{limits, listen, log, serve, signals};

use running::{Running, Writing};

/// Carries a plan out, to the last line; gives the exit status.
///
/// # Errors
/// The operating system has no thread or handler to give, before anything started.
pub(crate) fn run(mut plan: Plan) -> io::Result<u8> {
    let began = Instant::now();
    let served = plan.serve.as_ref().map_or(0, |_| serve::FILES);
    limits::raise(plan.config.max_procs, served);
    limits::check().map_err(io::Error::other)?;
    let (control, controls) = unbounded();
    let board = Board::default();
    let past = plan.recovery.as_ref().map(|recovery| &recovery.past);
    let (recorder, recording) = plan
        .journal
        .take()
        .map(|journal| record(journal, past))
        .transpose()?
        .unzip();
    let notes = recording
        .as_ref()
        .and_then(|recorded: &Recorded| recorded.notes.clone());
    let (printer, thread) = Printer::start(Settings {
        keep_order: plan.keep_order,
        quiet: plan.quiet,
        live: plan.line_buffer,
        results: plan.results.take(),
        progress: match plan.progress {
            Some(how) => Progress::new(how, board.clone()),
            None => Progress::Nothing,
        },
        notes: notes.clone(),
        control: control.clone(),
    })?;
    log::install(std::mem::take(&mut plan.filter), &printer);
    signals::watch(control)?;
    for note in std::mem::take(&mut plan.notes) {
        printer.note(note);
    }

    let survey = plan
        .source
        .as_ref()
        .map(|source| source.survey)
        .unwrap_or_default();
    let over = plan.recovery.take_if(|recovery| recovery.past.is_over());
    let mut tally = match &over {
        Some(over) => over.before.tally(),
        None => Tally::default(),
    };
    let (end, machines) = if survey.total == Some(0) || tally.before > 0 {
        if let Some(over) = over {
            end_machines(&mut plan, over.past, notes)?;
        }
        (End::Done, MachineCounts::default())
    } else {
        let source = plan.source.take().map(Source::start).transpose()?;
        let book = Book::new(plan.rules, survey.total);
        let run = recording.as_ref().map(|recorded| recorded.run.clone());
        let (feed, server) = serve(&mut plan, &printer)?.unzip();
        let (plan, printer, tally) = (&mut plan, &printer, &mut tally);
        let ended = remuda_tokio::run(async move |runtime| {
            let writing = Writing {
                recorder,
                run,
                notes,
                feed,
            };
            let running = Running::new(runtime, plan, printer, board, book, writing)?;
            let (end, machines, counted) = running.run_all(source, controls).await;
            *tally = counted;
            Ok::<_, io::Error>((end, machines))
        })??;
        if let Some(server) = server {
            server.end();
        }
        if let Some(Recorded {
            path, recording, ..
        }) = recording
            && let Err(error) = recording.finish()
        {
            let path = path.display();
            printer.note(format!(
                "--journal {path}: {error}; it ends there, the run went on"
            ));
        }
        ended
    };
    let MachineCounts {
        ok,
        probation,
        draining,
        stopping,
        lost,
        ended,
        ..
    } = machines;
    let started = ok + probation + draining + stopping + lost + ended;
    printer.end(
        Summary {
            tally,
            started,
            lost,
            took: began.elapsed(),
        }
        .to_string(),
    );
    let printed = thread.join();
    let logged = !plan.joblog.as_ref().is_some_and(Joblog::has_failed);
    Ok(end.status(&tally, printed && logged))
}

/// Has the machines ended that a run had started which was over when it was killed, but not done with them.
fn end_machines(plan: &mut Plan, past: Past, notes: Option<Notes>) -> io::Result<()> {
    if past.ended().next().is_none() {
        return Ok(());
    }
    remuda_tokio::run(async |runtime| {
        let launched = plan.machines.system(&runtime);
        let (system, _) = listen::system(&runtime, launched, plan.port.take(), 0, notes)?;
        for (machine, token) in past.ended() {
            system.ended(machine, token.to_owned());
        }
        system.finished().await;
        Ok(())
    })?
}

/// Serves the run of a plan, if it says so.
fn serve(plan: &mut Plan, printer: &Printer) -> io::Result<Option<(serve::Feed, serve::Server)>> {
    let Some(port) = plan.serve.take() else {
        return Ok(None);
    };
    let manager = match &plan.recovery {
        Some(recovery) => recovery.past.manager().clone(),
        None => Manager::new(plan.config.clone()).map_err(io::Error::other)?,
    };
    let (kinds, jobs) = (plan.kinds.clone(), plan.jobs.clone());
    printer.note(port.said());
    port.serve(manager, kinds, jobs).map(Some)
}

/// A journal that is written.
struct Recorded {
    path: PathBuf,
    recording: Recording,
    /// The mark of the run's processes.
    run: String,
    /// If the run can be recovered.
    notes: Option<Notes>,
}

/// Begins to write a journal, or goes on with one.
fn record(journal: Journal, past: Option<&Past>) -> io::Result<(FileRecorder, Recorded)> {
    let Journal {
        file,
        path,
        options,
        run,
        lasting,
    } = journal;
    let (recorder, recording) = match past {
        None => FileRecorder::start(file, options)?,
        Some(past) => FileRecorder::resume(file, options, past)?,
    };
    let notes = lasting.then(|| Notes(recording.clone()));
    let recorded = Recorded {
        path,
        recording,
        run,
        notes,
    };
    Ok((recorder, recorded))
}
