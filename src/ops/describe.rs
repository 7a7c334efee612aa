//! What the driver says of a volume. Takes no lock that an operation holds.

use std::path::PathBuf;

use crate::layout;
use crate::model::{BranchName, CommitId, Instant, VolumeName, VolumeRecord};
use crate::pool::{Error, Pool};
use crate::store::Rows;

/// A volume as an engine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub volume: VolumeName,
    /// Its running point, in full.
    pub mountpoint: PathBuf,
    /// When it was made.
    pub created: Instant,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
}

/// Describes one volume; none when there is no such volume.
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

fn description(pool: &Pool, rows: &Rows<'_>, record: VolumeRecord) -> Result<Description, Error> {
    let head = rows.branch(&record.name, &record.branch)?.and_then(|branch| branch.head);
    Ok(Description {
        mountpoint: pool.layout().full(&layout::running_point(&record.name)),
        volume: record.name,
        created: record.created,
        branch: record.branch,
        head,
    })
}
