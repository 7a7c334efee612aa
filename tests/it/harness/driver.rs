//! The driver of the binary, asked over its socket as an engine asks it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::eventually;

use super::{Pool, json};

/// A driver of a pool; it is killed when this is dropped.
pub(crate) struct Driver {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Driver {
    /// Starts a driver without an engine.
    #[track_caller]
    pub(crate) fn start(pool: &Pool) -> Self {
        Self::start_as(pool, pool.command(["plugin"]))
    }

    /// Starts a driver that asks the engine at `engine`.
    #[track_caller]
    pub(crate) fn start_with(pool: &Pool, engine: &Path) -> Self {
        Self::start_as(pool, pool.command_with(engine, ["plugin"]))
    }

    /// Starts a driver that may open `soft` files, and `hard` once it raises that.
    #[track_caller]
    pub(crate) fn start_with_limit(pool: &Pool, soft: u32, hard: u32) -> Self {
        let driver = pool.command(["plugin"]);
        let mut command = pool.command_of("prlimit");
        command.arg(format!("--nofile={soft}:{hard}")).arg(driver.get_program()).args(driver.get_args());
        Self::start_as(pool, command)
    }

    /// Starts a driver by `command`, whose process it becomes.
    #[track_caller]
    pub(crate) fn start_as(pool: &Pool, mut command: Command) -> Self {
        let (socket, log) = (pool.dir().join("plugins/dvol.sock"), pool.dir().join("driver.log"));
        command.arg("--socket").arg(&socket).env("DVOL_TEST_IDS", pool.driver_ids()).env("DVOL_LOG", "debug");
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let driver = Driver { child: command.spawn().unwrap(), socket, log };
        eventually("the driver serves its socket", || UnixStream::connect(&driver.socket).is_ok());
        driver
    }

    /// Makes one call on a connection that stays open; returns the answer.
    #[track_caller]
    pub(crate) fn ask(stream: &mut UnixStream, name: &str, body: &Value) -> Value {
        let body = body.to_string();
        let head = format!("POST /{name} HTTP/1.1\r\nHost: \r\nContent-Length: {}", body.len());
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        json(&String::from_utf8(body).unwrap())
    }

    /// Makes one call on a connection of its own; returns the answer.
    #[track_caller]
    pub(crate) fn call(&self, name: &str, body: &Value) -> Value {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let body = body.to_string();
        let length = body.len();
        let head =
            format!("POST /{name} HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: {length}");
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        json(answer.split_once("\r\n\r\n").unwrap().1.trim())
    }

    /// Returns the path of its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Asks it to stop; it must do so and remove its socket.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        assert!(!self.socket.exists());
    }

    /// Kills it; its socket stays.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
