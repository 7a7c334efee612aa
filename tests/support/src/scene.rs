//! Pools to try things on, and runs of the command on them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dvol::containers::{ContainerRuntime, Docker, NoContainers};
use dvol::layout::Layout;
use dvol::model::{RemoteRecord, RemoteUrl};
use dvol::pool::{Options, Pool};
use dvol::store::{Store, StoreError};
use dvol::sys::clock::FixedClock;
use dvol::sys::ids::RandomIds;
use dvol::sys::tree::{CopyOptions, copy_tree, remove_tree};
use tempfile::TempDir;

use crate::dvol;
use crate::fake_engine::FakeEngine;

/// One run of the command. Ids and time are fixed, so that two runs give the same pool.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Where the pool lies.
    pub pool: &'a Path,
    /// The engine that it asks, if any.
    pub engine: Option<&'a FakeEngine>,
    /// Ids count up from here.
    pub ids: u32,
}

impl Run<'_> {
    /// Returns the command with these words, not run yet.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(dvol());
        command.args(["--pool", self.pool.to_str().unwrap()]);
        // Commands that dvol runs find this dvol.
        let own = dvol().parent().unwrap();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = [own.to_owned()].into_iter().chain(std::env::split_paths(&others));
        command.env_clear().env("PATH", std::env::join_paths(path).unwrap());
        command.env("DVOL_TEST_TIME", "2024-05-01T10:00:00Z").env("DVOL_TEST_IDS", self.ids.to_string());
        // What a verb leaves to the background, a test runs where it wants it.
        command.env("DVOL_TEST_FOREGROUND", "1");
        command.env("DVOL_AUTHOR_NAME", "Ada").env("DVOL_AUTHOR_EMAIL", "ada@example.org");
        command.env("STATE_DIRECTORY", self.pool.with_extension("state"));
        match self.engine {
            Some(engine) => command.env("DOCKER_HOST", format!("unix://{}", engine.socket().display())),
            None => command.arg("--disable-docker-integration"),
        };
        // What comes from outside of the pool.
        command.args(words.iter().map(|word| match *word {
            "ARCHIVE" => archive().as_os_str().to_owned(),
            word => match word.strip_prefix(REMOTE) {
                Some(volume) => {
                    let mut url = repository_of(self.pool).into_os_string();
                    url.push(volume);
                    url
                }
                None => OsString::from(word),
            },
        }));
        command
    }

    /// Runs fsck in this process, which takes a tenth of the time; returns its exit code and what
    /// it found.
    pub fn fsck(&self) -> (u8, String) {
        let containers: Arc<dyn ContainerRuntime> = match self.engine {
            Some(engine) => Arc::new(Docker::new(Some(&format!("unix://{}", engine.socket().display())))),
            None => Arc::new(NoContainers),
        };
        let pool = Pool::new(
            Layout::new(self.pool),
            Options::new(
                containers,
                Arc::new(FixedClock("2024-05-01T10:00:00Z".parse().unwrap())),
                Arc::new(RandomIds),
            ),
        );
        match ::dvol::fsck::check(&pool, None, false) {
            Ok(report) => (report.exit_code(), format!("{:?}", report.findings)),
            Err(error) => (8, error.to_string()),
        }
    }

    /// Runs these words to their end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs words that must succeed.
    pub fn must(&self, words: &[&str]) -> Output {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        output
    }

    /// Runs with a fault; returns the names of the points that were reached too.
    pub fn with_fault(&self, words: &[&str], fault: Option<&str>, trace: &Path) -> (Output, Vec<String>) {
        let _ = fs::remove_file(trace);
        let mut command = self.command(words);
        command.env("DVOL_FAULT_TRACE", trace);
        if let Some(fault) = fault {
            command.env("DVOL_FAULT", fault);
        }
        let output = command.output().unwrap();
        let points = fs::read_to_string(trace).unwrap_or_default();
        (output, points.lines().map(str::to_owned).collect())
    }
}

/// Describes how a run ended and what it said.
pub fn told(output: &Output) -> String {
    format!(
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Stands in a command for the address of the repository beside the pool.
const REMOTE: &str = "REMOTE";

/// Returns where the repository lies that goes with a pool.
pub fn repository_of(pool: &Path) -> PathBuf {
    pool.with_extension("repository")
}

/// An archive of a commit.
fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = ARCHIVE.get_or_init(|| {
        let workshop = workshop();
        let pool = prepare(workshop.path().join("pool"));
        let path = workshop.path().join("archive.tar");
        Run { pool: &pool, engine: None, ids: 1 }.must(&["export", "db", path.to_str().unwrap()]);
        (workshop, path)
    });
    path
}

/// Makes a directory for pools: in memory where the machine has that, as syncing is not what is
/// tested.
pub fn workshop() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// Copies a pool.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    copy_tree(from, to, &CopyOptions { workers: 1, ..CopyOptions::default() }).unwrap();
}

/// Copies a pool, and the repository beside it to beside the copy, which then uses that one.
pub fn copy_with_repository(from: &Path, to: &Path) {
    copy(from, to);
    let theirs = repository_of(from);
    if theirs.is_dir() {
        copy(&theirs, &repository_of(to));
        let url: RemoteUrl = repository_of(to).to_str().unwrap().parse().unwrap();
        let store = Store::new(&Layout::new(to), Duration::from_secs(10));
        let moved = store.write(|writer| {
            for remote in writer.remotes(None)? {
                writer.set_remote(&RemoteRecord { url: url.clone(), ..remote })?;
            }
            Ok::<_, StoreError>(())
        });
        moved.unwrap();
    }
}

/// Removes a pool, and the repository beside it.
pub fn remove(pool: &Path) {
    remove_tree(pool).unwrap();
    let repository = repository_of(pool);
    if repository.is_dir() {
        remove_tree(&repository).unwrap();
    }
}

/// Makes a pool with two volumes; `db` has three branches and uncommitted changes.
pub fn prepare(pool: PathBuf) -> PathBuf {
    let ids = std::cell::Cell::new(0);
    let run = |words: &[&str]| {
        ids.set(ids.get() + 1000);
        Run { pool: &pool, engine: None, ids: ids.get() }.must(words);
    };
    let write = |path: &str, text: &str| fs::write(pool.join(path), text).unwrap();
    run(&["init", "db"]);
    let tree = "db/branches/master";
    fs::create_dir(pool.join(tree).join("dir")).unwrap();
    write(&format!("{tree}/one"), "1");
    write(&format!("{tree}/dir/two"), "2");
    std::os::unix::fs::symlink("one", pool.join(tree).join("link")).unwrap();
    fs::hard_link(pool.join(tree).join("one"), pool.join(tree).join("also")).unwrap();
    run(&["commit", "-m", "first"]);
    write(&format!("{tree}/one"), "one");
    run(&["commit", "-m", "second"]);
    run(&["checkout", "-b", "spare"]);
    run(&["checkout", "-b", "dev"]);
    write("db/branches/dev/three", "3");
    run(&["commit", "-m", "third"]);
    run(&["checkout", "master"]);
    run(&["config", "-C", "db", "user.name", "Grace"]);
    run(&["init", "other"]);
    write("other/branches/master/file", "x");
    run(&["commit", "-m", "other"]);
    run(&["switch", "db"]);
    write(&format!("{tree}/new"), "not committed");
    pool
}
