//! The commands of the README, as they stand there.
#![allow(dead_code)] // Each test file uses its own part.

/// The command behind the mark `<!-- command: NAME -->`.
pub(crate) fn command(name: &str) -> String {
    let text = include_str!("../../../README.md");
    let mark = format!("<!-- command: {name} -->\n```sh\n");
    let (_, rest) = text.split_once(&mark).expect("the README has the command");
    let (command, _) = rest.split_once("```").expect("its block ends");
    command.to_owned()
}

/// The file behind the mark `<!-- file: NAME -->`.
pub(crate) fn file(name: &str) -> String {
    let text = include_str!("../../../README.md");
    let (_, rest) = text
        .split_once(&format!("<!-- file: {name} -->\n"))
        .expect("the README has the file");
    let (_, rest) = rest.split_once('\n').expect("its block begins");
    let (file, _) = rest.split_once("```").expect("its block ends");
    file.to_owned()
}
