//! What the driver answers while the pool cannot be read.
//!
//! | state of the pool | who knows the volumes |
//! | --- | --- |
//! | read-only, full | the metadata |
//! | metadata damaged or missing | the directories of volumes, and the driver's own list |
//! | directory gone, file system not mounted, disk fails | the driver's own list |
//!
//! A pool without its metadata reads as an empty one; it is missing where the driver remembers
//! volumes of it, or where a table of mounts names a file system that is not mounted. Nothing is
//! made in the directory of a missing pool: it is a mount point, perhaps.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::remembered::Volumes;
use super::service::VolumeInfo;
use super::volumes::{FileState, PoolService};
use crate::error::Error;
use crate::layout;
use crate::model::{Instant, VolumeName};
use crate::ops;

impl PoolService {
    /// Makes what the pool lacks. A pool that is missing stays so, and one that cannot be written
    /// is served as it is.
    ///
    /// # Errors
    /// When the pool cannot be made, and the driver knows no volume of it.
    pub fn prepare(&self) -> Result<(), Error> {
        // A service unit may have mounted it; a driver that cannot says so, and goes on without.
        if let Err(error) = ops::mount_image_if_root(&self.pool) {
            tracing::error!("{}", self.text_of(&error));
        }
        if self.is_missing() {
            return Ok(());
        }
        let prepare = || {
            self.pool.import_legacy()?;
            Ok::<_, Error>(self.pool.prepare_directories()?)
        };
        match prepare() {
            Err(error) if self.remembered.expects_volumes() || self.pool.layout().metadata().exists() => {
                tracing::error!("cannot prepare the pool: {}", self.text_of(&error));
                Ok(())
            }
            other => other,
        }
    }

    /// Returns whether the pool is missing; logs when that changes.
    pub(super) fn is_missing(&self) -> bool {
        self.require_pool().is_err()
    }

    /// Says why the pool is missing: its file system is not mounted, or the driver knows volumes of
    /// it.
    fn why_missing(&self) -> Option<Error> {
        if let Err(error) = ops::check_mounted(&self.pool) {
            return Some(error);
        }
        if !ops::is_bare(&self.pool) {
            return None;
        }
        let remembered = || {
            let (pool, list) = (self.pool.layout().root().to_owned(), self.remembered.path().to_owned());
            self.remembered.expects_volumes().then_some(Error::PoolMissing { pool, list })
        };
        remembered()
    }

    /// Refuses what needs a pool that is there; logs when that changes.
    pub(super) fn require_pool(&self) -> Result<(), String> {
        let missing = self.why_missing().map(|error| self.text_of(&error));
        if self.was_missing.swap(missing.is_some(), Ordering::Relaxed) != missing.is_some() {
            match &missing {
                Some(text) => tracing::error!("{text}; refusing mounts"),
                None => tracing::info!("the pool is back"),
            }
        }
        missing.map_or(Ok(()), Err)
    }

    /// Returns what was read, unless it `is_nothing` because the pool is missing.
    pub(super) fn readable<T>(
        &self,
        read: Result<T, Error>,
        is_nothing: impl Fn(&T) -> bool,
    ) -> Result<T, String> {
        match read {
            Ok(found) if is_nothing(&found) => self.require_pool().map(|()| found),
            other => other.map_err(|error| self.text_of(&error)),
        }
    }

    /// Describes all volumes that the directories show or the driver remembers.
    pub(super) fn list_unreadable(&self, error: &str) -> Vec<VolumeInfo> {
        let remembered = self.remembered.volumes().unwrap_or_default();
        let on_disk = ops::volumes_on_disk(&self.pool).into_iter();
        let on_disk =
            on_disk.filter_map(|name| ops::describe_from_disk(&self.pool, &name).map(|at| (name, at.1)));
        let mut volumes: Volumes = on_disk.collect();
        volumes.extend(remembered);
        volumes.iter().map(|(name, created)| self.describe_unreadable(name, *created, error)).collect()
    }

    /// Describes a volume that its directory shows or the driver remembers. Without a list, claims
    /// every name but those that engines make for anonymous volumes.
    pub(super) fn get_unreadable(
        &self,
        name: &VolumeName,
        error: &str,
    ) -> Result<Option<VolumeInfo>, String> {
        let created = match (self.remembered.volumes(), ops::describe_from_disk(&self.pool, name)) {
            (_, Some((_, created))) => created,
            (Some(volumes), None) => match volumes.get(name) {
                Some(created) => *created,
                // Perhaps made since the list was renewed: worth another try.
                None if !self.is_missing() => return Err(error.to_owned()),
                None => return Ok(None),
            },
            (None, None) if name.is_anonymous() => return Err(error.to_owned()),
            (None, None) => Instant { micros: 0, offset: 0 },
        };
        Ok(Some(self.describe_unreadable(name, created, error)))
    }

    fn describe_unreadable(&self, name: &VolumeName, created: Instant, error: &str) -> VolumeInfo {
        let mountpoint = self.pool.layout().full(&layout::running_point(name));
        let status = BTreeMap::from([("error".to_owned(), error.into())]);
        VolumeInfo { name: name.clone(), mountpoint, created, status }
    }

    /// Renews the list of volumes, if the metadata has changed since.
    pub(super) fn remember(&self) {
        let mut last_seen = self.last_seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken before the look, so that what comes meanwhile is seen the next time.
        let now = file_state(&self.pool.layout().metadata());
        if *last_seen != now || self.remembered.volumes().is_none() {
            let Ok(found) = ops::describe_all(&self.pool) else { return };
            // The pool may have gone meanwhile, and then reads as an empty one.
            if self.is_missing() {
                return;
            }
            self.remembered.replace(found.into_iter().map(|found| (found.volume, found.created)).collect());
            *last_seen = now;
        }
        if let Err(error) = self.remembered.save() {
            tracing::warn!(%error, "cannot remember the volumes for the time when the pool cannot be read");
        }
    }
}

fn file_state(path: &std::path::Path) -> Option<FileState> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.ctime(), found.ctime_nsec()))
}
