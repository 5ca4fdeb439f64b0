//! A headless Chromium, told what to do over a pipe as its developer tools are: real pointers, real keys, screenshots.
#![allow(dead_code)] // Each test file uses its own part.
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::support::{DEADLINE, Dir, wait_for};

/// What it is called where.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// No network, no first steps, no sandbox, which root may not have.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// The size of a page.
pub(crate) const SIZE: (u32, u32) = (1400, 860);

/// A browser with one page. Ended with the test.
pub(crate) struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    next: u64,
    session: Option<String>,
    /// All that was asked for over any network, or of files.
    pub(crate) requests: Vec<String>,
    _dir: Dir,
}

/// The browser of this machine; `None`, said on standard error, where there is none.
pub(crate) fn browser(test: &str) -> Option<Browser> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = NAMES.iter().find_map(|name| {
        let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
        places.find(|place| place.is_file())
    });
    if found.is_none() {
        // Not by a macro: those are not shown of a test that passes.
        let text = format!("SKIPPED {test}: no chromium in PATH (apt-get install chromium)\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    found.map(Browser::start)
}

impl Browser {
    fn start(program: PathBuf) -> Browser {
        let dir = Dir::new();
        let pipes = ["in", "out"].map(|name| dir.at(name));
        for pipe in &pipes {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }
        let profile = format!("--user-data-dir={}", dir.text("profile"));
        // It reads descriptor 3 and writes 4.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<"$IN" 4>"$OUT""#]);
        command.arg(program).args(FLAGS).arg(profile);
        command.env("IN", &pipes[0]).env("OUT", &pipes[1]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        // Each waits for the other end.
        let to = OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let from = BufReader::new(File::open(&pipes[1]).unwrap());
        let (heard, messages) = channel();
        std::thread::spawn(move || {
            for message in from.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap_or_default();
                if heard.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Browser {
            child,
            to,
            from: messages,
            next: 0,
            session: None,
            requests: Vec::new(),
            _dir: dir,
        };
        let made = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        let (width, height) = SIZE;
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.call("Emulation.setDeviceMetricsOverride", size);
        browser
    }

    /// Calls a method of the developer tools; its result.
    #[track_caller]
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let written = self.to.write_all(format!("{message}\0").as_bytes());
        written.expect("the browser runs");
        loop {
            let heard = self.from.recv_timeout(DEADLINE);
            let mut heard = heard.unwrap_or_else(|_| panic!("no answer to {method}"));
            if heard["method"] == "Runtime.exceptionThrown" {
                panic!("the page fails: {}", heard["params"]["exceptionDetails"]);
            }
            if heard["method"] == "Network.requestWillBeSent" {
                let url = heard["params"]["request"]["url"].as_str();
                self.requests.extend(url.map(str::to_owned));
            }
            if heard["id"] == self.next {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].take();
            }
        }
    }

    /// Opens a page, and waits until it is drawn.
    pub(crate) fn open(&mut self, page: &Path, hash: &str) {
        self.open_at(&format!("file://{}{hash}", page.display()));
    }

    /// Goes to an address.
    pub(crate) fn go(&mut self, url: &str) {
        // From a page to itself with another hash is no new page.
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// The same, and waits until the page is drawn.
    pub(crate) fn open_at(&mut self, url: &str) {
        self.go(url);
        let state = "(document.body && document.body.dataset.state) || 'none'";
        wait_for("the page to be drawn", || {
            let state = self.eval(state);
            assert_ne!(state, "broken", "{}", self.text("#trouble"));
            state == "ready"
        });
    }

    /// Opens one more page, which nobody drives; its name.
    pub(crate) fn tab(&mut self, url: &str) -> Value {
        let session = self.session.take();
        let made = self.call("Target.createTarget", json!({ "url": url }));
        self.session = session;
        made["targetId"].clone()
    }

    /// Is seen again.
    pub(crate) fn come_to_front(&mut self) {
        self.call("Page.bringToFront", json!({}));
    }

    pub(crate) fn close_tab(&mut self, tab: &Value) {
        let session = self.session.take();
        self.call("Target.closeTarget", json!({ "targetId": tab }));
        self.session = session;
    }

    /// What a line of JavaScript comes to; a promise is waited for.
    #[track_caller]
    pub(crate) fn eval(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", params);
        let thrown = &result["exceptionDetails"];
        assert!(thrown.is_null(), "{script}: {thrown}");
        result["result"]["value"].take()
    }

    /// What the page says on its body of what is drawn, after what was last done has had its effect; it must not fail.
    #[track_caller]
    pub(crate) fn drawn(&mut self) -> Value {
        self.eval(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done({...document.body.dataset}))))",
        )
    }

    /// The text of an element, as it is seen.
    #[track_caller]
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector('{selector}').innerText"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// A pointer event: `mouseMoved`, `mousePressed`, `mouseReleased`.
    pub(crate) fn pointer(&mut self, kind: &str, (x, y): (f64, f64)) {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let params = json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": 0, "clickCount": 1 });
        self.call("Input.dispatchMouseEvent", params);
    }

    pub(crate) fn click(&mut self, at: (f64, f64)) {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.pointer(kind, at);
        }
    }

    pub(crate) fn wheel(&mut self, (x, y): (f64, f64), by: f64) {
        let params = json!({ "type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": by });
        self.call("Input.dispatchMouseEvent", params);
    }

    /// Presses a key: a letter, or a name such as `Enter`.
    pub(crate) fn key(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        let code = if key == "Enter" { 13 } else { 0 };
        let text = if key == "Enter" { "\r" } else { text };
        for kind in ["keyDown", "keyUp"] {
            let params =
                json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    pub(crate) fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        );
    }

    /// A picture of the page as PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let data = shot["data"].as_str().expect("it has data");
        data_encoding::BASE64
            .decode(data.as_bytes())
            .expect("in base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // In good order, so that nothing is written to its folder any more.
        let close = format!("{}\0", json!({ "id": 0, "method": "Browser.close" }));
        let _ = self.to.write_all(close.as_bytes());
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
