//! The forms of a result: a scenario in JSON lines, a golden script, a test; and the files they go to.
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use remuda::Action;
use remuda_sim::find::answers;
use remuda_sim::shrink::Run;
use remuda_sim::{Model, Script};

use super::candidate::{manager, scenario};
use super::failure::{Failure, Known};
use super::rust;

/// A result.
pub(super) struct Forms {
    run: Run,
    /// What this version answers, as far as it does not panic.
    answers: Vec<Vec<Action>>,
    /// With the answers that are expected.
    script: Script,
    what: String,
    /// A test has to look at the invariants too.
    invariants: bool,
}

impl Forms {
    /// The forms of `run`, to which so many events of a file were cut down.
    pub(super) fn new(name: &str, events: usize, failure: &Failure, run: Run) -> Forms {
        let (what, ruled) = match failure {
            Failure::Check(check) => {
                let command = one_line(check.command());
                (format!("the check still says so: {command}"), false)
            }
            Failure::Known(known, found) => {
                // In the words of the result, whose ids are other ones.
                let again = found.again(&run, &manager);
                let what = again.map_or_else(|| found.what.clone(), |found| found.what);
                (what, matches!(known, Known::Panic | Known::Violation))
            }
        };
        let answers = answers(&run, &manager);
        let mut script = Script::new(run.config.clone(), &run.events);
        if ruled {
            let model = Model::new(run.config.clone());
            script = script.played_on(&mut model.expect("it was tried with this config"));
        } else {
            for (step, actions) in script.steps.iter_mut().zip(&answers) {
                step.actions.clone_from(actions);
            }
        }
        let file = Path::new(name)
            .file_name()
            .map_or(name.into(), |it| it.to_string_lossy());
        let file = one_line(&file);
        script.heading = vec![
            format!("# Cut down from {events} events of {file}: {what}."),
            String::new(),
        ];
        Forms {
            run,
            answers,
            script,
            what,
            invariants: ruled,
        }
    }

    pub(super) fn events(&self) -> usize {
        self.run.events.len()
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn script(&self) -> &Script {
        &self.script
    }
}

/// Without line breaks and what else a terminal would obey.
fn one_line(text: &str) -> String {
    let plain = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(plain).collect()
}

/// The three files that are written.
#[derive(Debug)]
pub(super) struct Stem {
    out: PathBuf,
    dir: PathBuf,
    force: bool,
}

impl Stem {
    const ENDINGS: [&str; 3] = [".jsonl", ".txt", ".rs"];

    /// Files of this name; `input` must be none of them.
    ///
    /// # Errors
    /// One is there already and `force` does not say to overwrite it, or the directory cannot be written to.
    pub(super) fn new(out: &Path, force: bool, input: &Path) -> Result<Stem, String> {
        let failed = |what: &str| format!("-o {}: {what}", out.display());
        if out.file_name().is_none() {
            return Err(failed("it has no file name, such as loss"));
        }
        let dir = match out.parent() {
            Some(dir) if dir != Path::new("") => dir,
            _ => Path::new("."),
        };
        let stem = Stem {
            out: out.to_owned(),
            dir: dir.to_owned(),
            force,
        };
        let id = |path: &Path| path.metadata().map(|it| (it.dev(), it.ino())).ok();
        for ending in Stem::ENDINGS {
            let path = stem.path(ending);
            let there = path.symlink_metadata().is_ok();
            if there && !force {
                let path = path.display();
                return Err(failed(&format!("{path} is there: --force overwrites it")));
            }
            if there && id(&path).is_some_and(|it| id(input) == Some(it)) {
                return Err(failed(&format!("{} is the input itself", path.display())));
            }
            if path.is_dir() {
                return Err(failed(&format!("{} is a directory", path.display())));
            }
        }
        // Better now than after the search.
        tempfile::tempfile_in(dir).map_err(|error| failed(&error.to_string()))?;
        Ok(stem)
    }

    fn path(&self, ending: &str) -> PathBuf {
        let mut path = OsString::from(&self.out);
        path.push(ending);
        path.into()
    }

    /// Writes all three, each whole or not at all; gives the words that say so.
    ///
    /// # Errors
    /// One cannot be written.
    pub(super) fn write(&self, forms: &Forms) -> Result<String, String> {
        let name = self.out.file_name().unwrap_or_default();
        let test = rust::test(&name.to_string_lossy(), &forms.script, forms.invariants);
        let texts = [
            scenario(&forms.run, &forms.answers, Some(&forms.what)),
            forms.script.to_string(),
            test,
        ];
        let mut files = Vec::new();
        for (ending, text) in Stem::ENDINGS.iter().zip(texts) {
            let path = self.path(ending);
            let failed = |error: std::io::Error| format!("{}: {error}", path.display());
            let mut file = tempfile::Builder::new()
                .permissions(std::fs::Permissions::from_mode(0o666))
                .tempfile_in(&self.dir)
                .map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
            files.push((path, file));
        }
        let mut names = Vec::new();
        for (path, file) in files {
            let kept = match self.force {
                true => file.persist(&path),
                false => file.persist_noclobber(&path),
            };
            kept.map_err(|error| format!("{}: {}", path.display(), error.error))?;
            names.push(path.display().to_string());
        }
        Ok(format!("; wrote {}", names.join(", ")))
    }
}
