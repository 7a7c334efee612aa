//! The file of the hook: where git looks for it, and what dvol wrote where.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Bound;
use crate::cli::environment;
use crate::cli::git::{Git, Repository};
use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{Check, Health};
use crate::sys::disk;

/// The second line of the hook, which tells it from other hooks.
const MARK: &str = "# Made by dvol hook install, format 1.";
/// The name of the hook.
const NAME: &str = "post-checkout";
/// What the line of the hook has that runs dvol, also where a person has copied it elsewhere.
const RUNS: &str = " hook post-checkout";
/// Directories of a work tree where hooks often lie, besides the one that git looks in.
const USUAL: [&str; 3] = [".husky", ".husky/_", ".githooks"];

/// What the hook is to do.
pub(in crate::cli) struct Wanted<'a> {
    pub(in crate::cli) volume: VolumeName,
    /// Whether to run dvol with `sudo -n`.
    pub(in crate::cli) sudo: bool,
    /// What the code's current branch stands for.
    pub(in crate::cli) bound: Option<Bound>,
    /// Whether each linked worktree of git has data of its own.
    pub(in crate::cli) worktrees: bool,
    /// The file for the variables of these.
    pub(in crate::cli) env: Option<&'a Path>,
}

/// Where the hooks of the repository of the current directory lie.
pub(in crate::cli) struct Places {
    repository: Repository,
    /// The file that git runs.
    active: PathBuf,
    /// Whether the setting `core.hooksPath` names its directory.
    is_set: bool,
    work_tree: Option<PathBuf>,
}

/// How dvol's line came into a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// dvol wrote the file.
    Installed,
    /// A person copied the line into a hook of theirs.
    Copied,
}

impl Places {
    /// Finds the places.
    pub(in crate::cli) fn find(git: &Git) -> Option<Self> {
        let repository = git.repository()?;
        let work_tree = git.work_tree();
        let set = git.settings("^core\\.hookspath$").pop().map(|(_, path)| PathBuf::from(path));
        let is_set = set.is_some();
        // A relative one starts at the root of the work tree, wherever git is called.
        let active = match set {
            Some(path) => match path.strip_prefix("~") {
                Ok(rest) => Path::new(&environment::variable("HOME")?).join(rest),
                Err(_) => work_tree.as_ref()?.join(path),
            }
            .join(NAME),
            None => {
                std::path::absolute(git.look_up(&["rev-parse", "--git-path", "hooks/post-checkout"])?).ok()?
            }
        };
        Some(Places { repository, active, is_set, work_tree })
    }

    /// Returns the places, or the error of a verb that needs a repository.
    pub(in crate::cli) fn need(git: &Git) -> Result<Self, Failure> {
        Self::find(git).ok_or_else(|| Failure::Named {
            code: "no_repository",
            message: "not in a git repository: run dvol hook in the work tree of the code".to_owned(),
            hints: Vec::new(),
            exit: 1,
        })
    }

    /// Lists the files that run dvol, with how its line came there. The one that git runs is first.
    fn found(&self) -> Vec<(PathBuf, Origin)> {
        let usual = USUAL.iter().filter_map(|folder| Some(self.work_tree.as_ref()?.join(folder).join(NAME)));
        let own = self.repository.common().join("hooks").join(NAME);
        let mut found: Vec<(PathBuf, Origin)> = Vec::new();
        for path in [self.active.clone(), own].into_iter().chain(usual) {
            let is_known = |(other, _): &(PathBuf, Origin)| same(other, &path);
            if let Some(origin) = origin(&path).filter(|_| !found.iter().any(is_known)) {
                found.push((path, origin));
            }
        }
        found
    }

    /// Returns whether other repositories have the active hook too.
    fn is_shared(&self) -> bool {
        let inside = |root: &Path| disk_path(&self.active).starts_with(disk_path(root));
        self.is_set
            && !inside(self.repository.common())
            && !self.work_tree.as_ref().is_some_and(|tree| inside(tree))
    }

    /// Returns the file to which a person adds the line of the hook. husky makes the files of the
    /// directory `_` anew; each runs its namesake in the directory above.
    fn by_hand(&self) -> PathBuf {
        match self.active.parent().filter(|folder| folder.ends_with(".husky/_")).and_then(Path::parent) {
            Some(husky) => husky.join(NAME),
            None => self.active.clone(),
        }
    }

    /// Writes the hook, and returns its path.
    ///
    /// # Errors
    /// When there is a hook of another program, or the file cannot be written.
    pub(in crate::cli) fn install(&self, session: &Session, wanted: &Wanted<'_>) -> Result<PathBuf, Failure> {
        let line = line(session, &self.repository, wanted);
        let path = &self.active;
        if self.is_shared() {
            return Err(Failure::Named {
                code: "hooks_shared",
                message: format!(
                    "cannot install the hook: core.hooksPath leads to {}, which other repositories may share",
                    path.display()
                ),
                hints: vec![
                    "let this repository have hooks of its own: \
                     git config --local core.hooksPath \"$(git rev-parse --absolute-git-dir)/hooks\""
                        .to_owned(),
                ],
                exit: 1,
            });
        }
        if path.exists() && origin(path) != Some(Origin::Installed) {
            return Err(Failure::Named {
                code: "hook_exists",
                message: format!("cannot install the hook: {} exists already", path.display()),
                hints: vec![format!("add this line to {}: {line}", self.by_hand().display())],
                exit: 1,
            });
        }
        let volume = &wanted.volume;
        let text = format!(
            "#!/bin/sh\n{MARK}\n# Keeps volume {volume} on the branch of the code.\n\
             # To disable: dvol config hook.enabled off. To delete: dvol hook uninstall.\n\
             command -v dvol >/dev/null 2>&1 || exit 0\n{line}\nexit 0\n"
        );
        if path.exists() {
            disk::remove_file(path)?;
        }
        if let Some(folder) = path.parent() {
            disk::ensure_directory(folder, 0o755)?;
        }
        disk::write_new(path, text.as_bytes(), 0o755)?;
        Ok(path.clone())
    }

    /// Deletes the hooks that dvol installed, wherever they are, and returns the files that still
    /// have its line.
    ///
    /// # Errors
    /// When there is no hook of dvol's, or a file cannot be deleted.
    pub(in crate::cli) fn uninstall(&self) -> Result<Vec<PathBuf>, Failure> {
        let found = self.found();
        if found.is_empty() {
            let path = self.active.display();
            return Err(Failure::Named {
                code: "no_hook",
                message: match self.active.exists() {
                    true => format!("cannot uninstall the hook: {path} was not installed by dvol"),
                    false => format!("cannot uninstall the hook: there is none at {path}"),
                },
                hints: Vec::new(),
                exit: 1,
            });
        }
        let mut left = Vec::new();
        for (path, origin) in found {
            match origin {
                Origin::Installed => disk::remove_file(&path)?,
                Origin::Copied => left.push(path),
            }
        }
        Ok(left)
    }

    /// Checks each hook that runs dvol: whether git runs it, and whether it can do its work.
    pub(in crate::cli) fn check(&self, session: &Session) -> Vec<Check> {
        self.found().iter().map(|(path, _)| self.check_one(session, path)).collect()
    }

    fn check_one(&self, session: &Session, path: &Path) -> Check {
        let shown = path.display();
        let bad = |found: String, remedy: &str| Check {
            subject: "git hook",
            health: Health::Bad,
            found,
            remedy: Some(remedy.to_owned()),
        };
        // husky runs what lies in its own directory by way of `_`, with a shell.
        let is_active = same(path, &self.active);
        if !is_active && !same(path, &self.by_hand()) {
            let folder = self.active.parent().unwrap_or(&self.active).display();
            let why = if self.is_set { ", as core.hooksPath says" } else { "" };
            let remedy = "dvol hook uninstall, then dvol hook install";
            return bad(format!("{shown} can no longer run: git looks for hooks in {folder}{why}"), remedy);
        }
        let can_run =
            |path: &Path| path.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
        if is_active && !can_run(path) {
            return bad(format!("{shown} cannot run: it is not executable"), &format!("chmod +x {shown}"));
        }
        // `_` is in no commit, so a new worktree of git has none.
        if !is_active && !can_run(&self.active) {
            let missing = self.active.display();
            return bad(format!("{shown} cannot run: husky made no {missing} here"), "npx husky");
        }
        let volume = volume_of(path);
        let is_there = |name: &VolumeName| {
            session.pool.store().read(|rows| rows.volume(name)).is_ok_and(|v| v.is_some())
        };
        match volume {
            Some(name) if !is_there(&name) => {
                bad(format!("{shown} follows volume {name}, which does not exist"), "dvol hook uninstall")
            }
            Some(name) => Check {
                subject: "git hook",
                health: Health::Good,
                found: format!("{shown} keeps volume {name} on the branch of the code"),
                remedy: None,
            },
            None => bad(format!("{shown} names no volume"), "dvol hook install"),
        }
    }
}

/// Returns the line of the hook that runs dvol.
fn line(session: &Session, repository: &Repository, wanted: &Wanted<'_>) -> String {
    let root = quoted(session.pool.layout().root().as_os_str());
    let alone = if session.globals.disable_docker_integration { " --disable-docker-integration" } else { "" };
    let sudo = if wanted.sudo { "sudo -n " } else { "" };
    let linked = repository.linked_name().map(|name| format!(" --work-tree {}", quoted(name)));
    let bound = wanted.bound.as_ref().map(|bound| {
        format!(" --bind {} {}", quoted(OsStr::new(&bound.code)), quoted(OsStr::new(&bound.data)))
    });
    let worktrees = wanted.worktrees.then(|| " --worktrees".to_owned());
    let env = wanted.env.map(|file| format!(" --env {}", quoted(file.as_os_str())));
    let more = [linked, bound, worktrees, env].into_iter().flatten().collect::<String>();
    let volume = &wanted.volume;
    format!(
        "{sudo}dvol --pool {root} -C {volume} --lock-timeout 10{alone}{RUNS}{more} -- \"$@\" </dev/null || :"
    )
}

/// Quotes a word for the shell.
fn quoted(word: &OsStr) -> String {
    format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))
}

/// Says how dvol's line came into a file, if it is there.
fn origin(path: &Path) -> Option<Origin> {
    let text = std::fs::read_to_string(path).ok()?;
    if text.lines().nth(1) == Some(MARK) {
        return Some(Origin::Installed);
    }
    runs(&text).map(|_| Origin::Copied)
}

/// Returns the line that runs dvol.
fn runs(text: &str) -> Option<&str> {
    let is_ours = |line: &&str| !line.trim_start().starts_with('#') && line.contains(RUNS);
    text.lines().find(|line| is_ours(line) && line.contains("dvol "))
}

/// Returns the volume that a hook follows.
fn volume_of(path: &Path) -> Option<VolumeName> {
    let text = std::fs::read_to_string(path).ok()?;
    runs(&text)?.split_once(" -C ")?.1.split_whitespace().next()?.parse().ok()
}

fn disk_path(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
    match (std::fs::canonicalize(path), folder, path.file_name()) {
        (Ok(real), ..) => real,
        (_, Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    disk_path(one) == disk_path(other)
}

/// Returns what the code's current branch is bound to: the volume's current branch, if that has
/// another name.
pub(in crate::cli) fn binding(
    session: &Session,
    git: &Git,
    volume: &VolumeName,
) -> Result<Option<Bound>, Error> {
    let Some(code) = git.look_up(&["symbolic-ref", "--short", "-q", "HEAD"]) else { return Ok(None) };
    let data = session.pool.store().read(|rows| rows.volume(volume))?.map(|record| record.branch.to_string());
    Ok(data.filter(|data| *data != code).map(|data| Bound { code, data }))
}
