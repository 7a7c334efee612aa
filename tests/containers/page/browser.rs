//! A headless Chromium, driven through chromedriver as W3C WebDriver says (Debian's packages
//! chromium and chromium-driver).

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use support::has_program;

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for what a page shows.
const LIMIT: Duration = Duration::from_secs(90);
/// The key of an element's reference in answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window; gone when dropped.
pub(super) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Where the browser keeps its files.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser, or skips the test where there is none.
    #[track_caller]
    pub(super) fn start() -> Option<Self> {
        if !has_program("chromium") || !has_program("chromedriver") {
            return None;
        }
        let profile = tempfile::tempdir().expect("a directory can be made");
        let mut driver = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be run");
        let out = BufReader::new(driver.stdout.take().expect("it is piped"));
        let port = out.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = port.expect("chromedriver says its port");
        let mut browser = Browser { driver, port, session: String::new(), _profile: profile };
        let arguments = [
            "--headless=new",
            // The tests run as root, for whom Chromium has no sandbox.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--window-size=1280,800",
        ];
        let options = json!({ "binary": "/usr/bin/chromium", "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } } });
        let made = browser.call("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().expect("a session has an id").to_owned();
        Some(browser)
    }

    /// Makes one call of the protocol; returns its value.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        stream.set_read_timeout(Some(CALL_LIMIT)).expect("a time-out can be set");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close", self.port);
        write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").expect("the call can be sent");
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).expect("the answer has a head");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).expect("the answer has a body");
        let mut answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
        let value = answer["value"].take();
        if value.get("error").is_some_and(Value::is_string) { Err(value) } else { Ok(value) }
    }

    #[track_caller]
    fn of_session(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// Goes to an address.
    #[track_caller]
    pub(super) fn go(&self, address: &str) {
        self.of_session("/url", &json!({ "url": address }));
    }

    /// Runs a script in the page; returns its value.
    #[track_caller]
    pub(super) fn run(&self, script: &str) -> Value {
        self.of_session("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(super) fn until(&self, what: &str, expression: &str) {
        let script = json!({ "script": format!("return Boolean({expression})"), "args": [] });
        let path = format!("/session/{}/execute/sync", self.session);
        // The page may just be changing.
        self.wait(what, || self.try_call("POST", &path, &script) == Ok(Value::Bool(true)));
    }

    /// Waits until `is_done`; says what the page shows if that does not come.
    #[track_caller]
    fn wait(&self, what: &str, is_done: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_done() {
            if began.elapsed() > LIMIT {
                panic!("still not: {what}; the page shows: {}", self.run("return document.body.innerText"));
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub(super) fn sees(&self, words: &str) {
        let words_of_script = json!(words);
        self.until(
            &format!("the page shows {words:?}"),
            &format!("document.body.innerText.includes({words_of_script})"),
        );
    }

    /// Clicks on what has this text, a button or a link, in the part of the page that `within`
    /// selects. Waits until it is there.
    #[track_caller]
    pub(super) fn click(&self, within: &str, text: &str) {
        let find = json!({ "script": format!(
            "const all = [...document.querySelectorAll({} + ' a, ' + {} + ' button, ' + {} + ' summary')]; \
             return all.find((one) => one.textContent.trim() === {} && one.offsetParent !== null) || null",
            json!(within), json!(within), json!(within), json!(text)
        ), "args": [] });
        let path = format!("/session/{}", self.session);
        self.wait(&format!("{text:?} in {within} is clicked"), || {
            let found = self.try_call("POST", &format!("{path}/execute/sync"), &find);
            let Some(id) = found.ok().and_then(|one| Some(one.get(ELEMENT)?.as_str()?.to_owned())) else {
                return false;
            };
            // A page that follows the pool may exchange it at this moment.
            self.try_call("POST", &format!("{path}/element/{id}/click"), &json!({})).is_ok()
        });
    }

    /// Types into the field that has the focus.
    #[track_caller]
    pub(super) fn types(&self, text: &str) {
        let path = format!("/session/{}/element/active", self.session);
        let active = self.call("GET", &path, &Value::Null);
        let id = active[ELEMENT].as_str().expect("an element has the focus");
        self.of_session(&format!("/element/{id}/value"), &json!({ "text": text }));
    }

    /// Gives the window a width in pixels, and light or dark colours.
    #[track_caller]
    pub(super) fn look(&self, width: u32, height: u32, is_dark: bool) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.cdp("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Makes a call of Chromium's own protocol.
    #[track_caller]
    fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.of_session("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Writes what the window shows as a PNG file.
    #[track_caller]
    pub(super) fn picture(&self, path: &Path) {
        let taken = self.call("GET", &format!("/session/{}/screenshot", self.session), &Value::Null);
        fs::write(path, BASE64.decode(taken.as_str().expect("a picture is text")).expect("it is base64"))
            .expect("the picture can be written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.try_call("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
