//! The order among the jobs of a file: whom a job waits for must be there, and no circle may wait for itself.
use core::fmt;
use std::collections::HashMap;

use super::Job;

/// Why the jobs of a file cannot be put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderError {
    /// A job waits for one that is not there.
    Unknown {
        /// The line of the job that waits.
        line: usize,
        /// The name it gives.
        name: String,
    },
    /// A job waits for a name that more than one job has.
    Ambiguous {
        /// The line of the job that waits.
        line: usize,
        /// The name it gives.
        name: String,
        /// Two of the lines that have it.
        lines: [usize; 2],
    },
    /// These jobs wait for each other: each for the next, the last for the first.
    Circle(Vec<String>),
}

/// Checks that the jobs can be put in order.
///
/// # Errors
/// The first name that is unknown or ambiguous, or else a circle.
pub fn check(jobs: &[Job]) -> Result<(), OrderError> {
    let mut by_name: HashMap<&str, (usize, Option<usize>)> = HashMap::new();
    for (index, job) in jobs.iter().enumerate() {
        if let Some(name) = &job.given_name {
            let entry = by_name.entry(name).or_insert((index, None));
            if entry.0 != index {
                entry.1.get_or_insert(index);
            }
        }
    }
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let line = job.line;
        let mut indices = Vec::new();
        for name in job.names() {
            let name = name.to_owned();
            match by_name.get(name.as_str()) {
                None => return Err(OrderError::Unknown { line, name }),
                Some(&(first, Some(second))) => {
                    let lines = [jobs[first].line, jobs[second].line];
                    return Err(OrderError::Ambiguous { line, name, lines });
                }
                Some(&(index, None)) => indices.push(index),
            }
        }
        // What it prefers must be there, but need not come before it.
        indices.truncate(job.waits_for().count());
        before.push(indices);
    }
    match circle(&before) {
        None => Ok(()),
        Some(circle) => {
            let name = |index: usize| jobs[index].name().into_owned();
            Err(OrderError::Circle(circle.into_iter().map(name).collect()))
        }
    }
}

/// A circle in a graph, each node before the one it waits for.
fn circle(before: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; before.len()];
    // A stack of its own: a chain of a million jobs is no reason to overflow the thread's.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for start in 0..before.len() {
        if seen[start] != Seen::No {
            continue;
        }
        seen[start] = Seen::OnPath;
        path.push((start, 0));
        while let Some((node, next)) = path.last_mut() {
            let Some(&to) = before[*node].get(*next) else {
                seen[*node] = Seen::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match seen[to] {
                Seen::Done => {}
                Seen::No => {
                    seen[to] = Seen::OnPath;
                    path.push((to, 0));
                }
                Seen::OnPath => {
                    let from = path.iter().position(|&(node, _)| node == to);
                    let on_path = path[from.unwrap_or(0)..].iter();
                    return Some(on_path.map(|&(node, _)| node).collect());
                }
            }
        }
    }
    None
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderError::Unknown { line, name } => {
                write!(f, "line {line}: no job is named {name:?}")
            }
            OrderError::Ambiguous { line, name, lines } => {
                let [first, second] = lines;
                write!(
                    f,
                    "line {line}: two jobs are named {name:?}, in lines {first} and {second}"
                )
            }
            OrderError::Circle(names) => {
                f.write_str("jobs wait for each other in a circle: ")?;
                for name in names {
                    write!(f, "{name} after ")?;
                }
                f.write_str(names.first().map_or("", String::as_str))
            }
        }
    }
}

impl core::error::Error for OrderError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Format, parse};
    use super::*;
    use crate::offers::Offers;

    fn said(lines: &[&str]) -> Result<(), String> {
        let jobs = parse(
            lines.join("\n").as_bytes(),
            Format::Jsonl,
            &Offers::procs(4),
        )
        .unwrap();
        check(&jobs).map_err(|error| error.to_string())
    }

    #[test]
    fn jobs_may_wait_for_any_others_of_the_file() {
        let lines = [
            r#"{"cmd": "c", "name": "c", "after": ["a", "b"]}"#,
            r#"{"cmd": "a", "name": "a"}"#,
            r#"{"cmd": "b", "name": "b", "after": ["a"], "prefer": "c"}"#,
            r#"{"cmd": "x", "after_any": ["c"]}"#,
        ];
        assert_eq!(said(&lines), Ok(()));
    }

    #[test]
    fn what_cannot_be_put_in_order_is_named() {
        let job = |name: &str, rest: &str| format!(r#"{{"cmd": "x", "name": "{name}"{rest}}}"#);
        let (a, b) = (
            job("a", r#", "after": ["b"]"#),
            job("b", r#", "after_any": ["c"]"#),
        );
        let c = job("c", r#", "after": ["a"]"#);
        assert_eq!(said(&[&a, &b]), Err("line 2: no job is named \"c\"".into()));
        assert_eq!(
            said(&[&job("z", ""), &a, &b, &c]),
            Err("jobs wait for each other in a circle: a after b after c after a".into())
        );
        assert_eq!(
            said(&[&job("z", r#", "after": ["z"]"#)]),
            Err("jobs wait for each other in a circle: z after z".into())
        );
        assert_eq!(
            said(&[&job("a", ""), &job("a", ""), &c]),
            Err("line 3: two jobs are named \"a\", in lines 1 and 2".into())
        );
        assert_eq!(said(&[&job("a", ""), &job("a", "")]), Ok(()));
        let prefers = job("a", r#", "prefer": "q""#);
        assert_eq!(
            said(&[&prefers]),
            Err("line 1: no job is named \"q\"".into())
        );
    }

    proptest! {
        /// Against the plain way: take away what waits for nothing, again and again.
        #[test]
        fn a_circle_is_found_where_there_is_one(edges in proptest::collection::vec((0..8_usize, 0..8_usize), 0..14)) {
            let mut before = vec![Vec::new(); 8];
            for (from, to) in edges {
                before[from].push(to);
            }
            let mut left: Vec<usize> = (0..8).collect();
            loop {
                let free = left.iter().position(|&node| before[node].iter().all(|to| !left.contains(to)));
                match free {
                    Some(at) => drop(left.remove(at)),
                    None => break,
                }
            }
            match circle(&before) {
                None => prop_assert!(left.is_empty()),
                Some(circle) => {
                    for (at, &node) in circle.iter().enumerate() {
                        prop_assert!(before[node].contains(&circle[(at + 1) % circle.len()]));
                    }
                }
            }
        }
    }
}
