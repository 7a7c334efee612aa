//! `worktree list`: list the worktrees of a volume, or all of the pool.

use std::path::PathBuf;

use serde::Serialize;

use super::super::list::names_of;
use crate::error::Error;
use crate::model::{BranchName, CommitId, Instant, VolumeName};
use crate::pool::{Pool, existing};

/// A worktree, or the volume itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorktreeEntry {
    /// Its name.
    pub worktree: VolumeName,
    /// The volume that owns the branch: the same name for the volume itself.
    pub volume: VolumeName,
    /// The branch that it has checked out.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// When it expires, by RFC 3339.
    pub expires: Option<String>,
    /// The directory of the worktree of git that it was made for.
    pub directory: Option<PathBuf>,
    /// Whether that time has come.
    pub expired: bool,
    /// The names of the containers that use it, running or not, sorted; `None` if the engine does
    /// not answer.
    pub containers: Option<Vec<String>>,
}

/// Lists the worktrees of a volume, or without one all of the pool, by volume. Each volume comes
/// before its worktrees, if it has any. An engine that does not answer is not an error.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn worktrees(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<WorktreeEntry>, Error> {
    let now = pool.now();
    let mut entries = pool.store().read(|rows| {
        let owners = match volume {
            Some(volume) => vec![existing(&rows, volume)?.owner().clone()],
            None => rows.owners()?,
        };
        let mut entries = Vec::new();
        let all = rows.volumes()?;
        for owner in owners {
            let mut places: Vec<_> = all.iter().filter(|record| *record.owner() == owner).collect();
            if places.len() == 1 && volume.is_none() {
                continue;
            }
            places.sort_by_key(|record| record.is_worktree());
            for record in places {
                let head = rows.branch(&owner, &record.branch)?.and_then(|branch| branch.head);
                entries.push(WorktreeEntry {
                    worktree: record.name.clone(),
                    volume: owner.clone(),
                    branch: record.branch.clone(),
                    head,
                    expires: record.expires.map(Instant::to_rfc3339),
                    directory: record.code.as_ref().map(|code| code.directory.clone()),
                    expired: record.expires.is_some_and(|expires| expires.micros <= now.micros),
                    containers: None,
                });
            }
        }
        Ok::<_, Error>(entries)
    })?;
    if !entries.is_empty()
        && let Ok(mut users) = pool.containers().users()
    {
        for entry in &mut entries {
            let own = users.remove(entry.worktree.as_str()).unwrap_or_default();
            entry.containers = Some(names_of(own));
        }
    }
    Ok(entries)
}
