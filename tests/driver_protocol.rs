//! The driver over its socket: what engines send, and what they must get.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dvol::model::{self, VolumeName};
use dvol::plugin::{Options, ServeError, SocketError, VolumeInfo, VolumeService, serve, serve_until};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Volumes in memory. Some names do something special.
#[derive(Default)]
struct Fake {
    volumes: Mutex<BTreeMap<VolumeName, BTreeMap<String, String>>>,
    mounts: Mutex<BTreeMap<String, usize>>,
    gate: (Mutex<bool>, Condvar),
    waiting: AtomicUsize,
    failing_reads: AtomicUsize,
    recovered: AtomicBool,
    recovery_takes: Mutex<Duration>,
    sweeps: AtomicUsize,
    sweeping: AtomicUsize,
    overlaps: AtomicUsize,
}

impl Fake {
    fn info(name: &VolumeName) -> VolumeInfo {
        VolumeInfo {
            name: name.clone(),
            mountpoint: format!("/pool/{name}/running_point").into(),
            created: model::Instant { micros: 1_714_557_600_000_000, offset: 0 },
            status: BTreeMap::from([("branch".to_owned(), "master".into())]),
        }
    }

    fn fail_for_now(&self) -> Result<(), String> {
        let fails = |n: usize| n.checked_sub(1);
        match self.failing_reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails) {
            Ok(_) => Err("the metadata is being repaired".to_owned()),
            Err(_) => Ok(()),
        }
    }

    fn open_gate(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl VolumeService for Fake {
    fn create(&self, name: &VolumeName, options: BTreeMap<String, String>) -> Result<(), String> {
        assert!(self.recovered.load(Ordering::SeqCst), "a call before the recovery");
        match name.as_str() {
            "full" => return Err("no space left for volume full".to_owned()),
            "panics" => panic!("something that cannot be"),
            _ => {}
        }
        self.volumes.lock().unwrap().entry(name.clone()).or_insert(options);
        Ok(())
    }

    fn remove(&self, name: &VolumeName) -> Result<(), String> {
        let removed = self.volumes.lock().unwrap().remove(name);
        removed.map(drop).ok_or_else(|| format!("Volume '{name}' does not exist, cannot remove it"))
    }

    fn list(&self) -> Result<Vec<VolumeInfo>, String> {
        self.fail_for_now()?;
        Ok(self.volumes.lock().unwrap().keys().map(Fake::info).collect())
    }

    fn get(&self, name: &VolumeName) -> Result<Option<VolumeInfo>, String> {
        self.fail_for_now()?;
        Ok(self.volumes.lock().unwrap().contains_key(name).then(|| Fake::info(name)))
    }

    fn path(&self, name: &VolumeName) -> Result<PathBuf, String> {
        Ok(format!("/pool/{name}/branches/master").into())
    }

    fn mount(&self, name: &VolumeName, id: &str) -> Result<PathBuf, String> {
        if name.as_str() == "gated" {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let open = self.gate.0.lock().unwrap();
            drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
        }
        *self.mounts.lock().unwrap().entry(format!("{name} {id}")).or_default() += 1;
        self.path(name)
    }

    fn unmount(&self, name: &VolumeName, id: &str) -> Result<(), String> {
        self.mounts.lock().unwrap().remove(&format!("{name} {id}"));
        Ok(())
    }

    fn recover(&self) {
        let takes = *self.recovery_takes.lock().unwrap();
        std::thread::sleep(takes);
        self.recovered.store(true, Ordering::SeqCst);
    }

    fn sweep(&self) {
        if self.sweeping.fetch_add(1, Ordering::SeqCst) > 0 {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_millis(30));
        self.sweeping.fetch_sub(1, Ordering::SeqCst);
        assert!(self.sweeps.fetch_add(1, Ordering::SeqCst) > 0, "the first sweep panics");
    }
}

/// A driver on a thread of its own; it stops when this is dropped.
struct Driver {
    directory: TempDir,
    service: Arc<Fake>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// How long a driver that was told to stop waits for calls that do not end.
const GRACE: Duration = Duration::from_millis(500);

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);

fn options(grace: Duration) -> Options {
    let head_timeout = HEAD_TIMEOUT;
    Options { grace, head_timeout, sweep_every: Duration::from_millis(10), ..Options::default() }
}

/// Serves until told to stop, on a runtime with the driver's number of blocking threads.
fn run(
    socket: &Path,
    service: Arc<Fake>,
    grace: Duration,
    stop: oneshot::Receiver<()>,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let served = runtime.block_on(serve_until(socket, service, &options(grace), async {
        let _ = stop.await;
    }));
    runtime.shutdown_background();
    served
}

impl Driver {
    fn start() -> Self {
        Self::start_in(TempDir::new().unwrap(), Arc::new(Fake::default()), GRACE)
    }

    fn start_in(directory: TempDir, service: Arc<Fake>, grace: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (socket, serving) = (directory.path().join("plugins/dvol.sock"), Arc::clone(&service));
        let thread = std::thread::spawn(move || run(&socket, serving, grace, stopped));
        let driver = Driver { directory, service, stop: Some(stop), thread: Some(thread) };
        let begun = Instant::now();
        while UnixStream::connect(driver.socket()).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the driver does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        driver
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("plugins/dvol.sock")
    }

    fn call(&self, call: &str, body: &str) -> String {
        let (status, _, body) = request(&mut connect(&self.socket()), call, body.as_bytes());
        assert_eq!(status, 200, "{call}: {body}");
        body
    }

    fn stop(&mut self) -> Result<(), ServeError> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.service.open_gate();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends what Docker sends: no Content-Type, an empty Host.
fn send(stream: &mut UnixStream, call: &str, body: &[u8]) {
    let head = format!(
        "POST /{call} HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {}\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// Reads one answer: its status, its head in lower case, its body.
fn receive(stream: &mut UnixStream) -> (u16, String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed: {}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0").trim();
    let mut body = vec![0; field("content-length:").parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, String::from_utf8(body).unwrap())
}

fn request(stream: &mut UnixStream, call: &str, body: &[u8]) -> (u16, String, String) {
    send(stream, call, body);
    receive(stream)
}

fn err(answer: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(answer).unwrap();
    json["Err"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn each_call_is_answered_to_the_letter() {
    let driver = Driver::start();
    for (call, body, answer) in [
        ("Plugin.Activate", "", r#"{"Implements":["VolumeDriver"]}"#),
        ("VolumeDriver.Capabilities", "{}", r#"{"Capabilities":{"Scope":"local"}}"#),
        ("VolumeDriver.Get", r#"{"Name":"v1"}"#, r#"{"Err":"volume v1 does not exist"}"#),
        ("VolumeDriver.Create", r#"{"Name":"v1","Opts":{"k":"v"}}"#, r#"{"Err":""}"#),
        ("VolumeDriver.Create", r#"{"Name":"v1","Opts":null}"#, r#"{"Err":""}"#),
        (
            "VolumeDriver.Get",
            r#"{"Name":"v1"}"#,
            r#"{"Volume":{"Name":"v1","Mountpoint":"/pool/v1/running_point","CreatedAt":"2024-05-01T10:00:00Z","Status":{"branch":"master"}},"Err":""}"#,
        ),
        (
            "VolumeDriver.List",
            "{}",
            r#"{"Volumes":[{"Name":"v1","Mountpoint":"/pool/v1/running_point"}],"Err":""}"#,
        ),
        (
            "VolumeDriver.Mount",
            r#"{"Name":"v1","ID":"de5e70"}"#,
            r#"{"Mountpoint":"/pool/v1/branches/master","Err":""}"#,
        ),
        ("VolumeDriver.Unmount", r#"{"Name":"v1","ID":"de5e70"}"#, r#"{"Err":""}"#),
        ("VolumeDriver.Path", r#"{"Name":"v1"}"#, r#"{"Mountpoint":"/pool/v1/branches/master","Err":""}"#),
        ("VolumeDriver.Remove", r#"{"Name":"v1"}"#, r#"{"Err":""}"#),
        ("VolumeDriver.List", "{}", r#"{"Volumes":[],"Err":""}"#),
        ("VolumeDriver.Create", r#"{"Name":"full"}"#, r#"{"Err":"no space left for volume full"}"#),
    ] {
        assert_eq!(driver.call(call, body), answer, "{call}");
    }
}

#[test]
fn podman_learns_of_an_error_by_the_status() {
    let driver = Driver::start();
    let mut stream = connect(&driver.socket());
    let mut ask = |kind: &str, call: &str, body: &str| {
        let head = format!(
            "POST /VolumeDriver.{call} HTTP/1.1\r\nHost: plugin\r\nContent-Length: {}\r\n{kind}\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        receive(&mut stream)
    };
    let podman = "Content-Type: application/vnd.docker.plugins.v1.1+json\r\n";
    for (kind, status) in [(podman, 500), ("", 200)] {
        let (told, _, body) = ask(kind, "Create", r#"{"Name":"full"}"#);
        assert_eq!((told, &*err(&body)), (status, "no space left for volume full"));
        let (told, _, body) = ask(kind, "Create", r#"{"Name":"v1"}"#);
        assert_eq!((told, &*err(&body)), (200, ""));
    }
}

#[test]
fn one_connection_carries_many_calls_and_their_media_type() {
    let driver = Driver::start();
    let mut stream = connect(&driver.socket());
    for _ in 0..100 {
        let (status, head, _) = request(&mut stream, "VolumeDriver.List", b"");
        assert_eq!(status, 200);
        assert!(head.contains("content-type: application/vnd.docker.plugins.v1.2+json"), "{head}");
    }
}

#[test]
fn an_empty_body_makes_no_volume() {
    let driver = Driver::start();
    for call in ["Plugin.Activate", "VolumeDriver.Capabilities", "VolumeDriver.List"] {
        assert_eq!(err(&driver.call(call, "")), "", "{call}");
    }
    for call in ["Create", "Remove", "Get", "Path", "Mount", "Unmount"].map(|c| format!("VolumeDriver.{c}")) {
        for body in ["", "null", "{}", r#"{"Name":""}"#, r#"{"Name":null}"#] {
            let err = err(&driver.call(&call, body));
            assert!(
                err.contains(&call) && err.contains("name of the volume is missing"),
                "{call} {body}: {err}"
            );
        }
    }
    assert!(driver.service.volumes.lock().unwrap().is_empty());
}

#[test]
fn names_that_leave_the_pool_reach_no_service() {
    let driver = Driver::start();
    let long = "x".repeat(300);
    for name in ["../x", "a/b", "/etc", ".", "-f", "a b", "a\\nb", "é", long.as_str()] {
        for call in ["Create", "Remove", "Get", "Path", "Mount", "Unmount"] {
            let answer =
                driver.call(&format!("VolumeDriver.{call}"), &format!(r#"{{"Name":"{name}","ID":"1"}}"#));
            assert!(err(&answer).contains("is not a valid volume name"), "{call} {name}: {answer}");
        }
    }
    assert!(driver.service.volumes.lock().unwrap().is_empty());
    assert!(driver.service.mounts.lock().unwrap().is_empty());
}

#[test]
fn what_cannot_be_read_is_answered_not_dropped() {
    let driver = Driver::start();
    for body in ["{", "[]", "\0\0", r#"{"Name":{}}"#, r#"{"Name":"v","Opts":[1]}"#] {
        let err = err(&driver.call("VolumeDriver.Create", body));
        assert!(err.contains("VolumeDriver.Create") && err.contains("cannot parse the request"), "{err}");
    }
    let huge = format!(r#"{{"Name":"{}"}}"#, "x".repeat(3 << 20));
    assert!(err(&driver.call("VolumeDriver.Create", &huge)).contains("too long"));
    let (status, _, body) = request(&mut connect(&driver.socket()), "VolumeDriver.Snapshot", b"{}");
    assert_eq!(status, 404);
    assert_eq!(err(&body), "unknown call /VolumeDriver.Snapshot");
}

#[test]
fn headers_and_methods_do_not_matter() {
    let driver = Driver::start();
    let mut stream = connect(&driver.socket());
    let chunked = "PUT /VolumeDriver.Create HTTP/1.1\r\nHost: x\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\n{\"Nam\r\n8\r\ne\":\"v1\"}\r\n0\r\n\r\n";
    stream.write_all(chunked.as_bytes()).unwrap();
    assert_eq!(receive(&mut stream).2, r#"{"Err":""}"#);
    assert_eq!(driver.service.volumes.lock().unwrap().len(), 1);
}

#[test]
fn a_panic_is_an_answer_and_the_next_call_works() {
    let driver = Driver::start();
    let mut stream = connect(&driver.socket());
    let (status, _, body) = request(&mut stream, "VolumeDriver.Create", br#"{"Name":"panics"}"#);
    assert_eq!(status, 200);
    assert!(err(&body).contains("something that cannot be"), "{body}");
    assert_eq!(request(&mut stream, "VolumeDriver.Create", br#"{"Name":"v1"}"#).2, r#"{"Err":""}"#);
}

#[test]
fn a_get_that_fails_for_a_moment_is_tried_again() {
    let driver = Driver::start();
    driver.call("VolumeDriver.Create", r#"{"Name":"v1"}"#);
    for call in ["VolumeDriver.Get", "VolumeDriver.List"] {
        driver.service.failing_reads.store(4, Ordering::SeqCst);
        let answer = driver.call(call, r#"{"Name":"v1"}"#);
        assert!(answer.contains("running_point") && err(&answer).is_empty(), "{answer}");
    }
}

#[test]
fn waiting_mounts_delay_nothing_else() {
    let driver = Driver::start();
    let mut streams: Vec<_> = (0..64)
        .map(|n| {
            let mut stream = connect(&driver.socket());
            send(&mut stream, "VolumeDriver.Mount", format!(r#"{{"Name":"gated","ID":"{n}"}}"#).as_bytes());
            stream
        })
        .collect();
    let begun = Instant::now();
    while driver.service.waiting.load(Ordering::SeqCst) < 64 {
        assert!(begun.elapsed() < PATIENCE, "they do not wait side by side");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Answered while the gate is shut.
    driver.call("VolumeDriver.Create", r#"{"Name":"v1"}"#);
    driver.call("VolumeDriver.Get", r#"{"Name":"v1"}"#);
    driver.service.open_gate();
    for stream in &mut streams {
        assert_eq!(receive(stream).2, r#"{"Mountpoint":"/pool/gated/branches/master","Err":""}"#);
    }
    assert_eq!(driver.service.mounts.lock().unwrap().len(), 64);
}

#[test]
fn clients_that_send_half_a_request_hold_up_nobody() {
    let mut driver = Driver::start();
    let _slow: Vec<_> = [
        "POST /VolumeDriver.Cre",
        "POST /VolumeDriver.Get HTTP/1.1\r\nHost: \r\nContent-Length: 10\r\n\r\n{",
    ]
    .iter()
    .cycle()
    .take(50)
    .map(|part| {
        let mut stream = connect(&driver.socket());
        stream.write_all(part.as_bytes()).unwrap();
        stream
    })
    .collect();
    assert_eq!(driver.call("VolumeDriver.Create", r#"{"Name":"v1"}"#), r#"{"Err":""}"#);
    let begun = Instant::now();
    driver.stop().unwrap();
    // A body may take thirty seconds.
    assert!(begun.elapsed() < Duration::from_secs(20), "the stop waits for them");
}

#[test]
fn what_was_begun_is_ended_although_its_client_left() {
    let driver = Driver::start();
    let mut stream = connect(&driver.socket());
    send(&mut stream, "VolumeDriver.Mount", br#"{"Name":"gated","ID":"1"}"#);
    wait_for_a_mount_at_the_gate(&driver.service);
    drop(stream);
    driver.service.open_gate();
    let begun = Instant::now();
    while driver.service.mounts.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "the mount was forgotten");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_socket_is_its_owners_alone_and_goes_at_the_end() {
    let mut driver = Driver::start();
    let meta = std::fs::symlink_metadata(driver.socket()).unwrap();
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o7777, 0o600);
    let beside: Vec<_> = std::fs::read_dir(driver.socket().parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    driver.stop().unwrap();
    assert!(!driver.socket().exists());
}

#[test]
fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("plugins/dvol.sock");
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o755)
        .create(socket.parent().unwrap())
        .unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    // Connecting works only once the driver has replaced it.
    let driver = Driver::start_in(directory, Arc::new(Fake::default()), GRACE);

    let (_stop, stopped) = oneshot::channel();
    let error = run(&socket, Arc::new(Fake::default()), GRACE, stopped).unwrap_err();
    assert!(matches!(error, ServeError::Socket(SocketError::Served { .. })), "{error}");
    assert_eq!(error.to_string(), format!("another driver serves {}", socket.display()));
    assert_eq!(driver.call("VolumeDriver.List", ""), r#"{"Volumes":[],"Err":""}"#);
}

#[test]
fn a_file_in_the_sockets_place_stays() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("dvol.sock");
    std::fs::File::create(&socket).unwrap();
    let (_stop, stopped) = oneshot::channel();
    let error = run(&socket, Arc::new(Fake::default()), GRACE, stopped).unwrap_err();
    assert!(error.to_string().contains("is not a socket"), "{error}");
    assert!(socket.is_file());
}

#[test]
fn a_socket_that_is_somebody_elses_by_now_stays() {
    let mut driver = Driver::start();
    let other = driver.directory.path().join("other.sock");
    let _listener = UnixListener::bind(&other).unwrap();
    rustix::fs::rename(&other, driver.socket()).unwrap();
    driver.stop().unwrap();
    assert!(driver.socket().exists());
}

#[test]
fn who_calls_during_the_recovery_waits_for_it() {
    let service = Arc::new(Fake::default());
    *service.recovery_takes.lock().unwrap() = Duration::from_millis(300);
    let driver = Driver::start_in(TempDir::new().unwrap(), Arc::clone(&service), GRACE);
    assert_eq!(driver.call("VolumeDriver.Create", r#"{"Name":"v1"}"#), r#"{"Err":""}"#);
}

#[test]
fn who_called_before_a_stop_in_the_recovery_is_answered() {
    let service = Arc::new(Fake::default());
    *service.recovery_takes.lock().unwrap() = Duration::from_secs(60);
    let mut driver = Driver::start_in(TempDir::new().unwrap(), Arc::clone(&service), GRACE);
    let mut stream = connect(&driver.socket());
    send(&mut stream, "VolumeDriver.Create", br#"{"Name":"v1"}"#);
    let begun = Instant::now();
    driver.stop().unwrap();
    assert!(begun.elapsed() < PATIENCE, "the stop waits for the recovery");
    assert_eq!(receive(&mut stream).2, r#"{"Err":"the dvol driver is stopping"}"#);
}

/// Waits until a Mount of the volume "gated" stands at the gate.
fn wait_for_a_mount_at_the_gate(service: &Fake) {
    let begun = Instant::now();
    while service.waiting.load(Ordering::SeqCst) < 1 {
        assert!(begun.elapsed() < PATIENCE, "no mount came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn sweeps_follow_each_other_and_survive_a_panic() {
    let driver = Driver::start();
    let begun = Instant::now();
    while driver.service.sweeps.load(Ordering::SeqCst) < 4 {
        assert!(begun.elapsed() < PATIENCE, "the sweeps ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(driver.service.overlaps.load(Ordering::SeqCst), 0);
}

#[test]
fn a_stop_lets_running_calls_end() {
    let service = Arc::new(Fake::default());
    let mut driver = Driver::start_in(TempDir::new().unwrap(), service, Duration::from_secs(60));
    let mut stream = connect(&driver.socket());
    send(&mut stream, "VolumeDriver.Mount", br#"{"Name":"gated","ID":"1"}"#);
    let service = Arc::clone(&driver.service);
    wait_for_a_mount_at_the_gate(&service);
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(250));
        service.open_gate();
    });
    driver.stop().unwrap();
    opener.join().unwrap();
    assert_eq!(receive(&mut stream).2, r#"{"Mountpoint":"/pool/gated/branches/master","Err":""}"#);
}

#[test]
fn a_stop_that_cannot_wait_any_longer_says_so_to_who_waits() {
    let mut driver = Driver::start();
    let mut stream = connect(&driver.socket());
    send(&mut stream, "VolumeDriver.Mount", br#"{"Name":"gated","ID":"1"}"#);
    wait_for_a_mount_at_the_gate(&driver.service);
    // It would wait for ever.
    driver.stop().unwrap();
    assert_eq!(receive(&mut stream).2, r#"{"Err":"the dvol driver is stopping"}"#);
}

#[test]
fn sigterm_stops_it_cleanly() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("dvol.sock");
    let serving = socket.clone();
    let thread = std::thread::spawn(move || serve(&serving, Arc::new(Fake::default()), &options(GRACE)));
    let begun = Instant::now();
    while UnixStream::connect(&socket).is_err() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    // The handlers are there before the socket is.
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
    thread.join().unwrap().unwrap();
    assert!(!socket.exists());
}

#[test]
fn a_client_that_is_slow_with_a_head_is_cut_off_and_an_idle_one_is_not() {
    let driver = Driver::start();
    let mut idle = connect(&driver.socket());
    request(&mut idle, "Plugin.Activate", b"");
    let mut silent = connect(&driver.socket());
    let mut body = connect(&driver.socket());
    body.write_all(b"POST /VolumeDriver.Get HTTP/1.1\r\nHost: \r\nContent-Length: 13\r\n\r\n{").unwrap();
    for head in [&b"P"[..], b"POST /Plugin.Activate HTTP/1.1\r\nHost: \r\n"] {
        let mut slow = connect(&driver.socket());
        slow.write_all(head).unwrap();
        assert_eq!(slow.read(&mut [0]).unwrap(), 0, "a slow client is answered");
    }
    // One that has had an answer before is no exception.
    let mut again = connect(&driver.socket());
    request(&mut again, "Plugin.Activate", b"");
    again.write_all(b"POST /").unwrap();
    assert_eq!(again.read(&mut [0]).unwrap(), 0, "a slow client is answered");

    body.write_all(b"\"Name\": \"v\"}").unwrap();
    assert_eq!(receive(&mut body).0, 200);
    assert_eq!(request(&mut idle, "Plugin.Activate", b"").0, 200);
    assert_eq!(request(&mut silent, "Plugin.Activate", b"").0, 200);
}
