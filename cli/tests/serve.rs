//! `remuda run --serve`: what is told of a run that goes on, and to whom.
#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use served::Served;
use support::{Dir, REMUDA, echoed, echoes, remuda, run, wait_for};

/// Two machines of one proc each, so that two jobs run and the others wait.
const TWO: [&str; 4] = ["--max-procs", "2", "--machine-procs", "1"];

/// Jobs of these names, which run until there is a file `go`.
fn waiting_jobs(dir: &Dir, names: &[&str]) -> String {
    let lines = names.iter().map(|name| {
        json!({ "name": name, "cmd": "echo >> begun; until [ -e go ]; do sleep 0.05; done" })
            .to_string()
            + "\n"
    });
    dir.write("jobs.jsonl", lines.collect::<String>())
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().expect("a list");
    let texts = list
        .iter()
        .map(|it| it[field].as_str().unwrap_or("none").to_owned());
    texts.collect()
}

/// The names of the jobs that run, sorted.
fn running(state: &Value) -> Vec<String> {
    let machines = state["machines"].as_array().expect("a list");
    let mut jobs: Vec<_> = machines
        .iter()
        .flat_map(|it| texts(&it["running"], "job"))
        .collect();
    jobs.sort();
    jobs
}

#[test]
fn the_state_tells_machines_jobs_queue_and_why_one_waits() {
    let dir = Dir::new();
    let jobs = waiting_jobs(&dir, &["a", "b", "c d", "e"]);
    let served = Served::start(&[&TWO[..], &[&jobs]].concat(), &dir);
    assert!(
        served.address().starts_with("127.0.0.1:"),
        "{}",
        served.printed
    );
    assert_eq!(served.get("/healthz").body, "ok\n");
    let state = served.until("two jobs run", |it| it["running"] == 2 && it["queued"] == 2);
    assert_eq!(running(&state), ["a", "b"]);
    assert_eq!(texts(&state["queue"], "job"), ["c d", "e"]);
    assert_eq!(state["queue"][0]["asks"], json!({ "procs": 1 }));
    assert_eq!(state["kinds"][0]["machines"]["ok"], 2);
    assert_eq!(state["kinds"][0]["used"]["procs"], 2);
    assert_eq!(state["kinds"][0]["wanted"], 2);
    assert_eq!(state["ended"]["ok"], 0);
    assert_eq!(state["source"], json!(jobs));
    // Its clock goes on while nothing happens.
    let time = state["time"].as_f64().unwrap();
    served.until("the clock", |it| it["time"].as_f64().unwrap() > time + 0.1);

    let waits = served.get("/explain/c%20d");
    assert_eq!(waits.status, 200, "{waits:?}");
    let waits: Value = serde_json::from_str(&waits.body).unwrap();
    assert_eq!(
        (&waits["request"], &waits["job"]),
        (&json!("r2"), &json!("c d"))
    );
    assert_eq!(waits["explanation"]["queued"]["ahead"], 0);
    let text = waits["text"].as_str().unwrap();
    assert!(
        text.starts_with("r2 (c d) waits for 1 proc; before it: 0 requests."),
        "{text}"
    );
    assert!(
        text.contains("r0 (a) is done") || text.contains("r1 (b) is done"),
        "{text}"
    );
    for (path, request) in [
        ("/explain/3", "r3"),
        ("/explain/r3", "r3"),
        ("/explain/e", "r3"),
    ] {
        let explained: Value = serde_json::from_str(&served.get(path).body).unwrap();
        assert_eq!(explained["request"], request, "{path}");
    }
    for unknown in [
        "/explain/99",
        "/explain/none",
        "/explain/",
        "/explain/%ff",
        "/other",
    ] {
        assert_eq!(served.get(unknown).status, 404, "{unknown}");
    }

    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
    let err = fs::read_to_string(dir.at("err")).unwrap();
    assert!(err.contains("4 jobs: 4 ok"), "{err}");
}

#[test]
fn metrics_are_those_of_the_run_in_both_formats() {
    let dir = Dir::new();
    // Five go well, two fail, one is lost with its machine; one waits to the end.
    let jobs = [
        "true",
        "true",
        "true",
        "true",
        "true",
        "false",
        "exit 3",
        "until [ -e go ]; do sleep 0.05; done",
    ];
    let jobs = dir.write("jobs", jobs.join("\n") + "\n");
    let cluster = "max_procs = 1\n\n[[kind]]\nname = \"a \\\"b\\\" \\\\ c\"\nprocs = 1\nmax = 1\n";
    let cluster = dir.write("cluster.toml", cluster);
    let served = Served::start(&["--cluster", &cluster, &jobs], &dir);
    served.until("the last job runs", |it| {
        it["running"] == 1 && it["ended"]["ok"] == 5 && it["ended"]["failed"] == 2
    });
    let kind = r#"kind="a \"b\" \\ c""#;
    for (metric, value) in [
        (r#"remuda_requests{state="running"}"#, 1.0),
        (r#"remuda_requests{state="queued"}"#, 0.0),
        (r#"remuda_requests_total{outcome="ok"}"#, 5.0),
        (r#"remuda_requests_total{outcome="failed"}"#, 2.0),
        (r#"remuda_request_wait_seconds_count{priority="0"}"#, 8.0),
        (
            r#"remuda_request_wait_seconds_bucket{priority="0",le="+Inf"}"#,
            8.0,
        ),
        (
            r#"remuda_request_wait_seconds_count{priority="below 0"}"#,
            0.0,
        ),
        (&format!("remuda_machines{{{kind},state=\"ok\"}}"), 1.0),
        (
            &format!("remuda_amount{{{kind},resource=\"procs\",state=\"used\"}}"),
            1.0,
        ),
        (
            &format!("remuda_amount{{{kind},resource=\"procs\",state=\"free\"}}"),
            0.0,
        ),
        (&format!("remuda_wanted_machines{{{kind}}}"), 1.0),
        (&format!("remuda_starts_total{{{kind},result=\"up\"}}"), 1.0),
        (
            &format!("remuda_starts_total{{{kind},result=\"failed\"}}"),
            0.0,
        ),
        (r#"remuda_losses_total{by="stopped"}"#, 0.0),
        (&format!("remuda_backoff_until_seconds{{{kind}}}"), 0.0),
    ] {
        assert_eq!(served.metric(metric), value, "{metric}");
    }
    let host = format!("Host: {}\r\n", served.local());
    let plain = served.get_with("/metrics", &host);
    assert!(
        plain
            .head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        plain.head
    );
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let open = served.get_with("/metrics", &format!("{host}{accept}"));
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0")
    );
    assert!(open.body.ends_with("\n# EOF\n"), "{}", open.body);
    assert!(open.body.contains("# TYPE remuda_starts counter\n"));
    for text in [&plain.body, &open.body] {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names: Vec<_> = types.map(|line| line.split(' ').next().unwrap()).collect();
        let different: HashSet<_> = names.iter().collect();
        assert_eq!(
            names.len(),
            different.len(),
            "a family has one type: {names:?}"
        );
        assert_eq!(names.len(), 10, "{names:?}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let names: HashSet<_> = samples
            .clone()
            .map(|it| it.rsplit_once(' ').unwrap().0)
            .collect();
        assert_eq!(names.len(), samples.count(), "each sample is there once");
    }
    // A machine is lost, and its job runs again.
    let worker = served.run.workers()[0];
    support::kill(worker, Signal::KILL);
    served.until("the loss", |it| {
        it["lost"]["stopped"] == 1 && it["running"] == 1
    });
    assert_eq!(served.metric(r#"remuda_losses_total{by="stopped"}"#), 1.0);
    assert_eq!(
        served.metric(r#"remuda_requests_total{outcome="lost"}"#),
        1.0
    );
    assert_eq!(
        served.metric(&format!("remuda_starts_total{{{kind},result=\"up\"}}")),
        2.0
    );
    let state = served.state();
    let news = texts(&state["news"], "text").join("\n");
    assert!(
        news.contains("m0 is lost: it stopped") && news.contains(", with 8"),
        "{news}"
    );
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(1));
}

#[test]
fn pages_of_other_sites_other_methods_and_garbage_are_refused() {
    let dir = Dir::new();
    let jobs = waiting_jobs(&dir, &["a"]);
    let served = Served::start(&[&jobs], &dir);
    let host = format!("Host: {}\r\n", served.local());
    assert_eq!(served.get_with("/state", &host).status, 200);
    for (headers, status) in [
        ("Host: evil.example\r\n".to_owned(), 403),
        (format!("{host}Origin: http://evil.example\r\n"), 403),
        (
            format!("{host}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"),
            403,
        ),
        (String::new(), 400),
    ] {
        for path in [
            "/state",
            "/metrics",
            "/explain/0",
            "/",
            "/events",
            "/healthz",
        ] {
            let answer = served.get_with(path, &headers);
            assert_eq!(answer.status, status, "{path} {headers}");
            assert!(!answer.body.contains("evil"), "{answer:?}");
            assert!(!answer.head.contains("access-control"), "{answer:?}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X"] {
        let head = format!("{method} /state HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n");
        let answer = served.send(head.as_bytes()).unwrap();
        assert_eq!(answer.status, 405, "{method}");
    }
    let head = format!("HEAD /state HTTP/1.1\r\n{host}\r\n");
    let answer = served.send(head.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    // What is asked for is not said back.
    let answer = served.get_with("/none-of-script?script=1", &host);
    assert!(!answer.body.contains("script"), "{answer:?}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert!(
            answer.head.contains(&format!("{name}: {value}")),
            "{}",
            answer.head
        );
    }
    let long = format!("{host}X: {}\r\n", "x".repeat(1 << 20));
    let many = format!("{host}{}", "X: y\r\n".repeat(1000));
    for headers in [long, many] {
        let head = format!("GET /state HTTP/1.1\r\n{headers}\r\n");
        let status = served.send(head.as_bytes()).map(|answer| answer.status);
        assert!(matches!(status, None | Some(431)), "{status:?}");
    }
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET",
        b"\r\n\r\n",
        &[0; 100_000],
    ] {
        let mut stream = served.connect();
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
    assert_eq!(served.get("/healthz").status, 200);
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
}

#[test]
fn beyond_the_loopback_a_token_has_to_be_shown() {
    let dir = Dir::new();
    let jobs = waiting_jobs(&dir, &["a"]);
    let served = Served::spawn(remuda(&["--serve", "0.0.0.0:0", &jobs]), &dir);
    let (_, token) = served
        .printed
        .split_once("/?token=")
        .expect("it is printed");
    assert_eq!(served.get("/state").status, 401);
    // By any name, as people know the host.
    let named = "Host: head.example\r\n";
    assert_eq!(served.get_with("/state", named).status, 401);
    for path in [
        "/healthz",
        "/metrics",
        "/explain/0",
        "/state?token=",
        "/state?token=0",
    ] {
        assert_eq!(served.get_with(path, named).status, 401, "{path}");
    }
    let path = format!("/state?token={token}");
    assert_eq!(served.get_with(&path, named).status, 200);
    let bearer = format!("{named}Authorization: Bearer {token}\r\n");
    assert_eq!(served.get_with("/metrics", &bearer).status, 200);
    // `top` takes the address as it was printed.
    let top = |words: &[&str]| {
        let mut command = Command::new(REMUDA);
        command.arg("top").args(words).output().unwrap()
    };
    let address = format!("http://{}/?token={token}", served.local());
    assert!(top(&[&address, "--once"]).status.success());
    let refused = top(&[&served.local(), "--once"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("it wants a token"), "{said}");
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
    fs::remove_file(dir.at("go")).unwrap();

    // With a file of its own nothing secret is printed, also on the loopback.
    let file = dir.text("token");
    let words = ["--serve", "0", "--serve-token-file", &file, &jobs];
    let served = Served::spawn(remuda(&words), &dir);
    assert!(!served.printed.contains("token"), "{}", served.printed);
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!(served.get("/state").status, 401);
    assert_eq!(
        served.get(&format!("/state?token={}", token.trim())).status,
        200
    );
    assert!(
        top(&[&served.local(), "--once", "--token-file", &file])
            .status
            .success()
    );
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
}

#[test]
fn what_is_wrong_with_it_is_said_before_anything_starts() {
    let dir = Dir::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = run(&["--serve", &address, "-"], "echo a\n");
    finished
        .ends(2, "remuda: --serve 127.0.0.1:")
        .says("in use");
    assert_eq!(finished.out, "");
    let file = dir.write("token", "0123456789abcdef\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let words = ["--serve", "0", "--serve-token-file", &file, "-"];
    run(&words, "echo a\n")
        .ends(2, "remuda: --serve-token-file ")
        .says("mode 644");
    let key = dir.text("key");
    assert!(
        Command::new(REMUDA)
            .args(["key", &key])
            .status()
            .unwrap()
            .success()
    );
    let words = ["--serve", "0", "--serve-token-file", &key, "-"];
    run(&words, "echo a\n")
        .ends(2, "remuda: --serve-token-file ")
        .says("the key of a cluster");
    run(&["--serve", "here", "-"], "")
        .ends(2, "remuda: ")
        .says("--serve");
    run(&["--serve-token-file", &file, "-"], "")
        .ends(2, "remuda: ")
        .says("--serve");
}

#[test]
fn peers_that_hang_hold_up_neither_the_run_nor_others() {
    let dir = Dir::new();
    let mut jobs = echoes(300);
    jobs += "until [ -e go ]; do sleep 0.05; done\n";
    let jobs = dir.write("jobs", &jobs);
    let served = Served::start(&[&jobs], &dir);
    // More than may be open; some have asked for something and read nothing, some have said half of what they want.
    let mut hanging = Vec::new();
    for nth in 0..100 {
        let mut stream = served.connect();
        let half: &[u8] = match nth % 3 {
            0 => b"",
            1 => b"GET /state HTTP/1.1\r\nHost: 127.0.0.1",
            _ => b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        };
        let _ = stream.write_all(half);
        hanging.push(stream);
    }
    wait_for("all jobs but one", || dir.lines("out") == 300);
    // Who hangs is let go in time.
    wait_for("an answer", || {
        served
            .send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            .is_some_and(|answer| answer.status == 200)
    });
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
    drop(hanging);
    let out = fs::read_to_string(dir.at("out")).unwrap();
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, echoed(300));
}

#[test]
fn readers_of_events_are_told_of_the_end_beside_one_that_never_reads() {
    let dir = Dir::new();
    let jobs = waiting_jobs(&dir, &["a"]);
    let served = Served::start(&[&jobs], &dir);
    let ask = format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", served.local());
    let listen = || {
        let mut stream = served.connect();
        stream.write_all(ask.as_bytes()).unwrap();
        stream
    };
    let _never_reads = listen();
    let readers = (0..10).map(|_| {
        let mut stream = listen();
        let mut first = [0; 20];
        stream.read_exact(&mut first).unwrap();
        std::thread::spawn(move || {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).map(|_| rest)
        })
    });
    let readers: Vec<_> = readers.collect();
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
    for reader in readers {
        let rest = reader.join().unwrap().unwrap();
        assert!(rest.contains("event: end\n"), "{rest}");
    }
}

#[test]
fn a_run_that_is_recorded_and_one_that_goes_on_are_told_of_as_well() {
    let dir = Dir::new();
    let jobs = waiting_jobs(&dir, &["a", "b", "c"]);
    let one = ["--max-procs", "1", "--machine-procs", "1"];
    let journal = dir.text("run.journal");
    let words = [&one[..], &["--journal", &journal, &jobs]].concat();
    let mut served = Served::start(&words, &dir);
    served.until("one runs", |it| it["running"] == 1 && it["queued"] == 2);
    // A request may be granted some time before its job begins: from then on the journal has that it began.
    wait_for("its job", || dir.lines("begun") == 1);
    served.run.child().kill().unwrap();
    wait_for("its end", || served.run.is_over());
    let replayed = Command::new(REMUDA)
        .args(["replay", &journal])
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{replayed:?}");
    drop(served);

    let words = [&one[..], &["--recover", &journal, &jobs]].concat();
    let served = Served::start(&words, &dir);
    // The job that ran is asked for anew, and comes behind the others.
    let state = served.until("one runs again", |it| {
        running(it) == ["b"] && it["queued"] == 2
    });
    assert_eq!(texts(&state["queue"], "job"), ["c", "a"]);
    // It has begun with the machine of the killed run, which is gone, and another is up.
    assert_eq!(texts(&state["machines"], "machine"), ["m1"]);
    let machines = &state["kinds"][0]["machines"];
    assert_eq!(
        (&machines["ok"], &machines["ended"]),
        (&json!(1), &json!(1))
    );
    fs::write(dir.at("go"), "").unwrap();
    assert_eq!(served.run.finish().status, Some(0));
    let replayed = Command::new(REMUDA)
        .args(["replay", &journal])
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{replayed:?}");
    let text = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(text.contains("events"), "{text}");
}
