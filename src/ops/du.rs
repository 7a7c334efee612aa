//! `du`: measure the trees of a volume, and what deleting each would give back.

use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, CommitRecord, VolumeName};
use crate::pool::{Pool, existing};
use crate::sys::{disk, tree};

/// The size of some trees, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Number of entries beneath the roots.
    pub entries: u64,
    /// Sum of the file sizes, holes included; each inode counts once.
    pub logical: u64,
    /// Allocated bytes; blocks that several trees share count for each.
    pub allocated: u64,
    /// Allocated bytes that nothing else shares: what deleting this tree alone gives back. `None`
    /// where the file system shares blocks and does not say which.
    pub unshared: Option<u64>,
}

/// The subject of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Measured {
    /// The working tree of a branch.
    Branch {
        /// Its name.
        branch: BranchName,
        /// Whether it is the current one.
        current: bool,
    },
    /// The tree of a commit.
    Commit {
        /// Its id.
        id: CommitId,
        /// The first line of its message.
        subject: String,
    },
    /// All trees of the volume.
    Total,
    /// What trash holds of the volume, in bytes of disk.
    Trash {
        /// How many operations can be undone with it.
        operations: usize,
    },
}

/// One line of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DuEntry {
    /// The volume.
    pub volume: VolumeName,
    /// What is measured.
    #[serde(flatten)]
    pub what: Measured,
    /// What it takes.
    #[serde(flatten)]
    pub sizes: Sizes,
}

/// Measures the branches by name, then the commits from the newest to the oldest, then the total of
/// these; at last what trash holds of the volume, if anything. Blocks that two of these trees share
/// count as unshared in neither, nor in the total. Trees that are deleted meanwhile are left out.
///
/// # Errors
/// When the volume does not exist, or a tree cannot be read.
pub fn du(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<DuEntry>, Error> {
    let volume = pool.select(volume)?;
    let owner = pool.store().read(|rows| rows.owner(&volume))?;
    let mut entries = du_trees(pool, &volume)?;
    let (operations, bytes) = pool.trash_by_volume()?.remove(&owner).unwrap_or_default();
    if operations > 0 {
        let what = Measured::Trash { operations };
        let sizes = Sizes { entries: 0, logical: bytes, allocated: bytes, unshared: Some(bytes) };
        entries.push(DuEntry { volume, what, sizes });
    }
    Ok(entries)
}

/// Measures all that [`du`] does but trash.
pub(super) fn du_trees(pool: &Pool, volume: &VolumeName) -> Result<Vec<DuEntry>, Error> {
    pool.read_again_if_moved(volume, || du_now(pool, volume))
}

fn du_now(pool: &Pool, volume: &VolumeName) -> Result<Vec<DuEntry>, Error> {
    let (record, branches, mut commits) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let (branches, commits) = (rows.branches(record.owner())?, rows.commits(record.owner())?);
        Ok::<_, Error>((record, branches, commits))
    })?;
    let owner = record.owner().clone();
    commits.retain(|commit| !commit.forgotten);
    commits.sort_by(CommitRecord::newest_first);
    let branches = branches.into_iter().map(|branch| {
        let current = branch.name == record.branch;
        let place = layout::working_tree(&owner, &branch.name);
        (place, Measured::Branch { branch: branch.name, current })
    });
    let commits = commits.into_iter().map(|commit| {
        let subject = commit.subject().to_owned();
        (layout::commit_tree(&owner, &commit.id), Measured::Commit { id: commit.id, subject })
    });
    let extents = disk::may_share_blocks(&pool.layout().full(&layout::volume(&owner)));
    let (mut entries, mut total) = (Vec::new(), Sizes { unshared: Some(0), ..Sizes::default() });
    for (place, what) in branches.chain(commits) {
        let Some(sizes) = measure(pool, &owner, &place, &what, extents)? else { continue };
        total = Sizes {
            entries: total.entries + sizes.entries,
            logical: total.logical + sizes.logical,
            allocated: total.allocated + sizes.allocated,
            unshared: total.unshared.zip(sizes.unshared).map(|(total, one)| total + one),
        };
        entries.push(DuEntry { volume: volume.clone(), what, sizes });
    }
    entries.push(DuEntry { volume: volume.clone(), what: Measured::Total, sizes: total });
    Ok(entries)
}

fn measure(
    pool: &Pool,
    owner: &VolumeName,
    place: &Path,
    what: &Measured,
    extents: bool,
) -> Result<Option<Sizes>, Error> {
    let read = || Ok(tree::measure_unshared(&pool.layout().full(place), extents, &|| false)?);
    let read = match what {
        Measured::Branch { branch, .. } => pool.read_consistently(owner, branch, read),
        Measured::Commit { .. } | Measured::Total | Measured::Trash { .. } => read(),
    };
    match read {
        Ok((usage, unshared)) => Ok(Some(Sizes {
            entries: usage.entries,
            logical: usage.bytes,
            allocated: usage.blocks,
            unshared,
        })),
        Err(Error::Disk(error))
            if error.source.kind() == ErrorKind::NotFound && is_gone(pool, owner, what)? =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Returns whether another process has deleted the tree since it was listed.
fn is_gone(pool: &Pool, volume: &VolumeName, what: &Measured) -> Result<bool, Error> {
    pool.store().read(|rows| match what {
        Measured::Branch { branch, .. } => Ok::<_, Error>(rows.branch(volume, branch)?.is_none()),
        Measured::Commit { id, .. } => Ok(rows.commit(volume, id)?.is_none_or(|commit| commit.forgotten)),
        Measured::Total | Measured::Trash { .. } => Ok(false),
    })
}
