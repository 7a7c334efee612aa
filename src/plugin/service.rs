//! The service behind the protocol: what an engine asks for, as a trait.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::model::{Instant, VolumeName};

/// A volume, as the driver describes it to an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// Its name.
    pub name: VolumeName,
    /// Its running point, which stays when the current branch changes.
    pub mountpoint: PathBuf,
    /// When it was created.
    pub created: Instant,
    /// Further fields of `docker volume inspect`: branch, head, and the quick status of the trees.
    pub status: BTreeMap<String, Value>,
}

/// Provides volumes to the driver. Methods may block: each call has a thread of its own, and
/// several run at once. An error is text for the engine's user. A panic becomes an error.
pub trait VolumeService: Send + Sync + 'static {
    /// Creates a volume. Succeeds without a change if it exists and has the same options, or if
    /// `options` is empty.
    ///
    /// # Errors
    /// When the volume cannot be created, or exists with other options.
    fn create(&self, name: &VolumeName, options: BTreeMap<String, String>) -> Result<(), String>;

    /// Removes a volume.
    ///
    /// # Errors
    /// When the volume cannot be removed or does not exist.
    fn remove(&self, name: &VolumeName) -> Result<(), String>;

    /// Lists all volumes. Does not wait for operations.
    ///
    /// # Errors
    /// When the volumes cannot be read now; the driver retries for a while.
    fn list(&self) -> Result<Vec<VolumeInfo>, String>;

    /// Finds a volume, or `None` if it does not exist. Does not wait for operations.
    ///
    /// # Errors
    /// When the volume cannot be read now; the driver retries for a while.
    fn get(&self, name: &VolumeName) -> Result<Option<VolumeInfo>, String>;

    /// Returns the resolved directory of the current branch.
    ///
    /// # Errors
    /// When the volume does not exist or cannot be read now.
    fn path(&self, name: &VolumeName) -> Result<PathBuf, String>;

    /// Records the mount `id` and returns the resolved directory of the current branch. A known id
    /// is no error. May wait at the volume's gate, well under 120 s.
    ///
    /// # Errors
    /// When the volume must not be mounted.
    fn mount(&self, name: &VolumeName, id: &str) -> Result<PathBuf, String>;

    /// Forgets the mount `id`; an unknown id is no error.
    ///
    /// # Errors
    /// When the mount cannot be forgotten.
    fn unmount(&self, name: &VolumeName, id: &str) -> Result<(), String>;

    /// Notes that an engine has activated this driver, perhaps after the engine was killed. Must
    /// not block.
    fn on_activate(&self) {}

    /// Reconciles the recorded mounts with the engine if necessary. Called every few seconds,
    /// beside everything else, never twice at once. May wait for an engine.
    fn reconcile(&self) {}

    /// Finishes or undoes on disk the operations that died. Called once, before the first call is
    /// answered. Must not start a container: the engine would wait for this driver to mount.
    fn recover(&self);

    /// Does work that can wait. Called now and then, beside everything else, never twice at once.
    fn idle(&self) {}

    /// Finishes or undoes operations that died, containers included. Called every few seconds,
    /// never twice at once.
    fn sweep(&self);

    /// Writes down what the next driver has to know. Called once, when the driver has to stop.
    fn leave(&self) {}
}
