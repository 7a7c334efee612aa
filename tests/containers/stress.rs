//! The driver under stress: clients that make, mount and remove volumes without a pause, while it
//! is killed, its engine is restarted and containers run. Nothing is left over, and it has not
//! grown.
//!
//! `DVOL_STRESS_SECONDS` says how long the clients go on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use support::containers::{Container, Engine};
use support::eventually;

/// How long the clients go on when nothing else is said.
const SECONDS: u64 = 12;
const CLIENTS: usize = 6;
/// How much more memory the driver may have in the end.
const GROWTH_KIB: u64 = 24 << 10;

/// One client on a connection of its own.
struct Client<'e> {
    engine: &'e Engine,
    stream: UnixStream,
}

impl<'e> Client<'e> {
    fn new(engine: &'e Engine) -> Self {
        let mut stream = None;
        eventually("the driver serves", || {
            stream = UnixStream::connect(engine.socket()).ok();
            stream.is_some()
        });
        Client { engine, stream: stream.expect("it was just had") }
    }

    /// The answer's error; none when the driver died meanwhile.
    fn call(&mut self, verb: &str, body: &str) -> Option<String> {
        let answer = exchange(&mut self.stream, verb, body);
        if answer.is_none() {
            *self = Client::new(self.engine);
        }
        let answer: serde_json::Value = serde_json::from_str(&answer?).expect("an answer is JSON");
        Some(answer["Err"].as_str().unwrap_or_default().to_owned())
    }

    /// A volume's whole life. False when the driver died in the middle, so that it is unknown how
    /// far it came.
    fn cycle(&mut self, name: &str, id: &str) -> bool {
        let named = format!(r#"{{"Name":"{name}"}}"#);
        let mounted = format!(r#"{{"Name":"{name}","ID":"{id}"}}"#);
        let steps = [
            ("Create", &named),
            ("Get", &named),
            ("Mount", &mounted),
            ("Mount", &mounted),
            ("Path", &named),
            ("Unmount", &mounted),
            ("Unmount", &mounted),
            ("Remove", &named),
        ];
        steps.into_iter().all(|(verb, body)| match self.call(verb, body) {
            Some(error) => {
                assert_eq!(error, "", "{verb} {body}");
                true
            }
            None => false,
        })
    }

    /// Calls on a volume that all clients fight for: each is answered, whatever the answer is.
    fn quarrel(&mut self, round: usize) {
        for verb in ["Create", "Mount", "Unmount", "Get", "Remove"] {
            let error = self.call(verb, &format!(r#"{{"Name":"contested","ID":"{round}"}}"#));
            let is_told = |error: &str| error.is_empty() || error.contains("does not exist");
            assert!(error.as_deref().is_none_or(is_told), "{verb}: {error:?}");
        }
    }
}

/// One call; none when the connection broke.
fn exchange(stream: &mut UnixStream, verb: &str, body: &str) -> Option<String> {
    let head =
        format!("POST /VolumeDriver.{verb} HTTP/1.1\r\nHost: \r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text").to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).expect("it has a length");
    let mut body = vec![0; length.trim().parse().expect("a number")];
    stream.read_exact(&mut body).ok()?;
    Some(String::from_utf8(body).expect("a body is text"))
}

/// Clients at work until `work` is done; how many lives of volumes came to their end.
fn beset(engine: &Engine, work: impl FnOnce()) -> usize {
    let (is_over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (is_over, done) = (&is_over, &done);
            scope.spawn(move || {
                let mut client = Client::new(engine);
                for round in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    // Anonymous ones leave nothing; every tenth life is that of one with a name,
                    // which goes to trash.
                    let name = match round % 10 {
                        0 => format!("client{number}.{}.{round}", std::process::id()),
                        _ => format!("{:032x}{:032x}", number + 1, round),
                    };
                    if client.cycle(&name, &format!("{number}-{round}")) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    client.quarrel(round);
                }
            });
        }
        work();
        is_over.store(true, Ordering::Relaxed);
    });
    done.into_inner()
}

/// Open files and resident memory in KiB.
fn size(pid: u32) -> (usize, u64) {
    let proc = Path::new("/proc").join(pid.to_string());
    let status = fs::read_to_string(proc.join("status")).expect("the driver runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let kib = line.trim().trim_end_matches(" kB").parse().expect("a number");
    (fs::read_dir(proc.join("fd")).expect("the driver is ours").count(), kib)
}

fn seconds() -> Duration {
    let told = std::env::var("DVOL_STRESS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(SECONDS))
}

#[test]
fn nothing_is_lost_left_over_or_grown() {
    let Some(engine) = Engine::of_its_own() else { return };
    engine.volume_with("steady", "hello");
    let server = Container::serve(&engine, "steady", "steady", "--restart always");
    let started = server.started();
    engine.sh("docker volume create -d dvol kept && docker volume create -d dvol doomed").ok();
    engine.write("doomed", "precious");

    // The driver is killed in the middle of it, twice; the container does not notice.
    let lives = beset(&engine, || {
        for _ in 0..2 {
            thread::sleep(seconds() / 6);
            engine.end_driver(Signal::KILL);
            engine.start_driver();
        }
        thread::sleep(seconds() / 6);
    });
    assert!(lives > 0, "no life of a volume came to its end");
    assert_eq!((server.started(), server.served().as_str()), (started, "hello"));
    engine.sh("dvol commit -m two steady").ok();

    // The engine is ended, and killed, in the middle of it; what it restarts has its volume.
    let started = server.started();
    beset(&engine, || {
        engine.restart(&[]);
        engine.restart(&["--kill"]);
    });
    eventually("the engine starts it again", || server.state() == "running" && server.started() > started);
    assert_eq!(server.served(), "hello");
    eventually("its mount is on record, and no other", || {
        engine.sh("dvol inspect steady --format json").stdout.contains("\"mounts\":1,")
    });

    // Warm by now, it does not grow any more.
    let before = size(engine.driver_pid());
    let lives = beset(&engine, || thread::sleep(seconds() / 2));
    eventually("as few files are open as before", || size(engine.driver_pid()).0 <= before.0 + 4);
    let after = size(engine.driver_pid());
    println!("{lives} lives; open files and KiB before {before:?} and after {after:?}");
    assert!(after.1 < before.1 + GROWTH_KIB, "{before:?} {after:?}");

    // An engine prunes no volumes of other drivers than its own; what it throws away comes back.
    engine.sh("docker volume prune --force").ok();
    assert_eq!(engine.on_disk("doomed"), "precious");
    engine.sh("docker volume rm kept doomed").ok();
    assert!(!engine.pool().join("doomed").exists());
    engine.sh("dvol undo doomed && dvol undo kept").ok();
    assert_eq!(engine.on_disk("doomed"), "precious");

    // No call has been made on it: what a killed driver had begun is taken back or finished.
    engine.sh("docker rm -f steady").ok();
    engine.end_driver(Signal::TERM);
    engine.sh("dvol fsck").ok();
    let staging = fs::read_dir(engine.pool().join(".dvol/staging")).expect("it is there");
    assert_eq!(staging.count(), 0, "something is left in staging");
    assert!(engine.pool().join("kept").exists());
}
