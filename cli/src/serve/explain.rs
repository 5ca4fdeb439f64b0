//! `/explain/N`: why a request waits, as `remuda replay --explain` says it, now.
use remuda::{Explanation, RequestId};
use serde::Serialize;

use super::mirror::Mirror;
use crate::replay::explain::{Known, print};

/// What is said of a request.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    request: String,
    /// What it is for; empty if that is not known.
    job: String,
    explanation: Explanation,
    /// The same in words.
    text: String,
}

/// Explains what is `asked` for: the number of a request (`7`, `r7`), or else the name of a job, which stands for its last
/// request. None if there is nothing of the kind.
pub(super) fn explain(mirror: &Mirror, asked: &str) -> Option<Explained> {
    let asked = decoded(asked)?;
    let number = asked.strip_prefix('r').unwrap_or(&asked).parse();
    let request = match number.map(RequestId) {
        Ok(request) if mirror.film().lives().has(request) => request,
        _ => mirror.request_of(&asked)?,
    };
    let manager = mirror.manager();
    let explanation = manager.explain(request);
    let known = Known::new(mirror.film().lives(), mirror.jobs());
    let mut text = Vec::new();
    let printed = print(&explanation, manager, &known, mirror.number(), &mut text);
    printed.expect("memory takes all");
    Some(Explained {
        request: request.to_string(),
        job: mirror.jobs().get(&request).cloned().unwrap_or_default(),
        explanation,
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// A part of an address without its percent signs; none if they stand for no text.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(*high)? << 4 | digit(*low)?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs_are_decoded() {
        assert_eq!(decoded("build%201%2f%C3%BC").as_deref(), Some("build 1/ü"));
        for wrong in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
