//! What stands behind the protocol.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::model::{Instant, VolumeName};

/// A volume, as an engine is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// Its name.
    pub name: VolumeName,
    /// Where it stays whatever its current branch is: its running point.
    pub mountpoint: PathBuf,
    /// When it was made.
    pub created: Instant,
    /// What `docker volume inspect` shows beside: branch, head, and what a short look at the trees tells.
    pub status: BTreeMap<String, Value>,
}

/// Volumes, as the driver needs them. Methods may block; each call has a thread of its own, and
/// several run at once. An error is the text that the engine's user sees. A panic becomes one.
pub trait VolumeService: Send + Sync + 'static {
    /// Makes a volume. One that exists stays as it is; asking for it again with the same options, or
    /// with none, is no error.
    ///
    /// # Errors
    /// When there is no such volume afterwards, or one that was made with other options.
    fn create(&self, name: &VolumeName, options: BTreeMap<String, String>) -> Result<(), String>;

    /// Removes a volume.
    ///
    /// # Errors
    /// When it is still there afterwards, or never was.
    fn remove(&self, name: &VolumeName) -> Result<(), String>;

    /// All volumes. Waits for no operation.
    ///
    /// # Errors
    /// When the volumes cannot be read now; the driver asks again for a while.
    fn list(&self) -> Result<Vec<VolumeInfo>, String>;

    /// One volume, none if there is none. Waits for no operation.
    ///
    /// # Errors
    /// When that cannot be told now; the driver asks again for a while.
    fn get(&self, name: &VolumeName) -> Result<Option<VolumeInfo>, String>;

    /// The resolved directory of the current branch.
    ///
    /// # Errors
    /// When there is no such volume, or that cannot be told now.
    fn path(&self, name: &VolumeName) -> Result<PathBuf, String>;

    /// Records the binding `id` and returns the resolved directory of the current branch. An id
    /// that is bound already is no error. May wait at the volume's gate, well under 120 s.
    ///
    /// # Errors
    /// When nothing may be mounted.
    fn mount(&self, name: &VolumeName, id: &str) -> Result<PathBuf, String>;

    /// Forgets the binding `id`; one that is not known is no error.
    ///
    /// # Errors
    /// When the binding is still there afterwards.
    fn unmount(&self, name: &VolumeName, id: &str) -> Result<(), String>;

    /// An engine has met this driver: it was just started, perhaps after it was killed. Must not block.
    fn on_activate(&self) {}

    /// Brings what was told of mounts in line with the engine, where that is due: every few seconds, beside everything
    /// else, never twice at once. May wait for an engine.
    fn align(&self) {}

    /// Finishes or undoes on disk what dead operations left, once, before the first call is
    /// answered. Must not start a container: the engine would ask this driver to mount, and wait.
    fn recover(&self);

    /// Work that can wait, while serving: now and then, beside everything else, never twice at once.
    fn idle(&self) {}

    /// Recovery while serving, containers included: every few seconds, never twice at once.
    fn sweep(&self);
}
