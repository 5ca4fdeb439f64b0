//! The comparison of the functions that a worker has with those that it must have (S19).

use crate::text::{Keep, harmless};

/// The most functions that a worker may have.
const MAX_FUNCTIONS: usize = 1000;

/// The error says how they differ. `None` requires nothing.
pub(crate) fn compare_functions(
    wanted: Option<&[String]>,
    functions: &[String],
) -> Result<(), String> {
    if functions.len() > MAX_FUNCTIONS {
        let count = functions.len();
        return Err(format!(
            "it has {count} functions, over the limit of {MAX_FUNCTIONS}"
        ));
    }
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let not_in = |these: &[String], those: &[String]| -> Vec<String> {
        let missing = these.iter().filter(|name| !those.contains(name));
        missing.map(|name| format!("`{name}`")).collect()
    };
    let lacks = not_in(wanted, functions);
    let more = not_in(functions, wanted);
    if lacks.is_empty() && more.is_empty() {
        return Ok(());
    }
    let mut parts = Vec::new();
    if !lacks.is_empty() {
        parts.push(format!("lacks {}", lacks.join(", ")));
    }
    if !more.is_empty() {
        parts.push(format!("has {} besides", more.join(", ")));
    }
    let differ = harmless(&parts.join(" and "), Keep::Start(500));
    Err(format!("its functions differ: it {differ}"))
}
