//! How long the volume driver takes to answer, with many calls at once.
//!
//! ```text
//! cargo run --release --example bench-driver -- [SOCKET] [ROUNDS]
//! ```
//!
//! Without a SOCKET it starts `dvol plugin`, of the same build, on a pool of its own in the current
//! directory (so on the disk that is to be measured). In each round every one of 64 clients mounts
//! a volume of its own, all at the same moment, and then unmounts it; half of the rounds are on one
//! volume that all share. Each call is timed at the client, from the first byte sent to the last
//! byte read.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement may panic")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (socket, rounds) = (arguments.next(), arguments.next());
    let rounds: usize = rounds.map_or(40, |rounds| rounds.parse().unwrap());
    let own = socket.is_none().then(Driver::start);
    let socket = own.as_ref().map_or_else(|| PathBuf::from(socket.unwrap()), Driver::socket);
    for n in 0..CLIENTS {
        call(&mut connect(&socket), "Create", &format!(r#"{{"Name":"bench{n}"}}"#));
    }
    println!("| call, {CLIENTS} at once | median | p99 | longest |\n| --- | --- | --- | --- |");
    for (verb, shared) in [("Mount", false), ("Mount", true), ("Get", false)] {
        let mut times = measure(&socket, verb, shared, rounds);
        times.sort_unstable();
        let at = |part: f64| millis(times[((times.len() - 1) as f64 * part) as usize]);
        let what = if shared { "one volume" } else { "volumes of their own" };
        println!("| {verb}, {what} | {} | {} | {} |", at(0.5), at(0.99), at(1.0));
    }
    for n in 0..CLIENTS {
        call(&mut connect(&socket), "Remove", &format!(r#"{{"Name":"bench{n}"}}"#));
    }
}

/// The times of all calls.
fn measure(socket: &Path, verb: &'static str, shared: bool, rounds: usize) -> Vec<Duration> {
    let start = Arc::new(Barrier::new(CLIENTS));
    let clients = (0..CLIENTS).map(|n| {
        let (socket, start) = (socket.to_owned(), Arc::clone(&start));
        std::thread::spawn(move || {
            let mut stream = connect(&socket);
            let volume = if shared { 0 } else { n };
            (0..rounds)
                .map(|round| {
                    let body = format!(r#"{{"Name":"bench{volume}","ID":"{round}-{n}"}}"#);
                    start.wait();
                    let begun = Instant::now();
                    call(&mut stream, verb, &body);
                    let took = begun.elapsed();
                    start.wait();
                    if verb == "Mount" {
                        call(&mut stream, "Unmount", &body);
                    }
                    took
                })
                .collect::<Vec<_>>()
        })
    });
    let clients: Vec<_> = clients.collect();
    clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn connect(socket: &Path) -> UnixStream {
    UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()))
}

/// One call; anything but a success ends the measurement.
fn call(stream: &mut UnixStream, verb: &str, body: &str) {
    let length = body.len();
    let head = format!("POST /VolumeDriver.{verb} HTTP/1.1\r\nHost: \r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    let answer = loop {
        let read = stream.read(&mut part).unwrap();
        assert_ne!(read, 0, "{verb}: closed without an answer");
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        if body.len() >= length.parse().unwrap() {
            break body.to_owned();
        }
    };
    assert!(answer.contains(r#""err":"""#), "{verb} {body}: {answer}");
}

/// A driver on a pool of its own.
struct Driver {
    child: Child,
    home: tempfile::TempDir,
}

impl Driver {
    fn start() -> Self {
        let home = tempfile::TempDir::with_prefix_in("dvol-bench.", ".").unwrap();
        // Examples lie in a directory beside the program.
        let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("dvol");
        let child = Command::new(&program)
            .arg("--pool")
            .arg(home.path().join("pool"))
            .args(["plugin", "--socket"])
            .arg(home.path().join("s"))
            .arg("--state-dir")
            .arg(home.path().join("state"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let driver = Driver { child, home };
        let begun = Instant::now();
        while UnixStream::connect(driver.socket()).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the driver does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        driver
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("s")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
