//! One pool for one test.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use support::{dvol, scene};
use tempfile::TempDir;

use super::{Said, json_lines};

/// How many ids one run of the program may take.
const IDS: u64 = 256;
/// Where a driver's ids begin, which takes more of them, and how many it may take.
const DRIVER_IDS: (u64, u64) = (1 << 31, 1 << 24);
/// How many runs `scene::prepare` may have made before the first one of a test.
const PREPARED: u64 = 100;

/// A pool in a directory of its own, and the program run on it.
pub(crate) struct Pool {
    dir: TempDir,
    runs: AtomicU64,
    drivers: AtomicU64,
}

impl Pool {
    fn at(dir: TempDir, first: u64) -> Self {
        Pool { dir, runs: AtomicU64::new(first), drivers: AtomicU64::new(0) }
    }

    /// Makes the directory, and no pool yet: the first command does that.
    pub(crate) fn empty() -> Self {
        Pool::at(tempfile::tempdir().unwrap(), 1)
    }

    /// Makes a pool on another machine: ids and times are none that the other tests' pools have.
    pub(crate) fn elsewhere(number: u64) -> Self {
        Pool::at(tempfile::tempdir().unwrap(), 1000 * number)
    }

    /// Makes the directory inside of another one.
    pub(crate) fn inside(directory: &Path) -> Self {
        Pool::at(TempDir::new_in(directory).unwrap(), 1)
    }

    /// Makes a pool with a volume `db`, which is the current one.
    pub(crate) fn with_volume() -> Self {
        let pool = Pool::empty();
        pool.ok(["init", "db"]);
        pool
    }

    /// Makes a volume `db` with the commits `messages`; the file `state` holds the message of each.
    pub(crate) fn with_commits(messages: &[&str]) -> Self {
        let pool = Pool::with_volume();
        for message in messages {
            pool.commit(message);
        }
        pool
    }

    /// Makes the pool of the crash tests: two volumes, of which `db` has three branches and
    /// uncommitted changes.
    pub(crate) fn prepared() -> Self {
        let pool = Pool::at(scene::workshop(), PREPARED);
        scene::prepare(pool.root());
        pool
    }

    /// Returns where commands run: outside of the pool and of any git work tree.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns where the pool lies.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("pool")
    }

    /// Returns dvol with these words, without an engine.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command_of(dvol());
        command.arg("--disable-docker-integration").args(words);
        command
    }

    /// Returns dvol with these words, with the engine at `socket`.
    pub(crate) fn command_with<S: AsRef<OsStr>>(
        &self,
        socket: &Path,
        words: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = self.command_of(dvol());
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).args(words);
        command
    }

    /// Returns a program in the surroundings in which dvol runs: a minute later than the run
    /// before, with ids of its own.
    pub(crate) fn command_of(&self, program: impl AsRef<OsStr>) -> Command {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let minute = 10 * 60 + run;
        let (day, hour, minute) = (1 + minute / (24 * 60), minute / 60 % 24, minute % 60);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.dir())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("DVOL_POOL", self.root())
            .env("STATE_DIRECTORY", self.dir().join("state"))
            .env("DVOL_AUTHOR_NAME", "Ada")
            .env("DVOL_AUTHOR_EMAIL", "ada@example.org")
            .env("DVOL_TEST_TIME", format!("2024-05-{day:02}T{hour:02}:{minute:02}:00Z"))
            .env("DVOL_TEST_IDS", (run * IDS).to_string())
            .current_dir(self.dir())
            .stdin(Stdio::null());
        command
    }

    /// Returns where the ids of a driver begin.
    pub(super) fn driver_ids(&self) -> String {
        let (first, each) = DRIVER_IDS;
        (first + each * self.drivers.fetch_add(1, Ordering::Relaxed)).to_string()
    }

    /// Runs dvol, however it ends.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Said {
        self.command(words).output().unwrap().into()
    }

    /// Runs dvol, which must succeed; returns standard output.
    #[track_caller]
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        self.run(words).ok()
    }

    /// Runs dvol, which must end with `code` and say `part` on standard error; returns standard
    /// error.
    #[track_caller]
    pub(crate) fn fails<S: AsRef<OsStr>>(
        &self,
        code: i32,
        words: impl IntoIterator<Item = S>,
        part: &str,
    ) -> String {
        self.run(words).fails(code, part)
    }

    /// Runs dvol with `input` on standard input, however it ends.
    pub(crate) fn feed<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>, input: &[u8]) -> Said {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Returns the path of a file in a volume's working tree, as a container would see it.
    pub(crate) fn file(&self, volume: &str, name: &str) -> PathBuf {
        self.root().join(volume).join("running_point").join(name)
    }

    /// Writes a file in a volume's working tree.
    pub(crate) fn write(&self, volume: &str, name: &str, text: &str) {
        fs::write(self.file(volume, name), text).unwrap();
    }

    /// Reads a file in a volume's working tree.
    pub(crate) fn read(&self, volume: &str, name: &str) -> String {
        fs::read_to_string(self.file(volume, name)).unwrap()
    }

    /// Writes `message` to the file `state` of `db` and commits that; returns the id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.write("db", "state", message);
        self.ok(["commit", "-C", "db", "-m", message]).trim().to_owned()
    }

    /// Lists the ids of a volume's log, newest first.
    pub(crate) fn ids(&self, volume: &str) -> Vec<String> {
        let log = json_lines(&self.ok(["log", volume, "--format", "json"]));
        log.iter().map(|commit| commit["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Lists what lies in staging: nothing when no operation runs.
    pub(crate) fn staging(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root().join(".dvol/staging"));
        entries.map_or_else(|_| Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect())
    }
}

/// Counts the directories of commits of a volume.
pub(crate) fn commit_trees(pool: &Pool, volume: &str) -> usize {
    fs::read_dir(pool.root().join(volume).join("commits")).unwrap().count()
}

/// Locks a file of the pool until this is dropped, as an operation of another process would.
pub(crate) fn hold(pool: &Pool, lock: &str) -> fs::File {
    let path = pool.root().join(".dvol/locks").join(lock);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = fs::File::options().create(true).truncate(false).write(true).open(path).unwrap();
    file.lock().unwrap();
    file
}
