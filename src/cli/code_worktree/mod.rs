//! Data worktrees of a git worktree: for each dvol volume of the main checkout's compose project,
//! the volume that this directory's project looks for.
//!
//! In a git worktree's directory the compose project has another name, so `docker compose up` looks
//! for other volumes, which do not exist, and starts on empty ones. [`project`] makes them as
//! worktrees of the main checkout's volumes, with compose's labels. [`env_block`] keeps variables
//! in an env file: the name of the project, and [`ports`] of its own.

mod env_block;
mod ports;
pub(super) mod project;

use std::path::{Path, PathBuf};

use super::git::{Git, Repository};
use super::output::Failure;
use super::session::Session;
use crate::model::{CodePlace, VolumeRecord};

/// A linked worktree of git.
#[derive(Debug, Clone)]
pub(super) struct GitWorktree {
    /// Its directory.
    pub(super) directory: PathBuf,
    /// git's own directory for it, which goes with it.
    pub(super) git_dir: PathBuf,
    /// The directory of the main checkout.
    pub(super) main: PathBuf,
}

impl GitWorktree {
    /// Finds the worktree around the current directory; `None` in the main checkout.
    pub(super) fn here(git: &Git) -> Option<Self> {
        Self::of(git, &git.repository()?)
    }

    /// Returns the worktree of a repository around the current directory; `None` for the main
    /// checkout.
    pub(super) fn of(git: &Git, repository: &Repository) -> Option<Self> {
        repository.linked_name()?;
        let main = repository.common().parent().filter(|_| repository.common().ends_with(".git"))?;
        Some(GitWorktree {
            directory: git.work_tree()?,
            git_dir: repository.own().to_owned(),
            main: main.to_owned(),
        })
    }

    /// Returns the worktree, or the error of a verb that needs one.
    pub(super) fn need(git: &Git) -> Result<Self, Failure> {
        Self::here(git).ok_or_else(|| Failure::Named {
            code: "no_git_worktree",
            message: "not in a linked worktree of git, so there is no other checkout to take volumes from"
                .to_owned(),
            hints: vec!["make one: git worktree add -b BRANCH ../DIRECTORY".to_owned()],
            exit: 1,
        })
    }

    /// Says where the code of a data worktree is, for its record.
    pub(super) fn place(&self, env: Option<&Path>) -> CodePlace {
        let (directory, git_dir) = (self.directory.clone(), self.git_dir.clone());
        CodePlace { directory, git_dir, env: env.map(|file| self.directory.join(file)) }
    }

    /// Lists its data worktrees, sorted by name.
    pub(super) fn data(&self, session: &Session) -> Result<Vec<VolumeRecord>, Failure> {
        let is_ours =
            |record: &VolumeRecord| record.code.as_ref().is_some_and(|code| code.git_dir == self.git_dir);
        Ok(session.pool.store().read(|rows| rows.volumes())?.into_iter().filter(is_ours).collect())
    }
}

/// Takes dvol's block out of the env file of a worktree that was removed.
pub(super) fn clear(code: Option<&CodePlace>) -> Result<(), Failure> {
    let file = code.and_then(|code| code.env.as_ref());
    // git has deleted the directory where the worktree of code went first.
    file.filter(|file| file.exists()).map_or(Ok(()), |file| env_block::take_out(file))
}
