//! Volumes that come and go: their whole lives, one after the other and side by side, with one
//! driver.
//!
//! `DVOL_CYCLES` says how many.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::harness::{Driver, Pool, json as parse};

/// How many when nothing else is said.
const CYCLES: usize = 120;
const CLIENTS: usize = 6;
/// In so many parts, between which the driver has nothing to do.
const PARTS: usize = 4;
/// How much more memory the driver may have at the end than after the first part, however long the
/// operation log is: the allocator keeps a little for each of several threads.
const GROWTH_KIB: u64 = 6 << 10;
/// How much more it may read for a volume than in the first part, in percent: the checksums of the
/// metadata's blocks are read whole, and all of it when its second copy is begun anew, which is
/// ever less often.
const MORE: u64 = 50;
/// What is left in trash when it may take no more: a volume takes some 24 KiB.
const TRASH: u64 = 256 << 10;

/// One call on a connection that stays.
fn call(stream: &mut UnixStream, verb: &str, body: &Value) -> Value {
    let body = body.to_string();
    let head =
        format!("POST /VolumeDriver.{verb} HTTP/1.1\r\nHost: \r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut part).unwrap();
        assert_ne!(read, 0, "{verb}: closed without an answer");
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        if body.len() >= length.parse::<usize>().unwrap() {
            let answer = parse(body);
            assert_eq!(answer["Err"], "", "{verb}: {answer}");
            return answer;
        }
    }
}

/// A volume's whole life, in which something is written.
fn cycle(stream: &mut UnixStream, name: &str) {
    let (named, mounted) = (json!({"Name": name}), json!({"Name": name, "ID": format!("id-{name}")}));
    call(stream, "Create", &named);
    let tree = call(stream, "Mount", &mounted);
    let file = Path::new(tree["Mountpoint"].as_str().unwrap()).join("file");
    fs::write(&file, name).unwrap();
    let got = call(stream, "Get", &named);
    assert_eq!(got["Volume"]["Status"]["branch"], "master", "{got}");
    call(stream, "Unmount", &mounted);
    call(stream, "Remove", &named);
    assert!(!file.exists());
}

/// So many of them, by all clients at once.
fn cycles(driver: &Driver, part: usize, count: usize) {
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut stream = UnixStream::connect(driver.socket()).unwrap();
                for n in (client..count).step_by(CLIENTS) {
                    cycle(&mut stream, &format!("part{part}_{n}"));
                }
            });
        }
    });
}

/// The driver's own memory in KiB, and how many files it has open.
fn taken(driver: &Driver) -> (u64, usize) {
    let process = format!("/proc/{}", driver.pid());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let own = own.trim().trim_end_matches(" kB").parse().unwrap();
    (own, fs::read_dir(format!("{process}/fd")).unwrap().count())
}

/// How many bytes the driver has read so far.
fn read(driver: &Driver) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", driver.pid())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

fn in_trash(pool: &Pool) -> usize {
    fs::read_dir(pool.root().join(".dvol/trash")).unwrap().count()
}

#[test]
fn volumes_come_and_go_and_nothing_is_left_of_them_but_trash() {
    let count: usize = std::env::var("DVOL_CYCLES").map_or(CYCLES, |count| count.parse().unwrap());
    let each = count.div_ceil(PARTS);
    let pool = Pool::empty();
    let driver = Driver::start(&pool);
    let (mut before, mut read_before) = (None, None);
    for part in 0..PARTS {
        let (begun, so_far) = (Instant::now(), read(&driver));
        cycles(&driver, part, each);
        let each_read = (read(&driver) - so_far) / each as u64;
        let took = begun.elapsed().as_secs_f64();
        // The last connections take a moment to close.
        let (_, idle) = before.unwrap_or((0, usize::MAX));
        while taken(&driver).1 > idle {
            assert!(begun.elapsed() < Duration::from_secs(600), "{:?}, was {before:?}", taken(&driver));
            thread::sleep(Duration::from_millis(20));
        }
        if before.is_none() {
            thread::sleep(Duration::from_millis(500));
        }
        let (memory, files) = taken(&driver);
        println!(
            "{each} volumes in {took:.1} s, {:.1} a second; the driver has {memory} KiB and {files} files open, read {each_read} bytes a volume",
            each as f64 / took
        );
        let (was, _) = *before.get_or_insert((memory, files));
        assert!(memory < was + GROWTH_KIB, "the driver has grown from {was} to {memory} KiB");
        let at_first = *read_before.get_or_insert(each_read);
        assert!(
            each_read < at_first * (100 + MORE) / 100,
            "reads {each_read} bytes a volume, was {at_first}"
        );
        assert_eq!(in_trash(&pool), each * (part + 1));
    }
    assert!(pool.staging().is_empty());
    pool.ok(["fsck"]);
    assert_eq!(pool.ok(["list", "--format", "json"]), "");
    pool.ok(["undo", "part0_0"]);
    assert_eq!(pool.read("part0_0", "file"), "part0_0");

    // Where trash has a limit, it stays there.
    pool.ok(["config", "trash.max-size", &TRASH.to_string()]);
    for part in PARTS..PARTS + 2 {
        cycles(&driver, part, each.min(20));
        let kept = parse(&pool.ok(["gc", "-n", "--format", "json"]));
        // Who clears up last may have looked before another removed.
        assert!(kept["kept_bytes"].as_u64().unwrap() <= TRASH, "{kept}");
        assert!(in_trash(&pool) < 100, "{} entries", in_trash(&pool));
    }
    pool.ok(["fsck"]);
    driver.stop();
}
