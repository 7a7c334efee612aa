//! The page of `dvol ui`, asked by raw HTTP as any program could ask.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

/// A server of the page; it is ended when this is dropped.
pub struct Page {
    child: Child,
    /// The first address, with the token.
    pub first: String,
    /// Host and port.
    pub host: String,
    cookie: String,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status code.
    pub status: u16,
    /// Its headers, in lower case.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Reply {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Page {
    /// Starts the server by this command, `dvol ui --no-open`, and enters by its first address.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        // Each command that it runs would have the ids of the one before.
        command.env_remove("DVOL_TEST_IDS").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("dvol can be run");
        let mut first = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut first).expect("dvol ui prints its address");
        let first = first.trim().to_owned();
        let host = first.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let mut page = Page { child, first, host, cookie: String::new() };
        let query = page
            .first
            .split_once('/')
            .and_then(|(_, rest)| rest.split_once("/?"))
            .map_or("", |(_, query)| query);
        let entered = page.raw("GET", &format!("/?{query}"), &[("Host", &page.host)], "");
        assert_eq!(entered.status, 303, "{entered:?}");
        // Values of headers keep their case in what is sent back.
        let cookie = query.replacen("token=", "", 1);
        page.cookie = format!("dvol-{}={cookie}", page.host.rsplit(':').next().unwrap_or_default());
        page
    }

    /// Returns the cookie of this run.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Returns the origin of its pages.
    pub fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Sends a request with these headers alone.
    #[track_caller]
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.host).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("the request can be sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer can be read");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("it has a status");
        Reply { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Reads a page as a browser does that has the cookie.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.raw("GET", path, &[("Host", &self.host), ("Cookie", &self.cookie)], "")
    }

    /// Returns the token that the forms hold.
    #[track_caller]
    pub fn token(&self) -> String {
        let form = self.get("/do/init").body;
        let (_, rest) = form.split_once("name=\"token\" value=\"").expect("the form has a token");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// Sends a form as a browser does; `fields` are encoded already.
    #[track_caller]
    pub fn post(&self, path: &str, fields: &str) -> Reply {
        let body = format!("token={}&{fields}", self.token());
        let origin = self.origin();
        let headers = [
            ("Host", self.host.as_str()),
            ("Cookie", &self.cookie),
            ("Origin", &origin),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        self.raw("POST", path, &headers, &body)
    }

    /// Runs a verb and waits until its command is over or asks; returns the page of the command.
    #[track_caller]
    pub fn act(&self, verb: &str, fields: &str) -> Reply {
        let started = self.post(&format!("/do/{verb}"), fields);
        assert_eq!(started.status, 303, "{started:?}");
        self.settled(started.header("location").expect("it leads to the command"))
    }

    /// Waits until the command of this page is over or asks; returns the page.
    #[track_caller]
    pub fn settled(&self, job: &str) -> Reply {
        let mut page = None;
        eventually("the command is over, or asks", || {
            let now = self.get(job);
            let goes_on = now.body.contains("data-state=\"running\"");
            page = Some(now);
            !goes_on
        });
        page.expect("it was read")
    }

    /// Opens the events; each line of them can be read from what this returns.
    #[track_caller]
    pub fn events(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.host).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
        let request =
            format!("GET /events HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", self.host, self.cookie);
        stream.write_all(request.as_bytes()).expect("the request can be sent");
        let mut events = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            events.read_line(&mut line).expect("the answer has a head");
        }
        events
    }

    /// Returns the commands of the page that stand still by a signal.
    #[track_caller]
    pub fn standing(&self) -> Vec<Pid> {
        let own = self.child.id().to_string();
        let entries = std::fs::read_dir("/proc").expect("/proc can be read");
        let stands = |pid: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
            fields.next() == Some("T") && fields.next() == Some(&own)
        };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(stands).filter_map(Pid::from_raw).collect()
    }

    /// Asks the server to end, and waits until it has.
    #[track_caller]
    pub fn end(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it can be signalled");
        assert!(self.child.wait().expect("it is our child").success());
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
