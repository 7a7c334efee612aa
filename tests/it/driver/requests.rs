//! Malformed requests: the driver refuses each, serves the next one, and changes nothing that was
//! not asked for.
//!
//! `DVOL_REQUESTS=6000` sends so many instead of a few hundred, and `DVOL_TEST_SEED` others.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::json;
use support::random::{Random, amount, seed};

use crate::harness::{Driver, Pool};

/// The volume that no request may touch; no chance makes this name.
const KEPT: &str = "the-volume-that-stays";

const CALLS: [(&str, &str); 9] = [
    ("Plugin.Activate", ""),
    ("VolumeDriver.Capabilities", "{}"),
    ("VolumeDriver.List", "{}"),
    ("VolumeDriver.Create", r#"{"Name":"one","Opts":{"size":"1G","branch":"b"}}"#),
    ("VolumeDriver.Get", r#"{"Name":"one"}"#),
    ("VolumeDriver.Path", r#"{"Name":"one"}"#),
    ("VolumeDriver.Mount", r#"{"Name":"one","ID":"0123456789abcdef"}"#),
    ("VolumeDriver.Unmount", r#"{"Name":"one","ID":"0123456789abcdef"}"#),
    ("VolumeDriver.Remove", r#"{"Name":"one"}"#),
];

const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\xff\xfe",
    b"\r\n",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[",
    b"\"",
    b"\\u0000",
    b"null",
    b"-1",
    b"1e999",
    b"true",
    b"../../etc",
    b"..",
    b"/",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/9.9",
    b"Name",
    b"Opts",
    b"\xe2\x80\xae",
];

/// Makes a request of an engine, damaged in a few places.
fn request(random: &mut Random) -> Vec<u8> {
    let (call, body) = random.pick(&CALLS);
    let length = match random.below(8) {
        0 => random.below(1 << 20),
        _ => body.len(),
    };
    let mut bytes =
        format!("POST /{call} HTTP/1.1\r\nHost: \r\nContent-Length: {length}\r\n\r\n{body}").into_bytes();
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 => bytes[at] = random.number() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.splice(at..at, random.pick(&PIECES).iter().copied()).for_each(drop),
            3 => bytes.truncate(at.max(1)),
            4 => bytes.drain(at..(at + random.below(20)).min(bytes.len())).for_each(drop),
            5 => {
                let end = (at + random.below(40)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again).for_each(drop);
            }
            _ => {
                let letter = random.pick(b"[{\"a0 ");
                let many = vec![letter; random.below(100_000)];
                bytes.splice(at..at, many).for_each(drop);
            }
        }
        if bytes.is_empty() {
            bytes.push(b'P');
        }
    }
    bytes
}

/// Sends a request, with nothing after it; returns the first bytes of the answer, if there is one.
fn send(driver: &Driver, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(driver.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The driver may have answered and hung up before it is all sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer and no end"),
        _ => answer,
    }
}

#[test]
fn no_malformed_request_ends_the_driver_or_changes_another_volume() {
    let (wanted, seed) = (amount("DVOL_REQUESTS", 300), seed());
    println!("{wanted} requests, DVOL_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let pool = Pool::empty();
    pool.ok(["init", KEPT]);
    pool.write(KEPT, "state", "kept");
    pool.ok(["commit", "-m", "Kept"]);
    let driver = Driver::start(&pool);
    let (mut done, mut refused, mut silent) = (0, 0, 0);
    for number in 0..wanted {
        let bytes = request(&mut random);
        let answer = send(&driver, &bytes);
        let about = || {
            format!(
                "DVOL_TEST_SEED={seed}, {number}: {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(500)])
            )
        };
        let text = String::from_utf8_lossy(&answer);
        match text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)) {
            // A refusal of the protocol is an answer with an error.
            Some("200") if !text.contains("\"Err\":\"") || text.contains("\"Err\":\"\"") => done += 1,
            Some(code) if ["1", "2", "4", "5"].contains(&&code[..1]) => refused += 1,
            None if text.is_empty() => silent += 1,
            _ => panic!("{}: {text}", about()),
        }
        if number % 10 == 0 {
            let got = driver.call("VolumeDriver.Get", &json!({"Name": KEPT}));
            assert_eq!(got["Volume"]["Name"], KEPT, "{}: {got}", about());
        }
    }
    println!("{done} done, {refused} refused, {silent} without an answer");
    assert!(done > 0 && refused > 0);
    assert!(!driver.log().contains("panicked"), "DVOL_TEST_SEED={seed}: {}", driver.log());
    driver.stop();
    assert_eq!(pool.read(KEPT, "state"), "kept");
    assert_eq!(pool.ids(KEPT).len(), 1);
    assert_eq!(pool.run(["fsck", "--deep"]).code, 0);
}
