//! Labels for the volumes of compose projects.
//!
//! Compose warns of a volume without its labels, and asks whether to recreate one whose labels say
//! that its definition was another one. So a volume that comes into being under a name that the
//! project of this directory looks for, or a whole project by `--project`, gets the labels, without
//! the hash of its definition: compose neither warns nor asks then.

use std::sync::Arc;

use crate::containers::ComposeVolume;
use crate::layout::Layout;
use crate::model::{Operation, ProjectName, Row, VolumeName};
use crate::pool::{Options, Pool};
use crate::sys::disk;

/// Returns what the compose project of the current directory calls a volume.
pub type FindComposeVolume = dyn Fn(&VolumeName) -> Option<ComposeVolume> + Send + Sync;

impl Pool {
    /// Gives a handle to the same pool that labels volumes for compose.
    pub fn labelling(&self, find: Arc<FindComposeVolume>) -> Self {
        Pool::new(self.layout.clone(), Options { compose: find, ..self.options.clone() })
    }

    /// Returns what the driver of this pool answers when it is to identify itself.
    ///
    /// # Errors
    /// When the pool's directory cannot be read.
    pub fn identity(&self) -> Result<String, crate::error::Error> {
        identity(&self.layout)
    }

    /// Prepares the engine for the volumes that an operation is about to bring into being: it
    /// forgets what it remembers of their names. Returns those to label afterwards.
    pub(in crate::pool) fn expect_volumes(&self, operation: &Operation) -> Vec<ComposeVolume> {
        if !self.containers().is_enabled() {
            return Vec::new();
        }
        let project = operation.joint.as_ref().map(|joint| &joint.project);
        let names = new_volumes(operation).into_iter();
        let wanted = names.filter_map(|name| Some((name, self.compose_volume(name, project)?)));
        let is_ours = |name: &VolumeName| {
            let answer = self.containers().introduce(name).ok()?;
            Some(answer.ends_with(&self.identity().ok()?))
        };
        wanted.filter(|(name, _)| is_ours(name) == Some(true)).map(|(_, volume)| volume).collect()
    }

    /// Labels the volumes that [`Pool::expect_volumes`] returned. Without labels, compose warns and
    /// goes on.
    pub(in crate::pool) fn label_volumes(&self, volumes: &[ComposeVolume]) {
        for volume in volumes {
            if let Err(error) = self.containers().label(volume) {
                tracing::info!(volume = volume.volume, %error, "compose will warn of this volume");
            }
        }
    }

    fn compose_volume(&self, name: &VolumeName, project: Option<&ProjectName>) -> Option<ComposeVolume> {
        (self.options.compose)(name).or_else(|| {
            let project = project?;
            let key = name.as_str().strip_prefix(&project.volume_prefix())?.to_owned();
            Some(ComposeVolume { volume: name.to_string(), project: project.to_string(), key: Some(key) })
        })
    }
}

/// Names a pool's directory as every process on this machine sees it, also by another path.
fn identity(layout: &Layout) -> Result<String, crate::error::Error> {
    let (device, inode) = disk::identity(layout.root())?;
    Ok(format!("pool {device}:{inode}"))
}

/// Lists the names that exist after the operation and not before.
fn new_volumes(operation: &Operation) -> Vec<&VolumeName> {
    let plan = &operation.plan;
    let made = plan.changes.iter().filter_map(|change| match (&change.before, &change.after) {
        (None, Some(Row::Volume(volume))) => Some(&volume.name),
        _ => None,
    });
    made.chain(plan.renames.as_ref().map(|renaming| &renaming.to)).collect()
}
