//! `inspect`: show everything about a volume that the metadata has, and its size if it has a limit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::list::names_of;
use super::log::rfc3339;
use super::protect::protected_with_worktrees;
use super::status::use_of_limit;
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, Instant, TagName, VolumeName};
use crate::pool::{Pool, existing};

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Its name.
    pub volume: VolumeName,
    /// When it was made; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub created: Instant,
    /// The running point: the symlink to the current branch's working tree.
    pub mountpoint: PathBuf,
    /// The current branch's working tree.
    pub working_tree: PathBuf,
    /// Whether it is the current volume.
    pub current: bool,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// Its branches with their heads.
    pub branches: BTreeMap<BranchName, Option<CommitId>>,
    /// Its tags with their commits.
    pub tags: BTreeMap<TagName, CommitId>,
    /// The number of its commits.
    pub commits: usize,
    /// What is protected: each as `dvol protect` takes it.
    pub protected: Vec<String>,
    /// The options that it was made with.
    pub options: BTreeMap<String, String>,
    /// The volume that it is a worktree of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree_of: Option<VolumeName>,
    /// When the worktree expires, by RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The worktrees of the volume, with their branches.
    pub worktrees: BTreeMap<VolumeName, BranchName>,
    /// The settings that are set for this volume.
    pub settings: BTreeMap<String, String>,
    /// The number of mounts on record.
    pub mounts: usize,
    /// The names of the containers that use it, running or not, sorted; `None` if the engine does
    /// not answer.
    pub containers: Option<Vec<String>>,
    /// How many bytes the working tree may take to be committed; `None` for no limit.
    pub max_size: Option<u64>,
    /// How many bytes the working tree takes; measured only if there is a limit.
    pub allocated: Option<u64>,
}

/// Shows everything about a volume. An engine that does not answer is not an error.
///
/// # Errors
/// When the volume does not exist, the metadata cannot be read, or a working tree with a limit
/// cannot be measured.
pub fn inspect(pool: &Pool, volume: Option<&VolumeName>) -> Result<Inspection, Error> {
    let volume = pool.select(volume)?;
    let record = pool.store().read(|rows| existing(&rows, &volume))?;
    let (max_size, allocated) = use_of_limit(pool, &record)?;
    let mut inspection = pool.store().read(|rows| {
        let record = existing(&rows, &volume)?;
        let owner = record.owner().clone();
        let worktrees = rows.worktrees(&owner)?.into_iter().filter(|one| one.name != owner);
        let branches: BTreeMap<_, _> =
            rows.branches(&owner)?.into_iter().map(|branch| (branch.name, branch.head)).collect();
        let full = |relative: PathBuf| pool.layout().full(&relative);
        Ok::<_, Error>(Inspection {
            created: record.created,
            mountpoint: full(layout::running_point(&volume)),
            working_tree: full(layout::working_tree(&owner, &record.branch)),
            current: rows.current_volume()?.as_ref() == Some(&volume),
            head: branches.get(&record.branch).cloned().flatten(),
            protected: protected_with_worktrees(&rows, &owner)?
                .iter()
                .map(|what| what.operand(&owner))
                .collect(),
            branch: record.branch,
            branches,
            tags: rows.tags(&owner)?.into_iter().map(|tag| (tag.name, tag.commit)).collect(),
            commits: rows.commit_ids(&owner)?.len(),
            options: record.options,
            worktree_of: record.worktree_of,
            expires: record.expires.map(Instant::to_rfc3339),
            worktrees: worktrees.map(|one| (one.name, one.branch)).collect(),
            settings: rows.settings(Some(&volume))?.into_iter().collect(),
            mounts: rows.bindings(&volume)?.len(),
            containers: None,
            max_size,
            allocated,
            volume: record.name,
        })
    })?;
    let users = pool.containers().users_of(&volume).ok();
    inspection.containers = users.map(names_of);
    Ok(inspection)
}
