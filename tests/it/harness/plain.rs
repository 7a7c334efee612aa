//! A pool of its own for each test, and the binary run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) struct Pool {
    dir: TempDir,
}

/// What one run of the binary said.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stderr: {}", self.err);
        self.out
    }

    /// Checks that it failed with `code` and said `words`.
    pub(crate) fn fails(self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "stdout: {} stderr: {}", self.out, self.err);
        assert!(self.err.contains(words), "{words:?} is not in {:?}", self.err);
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Run {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Pool {
    pub(crate) fn new() -> Self {
        Pool { dir: tempfile::tempdir().unwrap() }
    }

    /// A pool with the volume `db`, which has one commit of a file `data` that says `one`.
    pub(crate) fn with_commit() -> Self {
        let pool = Pool::new();
        pool.run(&["init", "db"]).ok();
        pool.write("db", "data", "one");
        pool.run(&["commit", "-m", "One"]).ok();
        pool
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("volumes")
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = self.command_of(env!("CARGO_BIN_EXE_dvol"));
        command.arg("--pool").arg(self.path()).arg("--disable-docker-integration");
        command
    }

    /// Another program in the same surroundings.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Outside of any git work tree, whose state a commit would record.
        command.current_dir(self.dir.path());
        command
            .env_remove("DVOL_POOL")
            .env("DVOL_AUTHOR_NAME", "Ada")
            .env("DVOL_AUTHOR_EMAIL", "ada@example.org");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.command().args(args).output().unwrap().into()
    }

    /// A file of the volume's current branch, as a container would see it.
    pub(crate) fn file(&self, volume: &str, file: &str) -> PathBuf {
        self.path().join(volume).join("running_point").join(file)
    }

    pub(crate) fn write(&self, volume: &str, file: &str, text: &str) {
        fs::write(self.file(volume, file), text).unwrap();
    }

    pub(crate) fn read(&self, volume: &str, file: &str) -> String {
        fs::read_to_string(self.file(volume, file)).unwrap()
    }

    /// The ids of the log, newest first.
    pub(crate) fn ids(&self, volume: &str) -> Vec<String> {
        let log = self.run(&["log", volume, "--format", "json"]).ok();
        log.lines().map(|line| json(line)["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Everything below `.dvol/staging`: nothing when no operation runs.
    pub(crate) fn staging(&self) -> Vec<PathBuf> {
        match fs::read_dir(self.path().join(".dvol/staging")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

pub(crate) fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Whether the test runs as root; says so when it does not, and fails where CI promised it.
pub(crate) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "{test} needs root");
        eprintln!("skipped: {test} needs root");
    }
    root
}

/// The directories of commits of a volume.
pub(crate) fn commit_trees(pool: &Path, volume: &str) -> usize {
    fs::read_dir(pool.join(volume).join("commits")).unwrap().count()
}

/// The fault points of a trace that are counted together: without those inside redb's transactions.
pub(crate) fn steps(trace: &str) -> impl Iterator<Item = &str> {
    trace.lines().filter(|point| !point.starts_with("redb."))
}
