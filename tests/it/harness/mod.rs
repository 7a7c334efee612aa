//! One pool for one test.

pub(crate) mod plain;

use std::cell::Cell;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A pool in a directory of its own, and the command line on it.
pub(crate) struct Pool {
    dir: tempfile::TempDir,
    runs: Cell<u64>,
}

/// What one run said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Pool {
    /// A pool without a volume.
    pub(crate) fn empty() -> Self {
        Pool { dir: tempfile::tempdir().unwrap(), runs: Cell::new(0) }
    }

    /// A pool with a volume `db`, which is the current one.
    pub(crate) fn with_volume() -> Self {
        let pool = Pool::empty();
        pool.ok(["init", "db"]);
        pool
    }

    /// A volume `db` with the commits `messages`; the file `state` holds the message of each.
    pub(crate) fn with_commits(messages: &[&str]) -> Self {
        let pool = Pool::with_volume();
        for message in messages {
            pool.commit(message);
        }
        pool
    }

    /// Where the command runs; outside of the pool and of any git work tree.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("pool")
    }

    /// The command with these words. Each run is a minute later than the one before, and has ids
    /// of its own.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.plain_command();
        command.arg("--disable-docker-integration").args(words);
        command
    }

    /// The same for an engine at `socket`.
    pub(crate) fn command_with<S: AsRef<OsStr>>(
        &self,
        socket: &Path,
        words: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = self.plain_command();
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).args(words);
        command
    }

    fn plain_command(&self) -> Command {
        let run = self.runs.get() + 1;
        self.runs.set(run);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dvol"));
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.dir())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("DVOL_POOL", self.root())
            .env("DVOL_AUTHOR_NAME", "Ada")
            .env("DVOL_AUTHOR_EMAIL", "ada@example.org")
            .env("DVOL_TEST_TIME", format!("2024-05-01T{:02}:{:02}:00Z", 10 + run / 60, run % 60))
            .env("DVOL_TEST_IDS", (run * 256).to_string())
            .current_dir(self.dir())
            .stdin(Stdio::null());
        command
    }

    /// Runs it, whatever it says.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Said {
        said(&self.command(words).output().unwrap())
    }

    /// Runs it, and it must succeed; gives standard output.
    #[track_caller]
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        let said = self.run(words);
        assert_eq!(said.code, 0, "{said:?}");
        said.out
    }

    /// Runs it, and it must end with `code`; gives standard error.
    #[track_caller]
    pub(crate) fn fails<S: AsRef<OsStr>>(&self, code: i32, words: impl IntoIterator<Item = S>) -> String {
        let said = self.run(words);
        assert_eq!(said.code, code, "{said:?}");
        said.err
    }

    /// Writes `text` to the file `name` in the working tree of the current branch of `db`.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.root().join("db/running_point").join(name), text).unwrap();
    }

    /// Reads that file.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.root().join("db/running_point").join(name)).unwrap()
    }

    /// Writes `message` to the file `state` of `db` and commits that; gives the id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.write("state", message);
        self.ok(["commit", "-C", "db", "-m", message]).trim().to_owned()
    }

    /// Runs it with `input` on standard input.
    pub(crate) fn feed<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>, input: &[u8]) -> Said {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        said(&child.wait_with_output().unwrap())
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// The JSON objects of an output, one a line.
pub(crate) fn json(out: &str) -> Vec<serde_json::Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Compares a whole output with the file `tests/it/snapshots/NAME.txt`; with `UPDATE_SNAPSHOTS` set
/// writes it instead. Read what changed before you commit it.
#[track_caller]
pub(crate) fn snapshot(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs", path.display());
}
