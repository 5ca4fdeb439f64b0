//! Inputs made by hand for the target `jobs`: lines of each syntax, and each way to be wrong.

use crate::bodies::jobs;
use crate::seeds::Seed;

/// For the target `jobs`: each syntax, and each way to be wrong.
pub(crate) fn files() -> Vec<Seed> {
    let lines = |text: &[u8]| [&[4], text].concat();
    let json = |text: &str| [&[jobs::JSONL | 4], text.as_bytes()].concat();
    vec![
        (
            "lines",
            lines(b"\xef\xbb\xbfecho a\r\n\n  # not me\n\t\n  echo '# b'\nlast"),
        ),
        ("lines-not-utf8", lines(b"ok\nab\xffcd\n")),
        ("lines-nul", lines(b"ok\na\0b\n")),
        (
            "json",
            json(concat!(
                r#"{"cmd": "make -j2", "procs": 2, "priority": -5, "name": "build \u00fc"}"#,
                "\n\n",
                r#"{"cmd": ["echo", "a b", ""], "machine": true}"#,
                "\r\n",
                r#"{"cmd": "x", "machine": false, "name": null, "procs": null}"#,
            )),
        ),
        ("json-procs-zero", json(r#"{"cmd": "a", "procs": 0}"#)),
        ("json-procs-too-many", json(r#"{"cmd": "a", "procs": 9}"#)),
        (
            "json-procs-no-number-of-ours",
            json(r#"{"cmd": "a", "procs": 5000000000}"#),
        ),
        (
            "json-amounts-and-kinds",
            json(concat!(
                r#"{"cmd": "a", "memory": "2GiB", "gpus": 1, "kind": "big"}"#,
                "\n",
                r#"{"cmd": "b", "memory": "1.5 GB", "kind": "a label"}"#,
            )),
        ),
        (
            "json-memory-too-much",
            json(r#"{"cmd": "a", "memory": "5GiB"}"#),
        ),
        ("json-gpus-too-many", json(r#"{"cmd": "a", "gpus": 5}"#)),
        (
            "json-no-such-kind",
            json(r#"{"cmd": "a", "kind": "small"}"#),
        ),
        (
            "json-procs-and-machine",
            json(r#"{"cmd": "a", "procs": 1, "machine": true}"#),
        ),
        ("json-empty-command", json(r#"{"cmd": []}"#)),
        ("json-nul", json(r#"{"cmd": ["a", "\u0000"]}"#)),
        ("json-bad-name", json(r#"{"cmd": "a", "name": "x\ny"}"#)),
        ("json-unknown-field", json(r#"{"cmd": "a", "proc": 1}"#)),
        ("json-not-an-object", json("echo a")),
        ("json-deep", json(&"{\"cmd\":".repeat(200))),
        ("json-a-list", json(r#"["echo", 1]"#)),
        (
            "json-all-else",
            json(
                r#"{"cmd": "x\udcff", "timeout": 1.5, "retries": 2, "env": {"A": "b"}, "cwd": "/", "stdin": "i", "prefer": "p", "after": ["a"], "after_any": ["b"]}"#,
            ),
        ),
        ("json-bad-time", json(r#"{"cmd": "x", "timeout": "soon"}"#)),
        (
            "json-together",
            json(r#"{"cmd": "x", "memory": "1GiB", "gpus": 3}"#),
        ),
    ]
}
