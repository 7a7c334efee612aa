//! The driver as systemd starts it: with a socket that listens already, and a manager that wants to
//! hear when it serves.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::Pool;

/// Starts the driver with `sockets` as systemd would hand them over: as file 3 and on.
fn start(pool: &Pool, listener: impl Into<OwnedFd>, sockets: u8, notify: &str) -> Child {
    let driver = pool.command(["plugin", "--socket", "/nowhere/x"]);
    let words =
        [driver.get_program()].into_iter().chain(driver.get_args()).map(|word| word.to_str().unwrap());
    let line = words.collect::<Vec<_>>().join("' '");
    // exec keeps the process's number, for which the sockets are meant.
    let script =
        format!("exec 3<&0 4<&0 </dev/null; export LISTEN_FDS={sockets} LISTEN_PID=$$; exec '{line}'");
    let mut shell = pool.command_of("bash");
    shell.args(["-c", &script]).env("NOTIFY_SOCKET", notify).stdin(Stdio::from(listener.into()));
    shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ask(socket: &mut UnixStream) {
    write!(
        socket,
        "POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
}

fn hear(mut socket: UnixStream) -> String {
    let mut answer = String::new();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn next_word(notices: &UnixDatagram) -> String {
    let mut word = [0; 64];
    let length = notices.recv(&mut word).unwrap();
    String::from_utf8_lossy(&word[..length]).trim_end().to_owned()
}

#[test]
fn a_given_socket_is_served_and_kept_from_one_driver_to_the_next() {
    let pool = Pool::empty();
    let beside = pool.dir().to_owned();
    let (path, notify) = (beside.join("dvol.sock"), beside.join("notify"));
    let listener = UnixListener::bind(&path).unwrap();
    let notices = UnixDatagram::bind(&notify).unwrap();
    notices.set_read_timeout(Some(Duration::from_secs(20))).unwrap();

    for _ in 0..2 {
        // A client asks before there is a driver: the socket takes the call, the answer only comes
        // later.
        let mut early = UnixStream::connect(&path).unwrap();
        ask(&mut early);
        let mut driver = start(&pool, listener.try_clone().unwrap(), 1, notify.to_str().unwrap());
        assert_eq!(next_word(&notices), "READY=1");
        assert!(hear(early).contains("VolumeDriver"));
        kill_process(Pid::from_child(&driver), Signal::TERM).unwrap();
        assert_eq!(next_word(&notices), "STOPPING=1");
        assert!(driver.wait().unwrap().success());
        assert!(path.exists(), "the name is not the driver's to take away");
    }
}

#[test]
fn sockets_that_the_driver_cannot_serve_are_refused() {
    let pool = Pool::empty();
    let path = pool.dir().join("dvol.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let file = fs::File::open("/dev/null").unwrap();
    for (socket, sockets, reason) in [
        (OwnedFd::from(listener.try_clone().unwrap()), 2, "it takes one"),
        (OwnedFd::from(file), 1, "is not a socket"),
    ] {
        let output = start(&pool, socket, sockets, "").wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(reason), "{reason}: {said}");
    }
}
