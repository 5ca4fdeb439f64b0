//! Where the scripts are, and how they are read.

use std::path::{Path, PathBuf};

use remuda_sim::Script;

/// A script of the folder.
pub(crate) struct Story {
    /// Its file's name, without the ending.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What the file says, to the letter.
    pub(crate) text: String,
    pub(crate) script: Script,
}

/// All of them, by name.
pub(crate) fn all() -> Vec<Story> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = std::fs::read_dir(&folder).expect("the folder of the scripts");
    let mut stories: Vec<Story> = entries.map(|entry| read(entry.unwrap().path())).collect();
    stories.sort_by(|a, b| a.name.cmp(&b.name));
    stories
}

fn read(path: PathBuf) -> Story {
    let shown = path.display();
    assert!(path.extension().is_some_and(|e| e == "txt"), "{shown}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let script = Script::parse(&text).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let name = path.file_stem().expect("a file has a name");
    Story {
        name: name.to_string_lossy().into_owned(),
        path,
        text,
        script,
    }
}

impl Story {
    /// The rule that it is named after, as its file says it.
    pub(crate) fn rule(&self) -> &str {
        let (rule, _) = self.name.split_once('_').expect("a rule and a title");
        rule
    }

    /// The comment before the config.
    pub(crate) fn heading(&self) -> String {
        self.script.heading.join("\n")
    }
}
