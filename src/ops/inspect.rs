//! `inspect`: all that the metadata says of one volume, and what it takes where that is limited.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::list::names_of;
use super::log::rfc3339;
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
    /// When it was made; in JSON as RFC 3339 has it.
    #[serde(serialize_with = "rfc3339")]
    pub created: Instant,
    /// The running point: a link to the current branch's working tree.
    pub mountpoint: PathBuf,
    /// The current branch's working tree.
    pub working_tree: PathBuf,
    /// Whether it is the current volume.
    pub current: bool,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// Its branches and their heads.
    pub branches: BTreeMap<BranchName, Option<CommitId>>,
    /// Its tags and their commits.
    pub tags: BTreeMap<TagName, CommitId>,
    /// How many commits it has.
    pub commits: usize,
    /// The options that the driver was given when it made the volume.
    pub options: BTreeMap<String, String>,
    /// The settings that are its own.
    pub settings: BTreeMap<String, String>,
    /// How many mounts the driver knows of.
    pub mounts: usize,
    /// The containers that use it, running or not, sorted; none when they are not known.
    pub containers: Option<Vec<String>>,
    /// Bytes that the working tree may take to be committed.
    pub max_size: Option<u64>,
    /// Bytes that are allocated to it; none where there is no such limit.
    pub allocated: Option<u64>,
}

/// Tells all of one volume. An engine that does not answer is no failure.
///
/// # Errors
/// When there is no such volume, or the metadata, or a working tree that has a limit, cannot be read.
pub fn inspect(pool: &Pool, volume: Option<&VolumeName>) -> Result<Inspection, Error> {
    let volume = pool.select(volume)?;
    let record = pool.store().read(|rows| existing(&rows, &volume))?;
    let (max_size, allocated) = use_of_limit(pool, &record)?;
    let mut inspection = pool.store().read(|rows| {
        let record = existing(&rows, &volume)?;
        let branches: BTreeMap<_, _> =
            rows.branches(&volume)?.into_iter().map(|branch| (branch.name, branch.head)).collect();
        let full = |relative: PathBuf| pool.layout().full(&relative);
        Ok::<_, Error>(Inspection {
            created: record.created,
            mountpoint: full(layout::running_point(&volume)),
            working_tree: full(layout::working_tree(&volume, &record.branch)),
            current: rows.current_volume()?.as_ref() == Some(&volume),
            head: branches.get(&record.branch).cloned().flatten(),
            branch: record.branch,
            branches,
            tags: rows.tags(&volume)?.into_iter().map(|tag| (tag.name, tag.commit)).collect(),
            commits: rows.commits(&volume)?.len(),
            options: record.options,
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
