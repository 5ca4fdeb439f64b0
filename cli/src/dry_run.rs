//! What a run would do: its commands on standard output, where they would run on standard error.
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;

use remuda_cli::jobs::Size;

use crate::plan::Plan;

/// Prints the jobs of a plan; gives the exit status.
///
/// # Errors
/// What is wrong with a job that came from a pipe, or why standard output takes no more.
pub(crate) fn print(mut plan: Plan) -> Result<u8, String> {
    let Some(source) = plan.source.take() else {
        return Ok(0);
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut jobs, mut before, mut procs, mut whole) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut wrong = Ok(());
    source.each(&mut |batch| {
        for job in match batch {
            Ok(batch) => batch,
            Err(error) => {
                wrong = Err(error);
                return false;
            }
        } {
            if plan
                .done
                .as_ref()
                .is_some_and(|done| done.find(&job).is_some())
            {
                before += 1;
                continue;
            }
            jobs += 1;
            match job.size {
                Size::Procs(count) => procs += u64::from(count),
                Size::Machine => whole += 1,
            }
            let mut line = job.command.line().as_bytes().to_vec();
            line.push(b'\n');
            if let Err(error) = out.write_all(&line) {
                // A reader that left early has seen enough.
                let enough = error.kind() == ErrorKind::BrokenPipe;
                wrong = if enough {
                    Ok(())
                } else {
                    Err(format!("cannot write to standard output: {error}"))
                };
                return false;
            }
        }
        true
    });
    wrong?;
    out.flush()
        .map_err(|error| format!("cannot write to standard output: {error}"))?;
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let already = if before == 0 {
        String::new()
    } else {
        format!(", {before} done before")
    };
    let mut said = format!("would run {jobs} job{}{already} on ", plural(jobs));
    if let Some(command) = plan.machines.only_command() {
        let kind = &plan.config.kinds[0];
        let size = u64::from(kind.capacity.proc_count()).max(1);
        let most = plan.config.max_procs / size;
        let machines = (procs.div_ceil(size) + whole).min(most);
        said += &format!(
            "up to {machines} machine{} of {size} proc{}, each started by: {command}\n",
            plural(machines),
            plural(size),
        );
    } else {
        said += "machines of these kinds:\n";
        for line in plan.machines.lines() {
            said += &format!("  {line}\n");
        }
    }
    let _ = io::stderr().write_all(said.as_bytes());
    Ok(0)
}
