//! A container engine of our own (tools/engine) with dvol's driver on it.
//!
//! All journeys share one, each on volumes of its own; one that disturbs the driver starts
//! another. An engine ends with this process, however that ends: tools/engine watches it, the
//! kernel kills the driver, and the pool lies in the directory that is deleted then.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Outcome, dvol, eventually, has_program, is_root};

pub(super) const TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/engine");
const ROOT_TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/engine-root");
const DATABASE_TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/database-image");

/// An engine, a pool, and the driver between them.
///
/// It is the machine's, or the one of another Debian that `DVOL_TEST_ENGINE` names
/// (tools/engine-root); commands then run that Debian's clients.
pub struct Engine {
    dir: PathBuf,
    driver: Mutex<Option<Child>>,
    /// The images that were made in it so far.
    images: Mutex<BTreeSet<String>>,
}

impl Engine {
    /// The engine that journeys share, or none where there can be none.
    pub fn shared() -> Option<&'static Engine> {
        static SHARED: OnceLock<Engine> = OnceLock::new();
        if !is_possible() {
            return None;
        }
        Some(SHARED.get_or_init(|| {
            // The kernel kills the driver when the thread that started it ends, so that must not
            // be a test's.
            let (sender, receiver) = channel();
            thread::spawn(move || {
                if sender.send(Engine::start()).is_ok() {
                    loop {
                        thread::park();
                    }
                }
            });
            receiver.recv().expect("the engine and its driver start")
        }))
    }

    /// An engine for a journey that disturbs the driver; gone when dropped.
    pub fn of_its_own() -> Option<Engine> {
        is_possible().then(Engine::start)
    }

    /// An engine for a journey that brings the driver in a way of its own.
    pub fn without_driver() -> Option<Engine> {
        is_possible().then(Engine::start_alone)
    }

    /// An engine for a driver on the pool of another engine.
    pub fn beside(other: &Engine) -> Option<Engine> {
        is_possible().then(|| Self::start_with(&["--bind", utf8(other.dir())]))
    }

    /// An engine whose containers run in user namespaces: their root is user 300000 here.
    pub fn with_user_namespaces() -> Option<Engine> {
        is_possible().then(|| {
            let engine = Self::start_with(&["--remap"]);
            engine.start_driver();
            engine
        })
    }

    fn start() -> Self {
        let engine = Self::start_alone();
        engine.start_driver();
        engine
    }

    fn start_alone() -> Self {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("dvol-test.")
            .tempdir()
            .expect("a temporary directory can be made")
            .keep();
        let watched = std::process::id().to_string();
        let root = other_debian();
        let root: Vec<&str> = root.iter().flat_map(|root| ["--root", utf8(root)]).collect();
        tool(&[&["start", "--watch", &watched], &root[..], options, &[utf8(&dir)]].concat());
        tool(&["image", utf8(&dir)]);
        Engine { dir, driver: Mutex::new(None), images: Mutex::default() }
    }

    /// Whether it is the machine's engine, and not another Debian's.
    pub fn is_of_this_machine(&self) -> bool {
        !self.dir.join("root").exists()
    }

    /// Where all that belongs to the engine lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the image of a database in it, once.
    #[track_caller]
    pub fn make_image(&self, kind: &str) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if !images.contains(kind) {
            self.sh(&format!("'{DATABASE_TOOL}' {kind}")).ok();
            images.insert(kind.to_owned());
        }
    }

    /// Starts the driver and returns when it serves its socket.
    pub fn start_driver(&self) {
        let log = File::options().create(true).append(true).open(self.dir.join("driver.log"));
        let mut child = self
            .with_environment(Command::new("setpriv").args(["--pdeathsig", "KILL"]).arg(dvol()).arg("plugin"))
            .arg("--socket")
            .arg(self.socket())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the driver's log can be written"))
            .spawn()
            .expect("setpriv is installed");
        eventually("the driver serves its socket", || {
            let ended = child.try_wait().expect("the driver is our child");
            assert!(ended.is_none(), "the driver ended: {}", self.driver_log());
            UnixStream::connect(self.socket()).is_ok()
        });
        *self.driver() = Some(child);
    }

    /// The driver's process.
    pub fn driver_pid(&self) -> u32 {
        self.driver().as_ref().expect("the driver runs").id()
    }

    /// Sends the driver a signal that ends it, and tells how it ended.
    pub fn end_driver(&self, signal: Signal) -> ExitStatus {
        let mut child = self.driver().take().expect("the driver runs");
        kill_process(Pid::from_child(&child), signal).expect("the driver can be signalled");
        let mut status = None;
        eventually("the driver ends", || {
            status = child.try_wait().expect("the driver is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Ends the engine, but none of the containers or the driver, and starts it again.
    pub fn restart(&self, how: &[&str]) {
        tool(&[&["restart"], how, &[utf8(&self.dir)]].concat());
    }

    /// Whether the engine lost the `--rm` container that it was to restart. Docker before 23.0 does
    /// so now and then, also without dvol: it may take the stop for the container's end (moby pull
    /// request 43751), and delete it even when it runs again. `sign` is what succeeds inside the
    /// container in the end.
    pub fn has_lost(&self, name: &str, restarted: &Outcome, sign: &str) -> bool {
        let words = ["is marked for removal", "is gone", "No such container"];
        let is_told = restarted.code == 4 && words.iter().any(|words| restarted.stderr.contains(words));
        // It may also keep one that it no longer runs, and never remove it.
        let is_gone = || {
            let state = self.sh(&format!("docker inspect -f '{{{{.State.Status}}}}' {name}"));
            state.code != 0 || ["exited", "removing", "dead"].contains(&state.stdout.trim())
        };
        let lives = || self.sh(&format!("docker exec {name} {sign}")).code == 0;
        is_told || {
            eventually(&format!("{name} lives, or is lost"), || lives() || is_gone());
            is_gone()
        }
    }

    /// Removes a container that the engine has lost: it may also give up removing it itself.
    #[track_caller]
    pub fn remove_lost(&self, name: &str) {
        eventually(&format!("the name {name} is free"), || {
            self.sh(&format!("docker rm -f {name}; docker inspect {name}")).code == 1
        });
    }

    /// What the driver has logged so far.
    pub fn driver_log(&self) -> String {
        fs::read_to_string(self.dir.join("driver.log")).unwrap_or_default()
    }

    /// The driver's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("plugins/dvol.sock")
    }

    /// The directory that holds the volumes.
    pub fn pool(&self) -> PathBuf {
        self.dir.join("pool")
    }

    /// The current working tree of a volume, by the path that users are told.
    pub fn running_point(&self, volume: &str) -> PathBuf {
        self.pool().join(volume).join("running_point")
    }

    /// What `file` in the volume's working tree holds.
    #[track_caller]
    pub fn on_disk(&self, volume: &str) -> String {
        let path = self.running_point(volume).join("file");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        text.trim_end().to_owned()
    }

    /// Runs a command line as a user of this engine and pool would type it.
    pub fn sh(&self, line: &str) -> Outcome {
        Outcome::of(line, |command| {
            self.with_environment(command);
        })
    }

    /// Starts a program that the journey goes on beside. No shell and no time limit, so that a
    /// signal reaches it and nothing else.
    pub fn spawn(&self, program: &str, arguments: &[&str]) -> Child {
        let program = if program == "dvol" { dvol() } else { Path::new(program) };
        self.with_environment(
            Command::new("setpriv").args(["--pdeathsig", "KILL"]).arg(program).args(arguments),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setpriv is installed")
    }

    /// Returns dvol with these words, on this engine and pool.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(dvol());
        self.with_environment(command.args(words));
        command
    }

    /// A volume with one commit, in which `file` says `text`.
    #[track_caller]
    pub fn volume_with(&self, volume: &str, text: &str) {
        self.sh(&format!("dvol init {volume}")).ok();
        self.write(volume, text);
        self.sh(&format!("dvol commit -m 'the first' {volume}")).ok();
    }

    /// Writes `file` in the volume's working tree, as a container would.
    #[track_caller]
    pub fn write(&self, volume: &str, text: &str) {
        fs::write(self.running_point(volume).join("file"), text).expect("the working tree can be written");
    }

    fn with_environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let beside = dvol().parent().expect("a program lies in a directory").display();
        let path = std::env::var("PATH").unwrap_or_default();
        for name in ["DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DVOL_FAULT", "DVOL_FAULT_TRACE"] {
            // A commit made inside a git work tree records its state.
            command.current_dir(std::env::temp_dir());
            command.env_remove(name);
        }
        command
            .env("PATH", format!("{}/bin:{beside}:{path}", self.dir.display()))
            // Names as compose 1 gives them.
            .env("COMPOSE_COMPATIBILITY", "true")
            .env("DOCKER_HOST", format!("unix://{}/docker.sock", self.dir.display()))
            .env("DVOL_POOL", self.pool())
            .env("STATE_DIRECTORY", self.dir.join("state"))
            .env("DVOL_AUTHOR_NAME", "Ada")
            .env("DVOL_AUTHOR_EMAIL", "ada@example.org")
    }

    fn driver(&self) -> MutexGuard<'_, Option<Child>> {
        self.driver.lock().expect("no test panics while it holds the driver")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut driver) = self.driver().take() {
            let _ = driver.kill();
            let _ = driver.wait();
        }
        tool(&["stop", utf8(&self.dir)]);
    }
}

/// Returns the root of the Debian whose engines the tests are to run; `None` for this machine's.
pub(super) fn other_debian() -> Option<PathBuf> {
    let name = std::env::var("DVOL_TEST_ENGINE").ok().filter(|name| !name.is_empty())?;
    let made = Command::new(ROOT_TOOL).arg(&name).stderr(Stdio::inherit()).output();
    let made = made.expect("tools/engine-root can be run");
    assert!(made.status.success(), "tools/engine-root {name} failed");
    Some(PathBuf::from(String::from_utf8_lossy(&made.stdout).trim()))
}

/// Returns whether an engine can be started here; skips the test if not.
#[track_caller]
fn is_possible() -> bool {
    is_root() && (other_debian().is_some() || has_program("dockerd"))
}

/// Runs tools/engine.
pub(super) fn tool(arguments: &[&str]) {
    Outcome::of(&format!("'{TOOL}' \"$@\""), |command| {
        command.arg("engine").args(arguments);
    })
    .ok();
}

pub(super) fn utf8(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}
