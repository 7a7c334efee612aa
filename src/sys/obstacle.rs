//! Finds out why an entry cannot be moved, before an operation tries.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FileType, Statx, StatxAttributes, StatxFlags, accessat, statx};
use rustix::io::Errno;

use super::disk;
use super::error::{At as _, DiskError};
use super::mounts::MountPoints;

/// A reason why the kernel refuses to move an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A file system, or a part of one, is mounted on it.
    #[error("it is a mount point")]
    Mount,
    /// Something is mounted on an entry in it.
    #[error("{} is a mount point", .0.display())]
    MountIn(PathBuf),
    /// Its immutable flag is set.
    #[error("its immutable flag is set")]
    Immutable,
    /// Its append-only flag is set.
    #[error("its append-only flag is set")]
    AppendOnly,
    /// A subvolume of btrfs that is read-only, as snapshots are.
    #[error("it is a read-only subvolume")]
    ReadOnly,
    /// A symlink stands where a directory should be.
    #[error("it is a symlink")]
    Symlink,
    /// Something else stands where a directory should be.
    #[error("it is not a directory")]
    NotADirectory,
}

impl Obstacle {
    /// Finds the obstacle in an error, if that is what it reports.
    pub fn of(error: &DiskError) -> Option<&Self> {
        error.source.get_ref()?.downcast_ref()
    }

    /// Makes the error of `action` on `path`.
    pub fn refuse(self, action: &'static str, path: &Path) -> DiskError {
        DiskError::new(action, path, io::Error::other(self))
    }

    /// Returns the flag that forbids changes, if the kernel's answer has one.
    pub(super) fn flag(attributes: StatxAttributes) -> Option<Self> {
        if attributes.contains(StatxAttributes::IMMUTABLE) {
            Some(Obstacle::Immutable)
        } else if attributes.contains(StatxAttributes::APPEND) {
            Some(Obstacle::AppendOnly)
        } else {
            None
        }
    }
}

/// Returns what keeps the directory at `path` from being used as one, or from being moved; `None`
/// if nothing does, or nothing is there.
///
/// # Errors
/// When the kernel does not tell.
pub fn of_directory(path: &Path, mounts: &MountPoints) -> Result<Option<Obstacle>, DiskError> {
    let Some(stat) = stat(path)? else { return Ok(None) };
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::Directory => Ok(of_entry(path, &stat, mounts)),
        FileType::Symlink => Ok(Some(Obstacle::Symlink)),
        _ => Ok(Some(Obstacle::NotADirectory)),
    }
}

/// Refuses to move the entry at `path` if the kernel would.
///
/// # Errors
/// Those that name the obstacle.
pub fn check_move(path: &Path, mounts: &MountPoints) -> Result<(), DiskError> {
    if let Some(obstacle) = stat(path)?.and_then(|stat| of_entry(path, &stat, mounts)) {
        return Err(obstacle.refuse("move", path));
    }
    check_arrival(path)
}

/// Refuses to move the tree at `path` if the kernel would, or if it is no directory.
///
/// # Errors
/// Those that name the obstacle.
pub fn check_move_of_tree(path: &Path, mounts: &MountPoints) -> Result<(), DiskError> {
    match of_directory(path, mounts)? {
        Some(obstacle) => Err(obstacle.refuse("move", path)),
        None => check_arrival(path),
    }
}

/// Refuses to make or move anything to `path` if the directory that it is in is closed to changes.
///
/// # Errors
/// Those that name the obstacle.
pub fn check_arrival(path: &Path) -> Result<(), DiskError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    match stat(parent)?.and_then(|stat| Obstacle::flag(stat.stx_attributes)) {
        Some(obstacle) => Err(obstacle.refuse("change", parent)),
        None => Ok(()),
    }
}

fn of_entry(path: &Path, stat: &Statx, mounts: &MountPoints) -> Option<Obstacle> {
    if stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Some(Obstacle::Mount);
    }
    let flag = Obstacle::flag(stat.stx_attributes);
    let is_directory = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Directory;
    let read_only = || (is_directory && is_read_only_subvolume(path)).then_some(Obstacle::ReadOnly);
    flag.or_else(read_only).or_else(|| match mounts.within(path)? {
        mount if mount == path => Some(Obstacle::Mount),
        mount => Some(Obstacle::MountIn(mount)),
    })
}

/// Returns whether `path` is in a subvolume that is read-only on a file system that is not: the
/// kernel refuses to move it to another directory.
fn is_read_only_subvolume(path: &Path) -> bool {
    let access = accessat(CWD, path, Access::WRITE_OK, AtFlags::empty());
    access == Err(Errno::ROFS) && !disk::is_read_only(path)
}

fn stat(path: &Path) -> Result<Option<Statx>, DiskError> {
    match statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::TYPE) {
        Err(Errno::NOENT) => Ok(None),
        other => other.map(Some).at("read the attributes of", path),
    }
}
