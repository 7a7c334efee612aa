//! `du --all`: sum up the disk space of all volumes, of their commits and of trash.

use serde::Serialize;

use super::du::{Measured, du_trees};
use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::Pool;

/// What one volume takes, in bytes of disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VolumeUsage {
    /// The volume; `None` for the sum of all.
    pub volume: Option<VolumeName>,
    /// Whether it is deleted, so that only trash has something of it.
    pub deleted: bool,
    /// Number of branches.
    pub branches: usize,
    /// What their working trees take.
    pub branch_bytes: u64,
    /// Number of commits.
    pub commits: usize,
    /// What their trees take.
    pub commit_bytes: u64,
    /// Number of operations that trash holds something of.
    pub operations: usize,
    /// What that takes.
    pub trash_bytes: u64,
    /// All of that.
    pub total_bytes: u64,
}

/// Sums up each volume by name, those that are deleted included, then all of them. Where trees
/// share blocks, only what a tree has alone counts, as far as the file system tells.
///
/// # Errors
/// When the metadata, a tree or trash cannot be read.
pub fn du_pool(pool: &Pool) -> Result<Vec<VolumeUsage>, Error> {
    let names = pool.store().read(|rows| rows.owners())?;
    let mut found = Vec::new();
    for name in names {
        let entries = match du_trees(pool, &name) {
            // Another process has deleted it.
            Err(Error::NoVolume(_)) => continue,
            other => other?,
        };
        let mut usage = VolumeUsage { volume: Some(name), ..VolumeUsage::default() };
        for entry in entries {
            let bytes = entry.sizes.unshared.unwrap_or(entry.sizes.allocated);
            match entry.what {
                Measured::Branch { .. } => {
                    usage.branches += 1;
                    usage.branch_bytes += bytes;
                }
                Measured::Commit { .. } => {
                    usage.commits += 1;
                    usage.commit_bytes += bytes;
                }
                Measured::Trash { .. } | Measured::Total => {}
            }
        }
        found.push(usage);
    }
    for (name, (operations, trash_bytes)) in pool.trash_by_volume()? {
        let volume = Some(name);
        match found.iter_mut().find(|usage| usage.volume == volume) {
            Some(usage) => (usage.operations, usage.trash_bytes) = (operations, trash_bytes),
            None => found.push(VolumeUsage {
                volume,
                deleted: true,
                operations,
                trash_bytes,
                ..VolumeUsage::default()
            }),
        }
    }
    found.sort_by(|a, b| a.volume.cmp(&b.volume));
    let mut sum = VolumeUsage::default();
    for usage in &mut found {
        usage.total_bytes = usage.branch_bytes + usage.commit_bytes + usage.trash_bytes;
        sum.branches += usage.branches;
        sum.branch_bytes += usage.branch_bytes;
        sum.commits += usage.commits;
        sum.commit_bytes += usage.commit_bytes;
        sum.operations += usage.operations;
        sum.trash_bytes += usage.trash_bytes;
        sum.total_bytes += usage.total_bytes;
    }
    found.push(sum);
    Ok(found)
}
