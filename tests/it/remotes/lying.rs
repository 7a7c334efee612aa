//! A store that does not list what was just written, and one where this machine may only read.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::flaky::{ask, message};
use super::places::{Moto, Pair};

#[derive(Clone, Copy)]
enum Lie {
    /// No list has an announcement.
    Unlisted,
    /// Each write is refused.
    ReadOnly,
}

/// Starts a way to a store; returns its port.
fn before(store: u16, lie: Lie) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || pass(client, store, lie));
        }
    });
    port
}

fn pass(mut client: TcpStream, store: u16, lie: Lie) -> Option<()> {
    let (head, body) = message(&mut client)?;
    if matches!(lie, Lie::ReadOnly) && head.starts_with("PUT") {
        let text = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Denied</Message></Error>";
        let length = text.len();
        let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n";
        return write!(client, "{head}Content-Length: {length}\r\n\r\n{text}").ok();
    }
    let (answer, mut body) = ask(store, &head, &body)?;
    let is_kept = |line: &&str| !line.to_lowercase().starts_with("content-length:");
    let mut answer: String =
        answer.trim_end().lines().filter(is_kept).map(|line| line.to_owned() + "\r\n").collect();
    if matches!(lie, Lie::Unlisted) && head.contains("list-type=2") {
        let text = String::from_utf8(body).ok()?;
        let (first, rest) = text.split_once("<Contents>").unwrap_or((&text, ""));
        let kept = rest.split("<Contents>").filter(|entry| !entry.contains("dvol/announce/"));
        let kept: String =
            kept.filter(|entry| !entry.is_empty()).map(|entry| format!("<Contents>{entry}")).collect();
        let end = if kept.is_empty() && !rest.is_empty() { "</ListBucketResult>" } else { "" };
        body = format!("{first}{kept}{end}").into_bytes();
    }
    answer += &format!("Content-Length: {}\r\n\r\n", body.len());
    client.write_all(answer.as_bytes()).ok()?;
    client.write_all(&body).ok()
}

#[test]
fn doctor_tells_a_store_that_does_not_list_from_one_that_may_only_be_read() {
    let Some(moto) = Moto::start() else { return };
    let pair = Pair::with_keys();
    let url = |port: u16| format!("s3:http://127.0.0.1:{port}/team/catalog");
    let (unlisted, read_only) = (before(moto.port, Lie::Unlisted), before(moto.port, Lie::ReadOnly));
    for (name, port) in [("honest", moto.port), ("unlisted", unlisted), ("read-only", read_only)] {
        pair.ok(&pair.here, &["remote", "add", name, &url(port)]);
    }
    pair.ok(&pair.here, &["push", "-y", "honest", "master"]);
    let said = pair.run(&pair.here, &["doctor"]).out;
    let lines = |name: &str| said.lines().filter(|line| line.contains(&format!("{name}: "))).count();
    // Of an announcement that is listed, the clock of the tests, which stands still, is compared.
    assert!(said.contains("honest: its clock is ") && lines("honest") == 2, "{said}");
    assert_eq!((lines("unlisted"), lines("read-only")), (2, 1), "{said}");
    assert!(said.contains("unlisted: a file that was just written is not listed"), "{said}");
    assert!(said.contains(&format!("read-only: 1 volume at {}, to read only", url(read_only))), "{said}");

    // Whether another pushes cannot be told there: a push gives up in the end.
    pair.here.commit("three");
    let said = pair.run(&pair.here, &["--lock-timeout", "1", "push", "unlisted", "master"]);
    assert!(said.code == 1 && said.err.contains("is not listed"), "{said:?}");
    pair.ok(&pair.here, &["push", "honest", "master"]);
}
