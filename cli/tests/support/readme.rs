//! The commands of the README, as they stand there.

/// The command behind the mark `<!-- command: NAME -->`.
pub(crate) fn command(name: &str) -> String {
    let text = include_str!("../../../README.md");
    let mark = format!("<!-- command: {name} -->\n```sh\n");
    let (_, rest) = text.split_once(&mark).expect("the README has the command");
    let (command, _) = rest.split_once("```").expect("its block ends");
    command.to_owned()
}
