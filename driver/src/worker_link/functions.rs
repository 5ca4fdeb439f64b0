//! The comparison of the functions that a worker has with those that it must have (S19).

/// The error says how they differ. `None` requires nothing.
pub(crate) fn compare_functions(
    wanted: Option<&[String]>,
    functions: &[String],
) -> Result<(), String> {
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
    Err(format!("its functions differ: it {}", parts.join(" and ")))
}
