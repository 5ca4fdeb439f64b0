//! What is made of the command line's definition: completions for shells, and manual pages.
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Print what makes a shell complete remuda's flags.
///
///   remuda completions bash > ~/.local/share/bash-completion/completions/remuda
///   remuda completions zsh > "${fpath[1]}/_remuda"
///   remuda completions fish > ~/.config/fish/completions/remuda.fish
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print a manual page.
///
///   remuda man run | man -l -
///   remuda man --all ~/.local/share/man/man1
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct ManArgs {
    /// The command it is about; remuda itself if none is named
    #[arg(value_name = "COMMAND", conflicts_with = "all")]
    command: Option<String>,

    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,
}

impl CompletionsArgs {
    /// Writes them to standard output.
    pub(crate) fn print(&self) -> Result<(), String> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "remuda", &mut text);
        print(&text)
    }
}

impl ManArgs {
    /// Writes a page to standard output, or all into their folder.
    pub(crate) fn print(&self) -> Result<(), String> {
        let mut remuda = Cli::command();
        if let Some(dir) = &self.all {
            return clap_mangen::generate_to(remuda, dir)
                .map_err(|error| format!("--all {}: {error}", dir.display()));
        }
        // Gives each command its whole name.
        remuda.build();
        let command = match &self.command {
            None => remuda,
            Some(name) => remuda
                .find_subcommand(name)
                .cloned()
                .ok_or_else(|| format!("there is no command {name} (try: remuda --help)"))?,
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| error.to_string())?;
        print(&page)
    }
}

/// A reader that has left has seen enough.
fn print(text: &[u8]) -> Result<(), String> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
