//! `worktree prune`: remove the worktrees whose time is over and that no container uses.

use serde::Serialize;

use super::super::remove::Guard;
use super::remove::{RemovedWorktree, remove_worktree};
use crate::error::Error;
use crate::model::{VolumeName, VolumeRecord};
use crate::pool::{Pool, existing};

/// What was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PrunedWorktrees {
    /// The worktrees that were removed.
    pub removed: Vec<RemovedWorktree>,
    /// Those that are expired, but in use.
    pub in_use: Vec<VolumeName>,
    /// Those that are expired, but protected.
    pub protected: Vec<VolumeName>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

/// Removes the expired worktrees of a volume, or of the whole pool, that no container uses.
///
/// # Errors
/// When the volume does not exist, the engine does not answer, or a worktree cannot be removed.
pub fn prune_worktrees(
    pool: &Pool,
    volume: Option<&VolumeName>,
    dry_run: bool,
) -> Result<PrunedWorktrees, Error> {
    let now = pool.now().micros;
    let is_expired = |record: &VolumeRecord| record.expires.is_some_and(|expires| expires.micros <= now);
    let mut expired = pool.store().read(|rows| match volume {
        Some(volume) => Ok(rows.worktrees(existing(&rows, volume)?.owner())?),
        None => Ok::<_, Error>(rows.volumes()?),
    })?;
    expired.retain(|record| record.is_worktree() && is_expired(record));
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
                false => pruned.removed.push(RemovedWorktree { worktree, volume, branch: record.branch }),
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
