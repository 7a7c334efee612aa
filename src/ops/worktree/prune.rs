//! `worktree prune`: remove the worktrees whose time is over, or whose worktree of git is gone, and
//! that no container uses.

use std::path::Path;

use serde::Serialize;

use super::super::remove::Guard;
use super::remove::{RemovedWorktree, remove_worktree};
use crate::error::Error;
use crate::model::{CodePlace, VolumeName, VolumeRecord};
use crate::pool::{Pool, existing};

/// Which worktrees to look at.
#[derive(Debug, Clone, Copy)]
pub enum PruneScope<'s> {
    /// All of the pool.
    Pool,
    /// Those of this volume.
    Volume(&'s VolumeName),
    /// Those of this volume, and those of any volume that were made for a worktree of git of the
    /// repository with this directory: a compose project has several volumes.
    Repository(&'s VolumeName, &'s Path),
}

/// What was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PrunedWorktrees {
    /// The worktrees that were removed.
    pub removed: Vec<RemovedWorktree>,
    /// Those that are over, but in use.
    pub in_use: Vec<VolumeName>,
    /// Those that are over, but protected.
    pub protected: Vec<VolumeName>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

/// Removes the worktrees in scope that are expired or whose worktree of git is gone, and that no
/// container uses. A protected one stays.
///
/// # Errors
/// When the volume does not exist, the engine does not answer, or a worktree cannot be removed.
pub fn prune_worktrees(pool: &Pool, scope: PruneScope<'_>, dry_run: bool) -> Result<PrunedWorktrees, Error> {
    let now = pool.now().micros;
    let is_over = |record: &VolumeRecord| {
        record.expires.is_some_and(|expires| expires.micros <= now)
            || record.code.as_ref().is_some_and(is_gone)
    };
    let mut expired = pool.store().read(|rows| {
        let mut found = rows.volumes()?;
        match scope {
            PruneScope::Pool => {}
            PruneScope::Volume(volume) => {
                let volume = existing(&rows, volume)?;
                found.retain(|record| record.owner() == volume.owner());
            }
            PruneScope::Repository(volume, directory) => {
                let volume = existing(&rows, volume)?;
                let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
                let directory = real(directory);
                let is_for = |code: &CodePlace| repository(code).map(real).as_ref() == Some(&directory);
                found.retain(|record| {
                    record.owner() == volume.owner() || record.code.as_ref().is_some_and(is_for)
                });
            }
        }
        Ok::<_, Error>(found)
    })?;
    expired.retain(|record| record.is_worktree() && is_over(record));
    let mut pruned = PrunedWorktrees { dry_run, ..PrunedWorktrees::default() };
    for record in expired {
        let (worktree, volume) = (record.name.clone(), record.owner().clone());
        if record.protected {
            pruned.protected.push(worktree);
            continue;
        }
        if dry_run {
            let is_used = !pool.containers().users_of(&worktree)?.is_empty();
            match is_used {
                true => pruned.in_use.push(worktree),
                false => pruned.removed.push(RemovedWorktree {
                    worktree,
                    volume,
                    branch: record.branch,
                    code: record.code,
                }),
            }
            continue;
        }
        match remove_worktree(pool, &worktree, Guard::Ask, false) {
            Ok(removed) => pruned.removed.push(removed),
            Err(Error::InUse { .. }) => pruned.in_use.push(worktree),
            // Another process has removed it.
            Err(Error::NoWorktree(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pruned)
}

/// Returns whether git has removed a worktree. Where its repository cannot be seen, as in the
/// container of a driver, nothing is known to be gone.
fn is_gone(code: &CodePlace) -> bool {
    repository(code).is_some_and(|repository| repository.join("HEAD").exists()) && !code.git_dir.exists()
}

/// Returns the directory of the repository of a worktree of git.
fn repository(code: &CodePlace) -> Option<&Path> {
    // <repository>/worktrees/<name>; git deletes `worktrees` with the last of them.
    code.git_dir.parent()?.parent()
}
