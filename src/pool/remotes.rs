//! What the pool knows of remotes, joined with its commits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, RefName, RemoteName, TrackingRecord, VolumeName};
use crate::pool::history::resolve::ancestry;
use crate::pool::{Notice, Pool, Work};
use crate::remotes::{CommitNote, Waiting};
use crate::store::Rows;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::locks::LockGuard;
use crate::sys::tree::{Usage, free_space, sum_tree};

/// The least bytes that an entry takes, however small it is.
const MIN_INODE: u64 = 256;

impl Pool {
    /// Waits until no other process pushes `volume` to `remote`, and keeps others from doing so.
    ///
    /// # Errors
    /// When the wait exceeds its limit.
    pub fn lock_push(&self, volume: &VolumeName, remote: &RemoteName) -> Result<LockGuard, Error> {
        self.prepare_directories()?;
        let what = format!("pushes of {volume} to {remote}");
        let cancel = self.interrupted();
        self.lock_exclusively(self.layout.push_lock(volume, remote), &what, "push", Some(&cancel))
    }

    /// Returns the checksum of a tree: that of the list of its entries' checksums.
    ///
    /// # Errors
    /// When the tree cannot be read, or the run is interrupted.
    pub fn sum_of_tree(&self, tree: &Path) -> Result<String, DiskError> {
        let mut hasher = blake3::Hasher::new();
        sum_tree(tree, &self.interrupted(), &mut |_| Ok(None), &mut |entry| {
            hasher.update(&(entry.key.len() as u64).to_le_bytes()).update(&entry.key);
            hasher.update(&entry.attributes).update(&entry.content);
            Ok(())
        })?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Refuses a tree that does not fit: one from elsewhere shares no blocks with what is here.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::HostFull`].
    pub fn check_room_for(&self, note: &CommitNote) -> Result<(), Error> {
        let needed = note.entries.saturating_mul(MIN_INODE).saturating_add(note.bytes);
        let free = free_space(&self.layout.staging())?;
        if needed > free {
            return Err(Error::NoSpace { needed, free });
        }
        self.check_host_space(needed)
    }

    /// Hears how many bytes of a tree have been sent or received.
    pub fn progress(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let watcher = self.options.watcher.clone();
        move |bytes| {
            if let Some(watcher) = &watcher {
                watcher.at(bytes, 0);
            }
        }
    }

    /// Runs `transfer`, which reads or writes so many entries and bytes, and reports it to the
    /// watcher.
    pub fn watched_transfer<T>(
        &self,
        work: Work,
        (entries, bytes): (u64, u64),
        transfer: impl FnOnce() -> T,
    ) -> T {
        self.watched_as(work, || Some(Usage { entries, bytes, blocks: bytes }), transfer)
    }

    /// Returns the folder of what was read of repositories. Makes it where there is a pool; without
    /// it, reading only takes longer.
    pub fn remotes_cache(&self) -> PathBuf {
        let cache = self.layout().remotes_cache();
        if self.layout().private().is_dir() {
            for folder in [cache.parent(), Some(&*cache)].into_iter().flatten() {
                if !folder.is_dir() {
                    let _ = disk::make_directory(folder, layout::PRIVATE_MODE);
                }
            }
        }
        cache
    }

    /// Returns how long to wait for the lock of a repository.
    pub fn waiting(&self) -> Waiting {
        let notices = Arc::clone(&self.options.notices);
        let tell = move |what: &str, holder: &str| {
            notices(&Notice::Waiting { what: what.to_owned(), holder: holder.to_owned() });
        };
        Waiting { limit: self.lock_timeout(), cancel: self.interrupted(), tell: Arc::new(tell) }
    }

    /// Returns how long to wait for others.
    pub fn lock_timeout(&self) -> std::time::Duration {
        self.options.lock_timeout
    }
}

/// Lists the remotes that had a commit when dvol last looked.
///
/// # Errors
/// When the metadata cannot be read.
pub(crate) fn remotes_with(
    rows: &Rows<'_>,
    volume: &VolumeName,
    id: &CommitId,
) -> Result<Vec<RemoteName>, Error> {
    let mut found = BTreeSet::new();
    for TrackingRecord { remote, commit, others, .. } in rows.tracking(volume, None)? {
        for start in others.into_iter().chain([commit]) {
            if !found.contains(&remote)
                && ancestry(rows, volume, Some(start), usize::MAX)?.iter().any(|commit| commit.id == *id)
            {
                found.insert(remote.clone());
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Looks up `REMOTE/BRANCH` or `REMOTE/TAG`.
///
/// # Errors
/// When the metadata cannot be read; [`Error::CrossedRef`] when it leads to several commits.
pub(crate) fn tracked_called(
    rows: &Rows<'_>,
    volume: &VolumeName,
    text: &str,
) -> Result<Option<TrackingRecord>, Error> {
    let Some((remote, name)) = text.split_once('/') else { return Ok(None) };
    let Ok(remote) = remote.parse::<RemoteName>() else { return Ok(None) };
    let kinds = [name.parse().ok().map(RefName::Head), name.parse().ok().map(RefName::Tag)];
    for reference in kinds.into_iter().flatten() {
        let Some(found) = rows.tracked(volume, &remote, &reference)? else { continue };
        if found.others.is_empty() {
            return Ok(Some(found));
        }
        let (volume, heads) = (volume.clone(), found.others.len() + 1);
        return Err(Error::CrossedRef { volume, remote, reference, heads });
    }
    Ok(None)
}
