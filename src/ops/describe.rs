//! What the driver reports about volumes. Takes no lock that an operation holds.

use std::path::PathBuf;

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, Instant, VolumeName, VolumeRecord};
use crate::pool::{Pool, max_size};
use crate::store::Rows;

/// A volume as an engine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub volume: VolumeName,
    /// The full path of its running point.
    pub mountpoint: PathBuf,
    /// When it was made.
    pub created: Instant,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// How many bytes the working tree may take to be committed; `None` for no limit.
    pub max_size: Option<u64>,
}

/// Describes one volume; `None` if it does not exist.
///
/// # Errors
/// When the metadata cannot be read.
pub fn describe(pool: &Pool, volume: &VolumeName) -> Result<Option<Description>, Error> {
    pool.store().read(|rows| rows.volume(volume)?.map(|record| description(pool, &rows, record)).transpose())
}

/// Describes all volumes, sorted by name.
///
/// # Errors
/// When the metadata cannot be read.
pub fn describe_all(pool: &Pool) -> Result<Vec<Description>, Error> {
    pool.store()
        .read(|rows| rows.volumes()?.into_iter().map(|record| description(pool, &rows, record)).collect())
}

/// Describes a volume from its directory, for when the metadata cannot be read; `None` if no such
/// directory looks like a volume.
pub fn describe_from_disk(pool: &Pool, volume: &VolumeName) -> Option<(PathBuf, Instant)> {
    let point = pool.layout().full(&layout::running_point(volume));
    let made = std::fs::symlink_metadata(&point).ok()?.modified().ok()?;
    let micros = made.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    Some((point, Instant { micros: i64::try_from(micros).unwrap_or_default(), offset: 0 }))
}

/// Returns whether nothing shows that there ever was a volume in the pool, as where its file system
/// is not mounted.
pub fn is_bare(pool: &Pool) -> bool {
    matches!(pool.store().is_there(), Ok(false))
}

/// Lists the directories that look like volumes.
pub fn volumes_on_disk(pool: &Pool) -> Vec<VolumeName> {
    let names = crate::sys::disk::names_in(pool.layout().root()).unwrap_or_default();
    let names = names.iter().filter_map(|name| name.to_str()?.parse::<VolumeName>().ok());
    names.filter(|name| describe_from_disk(pool, name).is_some()).collect()
}

fn description(pool: &Pool, rows: &Rows<'_>, record: VolumeRecord) -> Result<Description, Error> {
    let head = rows.branch(record.owner(), &record.branch)?.and_then(|branch| branch.head);
    Ok(Description {
        max_size: max_size(rows, &record.name)?,
        mountpoint: pool.layout().full(&layout::running_point(&record.name)),
        volume: record.name,
        created: record.created,
        branch: record.branch,
        head,
    })
}
