//! Asks git about the repository of the current directory.
//!
//! git starts the programs that `.git/config` names: monitors, filters, hooks, ssh. A container
//! may have the work tree mounted and write that file, while dvol runs as root. So whatever a
//! repository says, none of its programs runs:
//!
//! * Inside a pool git is not asked at all, nor about a repository that leads into one.
//! * In the repository itself only commands run that look up a name: `rev-parse`, `symbolic-ref`
//!   and `config`. git refuses repositories of other users (`safe.directory`).
//! * What reads a work tree or a history runs with a [git directory of dvol's own](Apart), with the
//!   repository's objects and index and nothing else of it.
//! * git fetches nothing, writes nothing and asks for no password; it ends when it takes too long,
//!   since the repository may have a pipe where git expects a file.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{environment, pools, programs};
use crate::pool::Pool;

/// How long git may take for an answer.
const LIMIT: Duration = Duration::from_secs(120);
/// How often to look whether the user has interrupted dvol meanwhile.
const POLL: Duration = Duration::from_millis(50);
/// What keeps git from fetching, asking for passwords and writing the index.
const QUIET: [(&str, &str); 7] = [
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_SSH_COMMAND", "false"),
    ("GIT_ASKPASS", "false"),
    ("SSH_ASKPASS", "false"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];
/// Settings that git needs to compare files with the index. None of them names a program.
const HARMLESS: [&str; 9] = [
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.autocrlf",
    "core.eol",
    "core.trustctime",
    "core.checkstat",
    "core.precomposeunicode",
    "core.sparsecheckout",
];
/// Length of an object's name, in hex digits, in a repository with SHA-256.
const SHA256_DIGITS: usize = 64;

/// git in the current directory.
#[derive(Debug, Clone)]
pub(super) struct Git {
    /// The pool, whose trees hold no repository of the user's.
    pool: PathBuf,
    /// Whether the current directory is in no pool.
    is_outside: bool,
    cancel: Arc<AtomicBool>,
}

impl Git {
    /// Returns git in the current directory of this process.
    pub(super) fn here(pool: &Pool) -> Self {
        let root = pool.layout().root().to_owned();
        let is_outside = env::current_dir().is_ok_and(|here| !pools::holds(&here, &root));
        Git { pool: root, is_outside, cancel: pool.interrupted() }
    }

    /// Returns what git prints for a command that looks up a name; `None` if it fails, or inside a
    /// pool.
    pub(super) fn look_up(&self, words: &[&str]) -> Option<String> {
        let output = self.bytes(words)?;
        Some(String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned())
    }

    fn bytes(&self, words: &[&str]) -> Option<Vec<u8>> {
        self.run(self.is_outside.then(|| asking(words))?)
    }

    /// Returns the settings whose keys match a regular expression, the one that wins last. Inside a
    /// pool, those of the user and the system only.
    pub(super) fn settings(&self, pattern: &str) -> Vec<(String, String)> {
        let mut command = asking(&["config", "--null", "--get-regexp", pattern]);
        if !self.is_outside {
            command.current_dir("/");
        }
        let output = self.run(command).unwrap_or_default();
        let text = String::from_utf8_lossy(&output);
        let entry = |entry: &str| {
            // A key without a value is true.
            let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
            (key.to_owned(), value.to_owned())
        };
        text.split('\0').filter(|text| !text.is_empty()).map(entry).collect()
    }

    /// Returns the repository around the current directory, unless it leads into a pool.
    pub(super) fn repository(&self) -> Option<Repository> {
        let here = env::current_dir().ok()?;
        let places =
            ["--absolute-git-dir", "--git-common-dir", "--git-path", "index", "--git-path", "objects"];
        let output = self.bytes(&[&["rev-parse"], &places[..]].concat())?;
        let mut paths = output.split(|byte| *byte == b'\n').map(|path| here.join(OsStr::from_bytes(path)));
        let repository = Repository {
            own: paths.next()?,
            common: paths.next()?,
            index: paths.next()?,
            objects: paths.next()?,
        };
        let Repository { own, common, index, objects } = &repository;
        let leads_away = [own, common, index, objects].into_iter().any(|path| self.is_in_pool(path));
        (!leads_away).then_some(repository)
    }

    /// Returns the directory of the work tree, unless it lies in a pool.
    pub(super) fn work_tree(&self) -> Option<PathBuf> {
        let output = self.bytes(&["rev-parse", "--show-toplevel"])?;
        let path = PathBuf::from(OsStr::from_bytes(output.strip_suffix(b"\n")?));
        (!self.is_in_pool(&path)).then_some(path)
    }

    fn is_in_pool(&self, path: &Path) -> bool {
        // A file is where its directory is, and a symlink is where it leads.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        pools::holds(real.parent().unwrap_or(&real), &self.pool)
    }

    /// Runs git and returns its standard output if it succeeds in time.
    fn run(&self, mut command: Command) -> Option<Vec<u8>> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let mut output = child.stdout.take()?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = sender.send(output.read_to_end(&mut text).is_ok().then_some(text));
        });
        let until = Instant::now() + LIMIT;
        let goes_on = || Instant::now() < until && !self.cancel.load(Ordering::Relaxed);
        let text = loop {
            match receiver.recv_timeout(POLL) {
                Err(RecvTimeoutError::Timeout) if goes_on() => {}
                answer => break answer.ok().flatten(),
            }
        };
        if text.is_none() {
            let _ = child.kill();
        }
        let status = child.wait().ok()?;
        text.filter(|_| status.success())
    }
}

/// The parts of a repository.
#[derive(Debug)]
pub(super) struct Repository {
    /// The git directory of this work tree.
    own: PathBuf,
    /// The git directory of all its work trees.
    common: PathBuf,
    index: PathBuf,
    objects: PathBuf,
}

impl Repository {
    /// Returns the git directory of this work tree.
    pub(super) fn own(&self) -> &Path {
        &self.own
    }

    /// Returns the git directory of all its work trees.
    pub(super) fn common(&self) -> &Path {
        &self.common
    }

    /// Returns the name of a linked work tree (`git worktree add`); `None` for the main one.
    pub(super) fn linked_name(&self) -> Option<&OsStr> {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if real(&self.own) == real(&self.common) { None } else { self.own.file_name() }
    }
}

/// A git directory of dvol's own: objects and index are a repository's, settings, attributes and
/// hooks are not.
pub(super) struct Apart<'g> {
    git: &'g Git,
    directory: TempDir,
    settings: Vec<(String, String)>,
}

impl<'g> Apart<'g> {
    /// Makes the directory, with the object `head` as HEAD.
    pub(super) fn new(git: &'g Git, repository: &Repository, head: &str) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("dvol-git-").tempdir()?;
        let at = |name: &str| directory.path().join(name);
        let config = match head.len() {
            SHA256_DIGITS => "[core]\nrepositoryformatversion = 1\n[extensions]\nobjectFormat = sha256\n",
            _ => "[core]\nrepositoryformatversion = 0\n",
        };
        for (name, text) in [("HEAD", format!("{head}\n").as_str()), ("config", config)] {
            File::create_new(at(name))?.write_all(text.as_bytes())?;
        }
        DirBuilder::new().create(at("refs"))?;
        symlink(&repository.objects, at("objects"))?;
        symlink(&repository.index, at("index"))?;
        symlink(repository.common.join("shallow"), at("shallow"))?;
        // Where the index is split, the larger part lies beside it.
        for entry in fs::read_dir(&repository.own)?.flatten() {
            let name = entry.file_name();
            if name.as_bytes().starts_with(b"sharedindex.") {
                symlink(entry.path(), directory.path().join(name))?;
            }
        }
        let settings = git.settings(&format!("^({})$", HARMLESS.join("|").replace('.', "\\.")));
        Ok(Apart { git, directory, settings })
    }

    /// Returns what git prints about the objects, or about a work tree if one is given.
    pub(super) fn ask(&self, work_tree: Option<&Path>, words: &[&str]) -> Option<String> {
        let mut command = git_command();
        for name in environment::names().filter(|name| name.as_bytes().starts_with(b"GIT_")) {
            command.env_remove(name);
        }
        let own = self.directory.path();
        command.envs(QUIET).env("GIT_DIR", own);
        // Older gits know the user's settings by the home directory only.
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1");
        command.env("HOME", own).env("XDG_CONFIG_HOME", own);
        match work_tree {
            Some(directory) => command.current_dir(directory).env("GIT_WORK_TREE", directory),
            None => command.current_dir(own),
        };
        for (key, value) in &self.settings {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]).args(words);
        let output = self.git.run(command)?;
        Some(String::from_utf8_lossy(&output).into_owned())
    }
}

/// Returns git in the repository of the current directory.
fn asking(words: &[&str]) -> Command {
    let mut command = git_command();
    command
        .envs(QUIET)
        .args(["-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit"])
        .args(words);
    command
}

fn git_command() -> Command {
    let mut command = programs::command("git");
    command.arg("--no-pager");
    command
}
