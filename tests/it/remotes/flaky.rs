//! A store whose answers break off, that is busy for a moment, or that is down.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use support::{eventually, has_program};

use super::places::{Moto, Pair};

/// A way to a store that fails for every other request, each time in another way.
struct Flaky {
    port: u16,
    faults: Arc<AtomicUsize>,
}

impl Flaky {
    fn before(store: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&faults);
        thread::spawn(move || {
            let requests = Arc::<AtomicUsize>::default();
            for client in listener.incoming().flatten() {
                let (requests, faults) = (Arc::clone(&requests), Arc::clone(&counted));
                thread::spawn(move || pass(client, store, &requests, &faults));
            }
        });
        Flaky { port, faults }
    }
}

/// Reads the head of a message, and the body that it announces.
pub(super) fn message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Passes a request on; returns the head and the body of the answer.
pub(super) fn ask(store: u16, head: &str, body: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut upstream = TcpStream::connect(("127.0.0.1", store)).ok()?;
    upstream.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).ok()?;
    upstream.write_all(body).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let body = answer.split_off(split);
    Some((String::from_utf8(answer).ok()?, body))
}

/// Passes one request on, and its answer back, or what a bad line makes of it.
fn pass(mut client: TcpStream, store: u16, requests: &AtomicUsize, faults: &AtomicUsize) -> Option<()> {
    let (head, body) = message(&mut client)?;
    let is_get = head.starts_with("GET");
    let number = requests.fetch_add(1, Ordering::Relaxed);
    faults.fetch_add(number % 2, Ordering::Relaxed);
    if number % 8 == 5 {
        let busy = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(busy).ok();
    }
    let (mut head, body) = ask(store, &head, &body)?;
    let mut sent = body.len();
    match number % 8 {
        // The store did it, and the answer is lost.
        7 => return None,
        1 => sent /= 2,
        // Without this, no part of it can be asked for again.
        3 if is_get => {
            sent /= 2;
            head = head.replace("ETag:", "X-Was:").replace("etag:", "x-was:");
        }
        _ => {}
    }
    client.write_all(head.as_bytes()).ok()?;
    client.write_all(&body[..sent]).ok()
}

#[test]
fn answers_that_break_off_and_a_busy_store_only_take_time() {
    let Some(moto) = Moto::start() else { return };
    let flaky = Flaky::before(moto.port);
    let pair = Pair::with_keys();
    pair.share(&format!("s3:http://127.0.0.1:{}/team/catalog", flaky.port));
    assert!(flaky.faults.load(Ordering::Relaxed) > 20);
}

#[test]
fn a_store_that_is_down_is_an_error_that_says_how_long_it_was_tried() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let pair = Pair::with_keys();
    let said = pair.run(&pair.here, &["ls-remote", &format!("s3:http://127.0.0.1:{port}/team/catalog")]);
    assert!(said.code == 1 && said.err.contains("Connection refused"), "{said:?}");
    assert!(said.err.contains("(repeated for 30 s)"), "{said:?}");
    // One whose answers always break off.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                message(&mut client)?;
                let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\
                    Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: close\r\n\r\nshort";
                client.write_all(short).ok()
            });
        }
    });
    let said = pair.run(&pair.here, &["ls-remote", &format!("s3:http://127.0.0.1:{port}/team/catalog")]);
    assert!(said.code == 1 && said.err.contains("(repeated for 30 s)"), "{said:?}");
}

/// A server of TLS whose certificate signs itself.
struct SelfSigned {
    server: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl SelfSigned {
    fn start() -> Option<Self> {
        if !has_program("openssl") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                    -keyout key.pem -out cert.pem -subj /CN=localhost \
                    -addext subjectAltName=DNS:localhost";
        let made = Command::new("sh").args(["-c", make]).current_dir(dir.path()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("openssl")
            .args(["s_server", "-quiet", "-cert", "cert.pem", "-key", "key.pem", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("openssl serves", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(SelfSigned { server, port, _dir: dir })
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_host_without_an_address_or_a_valid_certificate_is_an_error_at_once() {
    let pair = Pair::with_keys();
    let refused = |host: &str, reason: &str, hint: &str| {
        let said = pair.run(&pair.here, &["ls-remote", &format!("s3:https://{host}/team/catalog")]);
        assert!(said.code == 1 && said.err.contains(reason), "{said:?}");
        assert!(said.err.contains(hint) && !said.err.contains("repeated"), "{said:?}");
    };
    refused("nosuch.invalid", "cannot find the address of nosuch.invalid: ", "check the host");
    let Some(server) = SelfSigned::start() else { return };
    let host = format!("localhost:{}", server.port);
    refused(&host, "cannot speak TLS with localhost: invalid peer certificate", "SSL_CERT_FILE=FILE");
}
