//! Work that goes on in a process of its own when a command has ended.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::environment::{FAULT_VARIABLES, may_go_on_in_background};
use crate::model::VolumeName;
use crate::sys::tree::PREPARE_SPARES;

/// The volumes that spares can be prepared for once the command has ended: until then both would
/// want the processor, and the user waits for the command.
#[derive(Debug, Clone, Default)]
pub(super) struct SparesToPrepare(Arc<Mutex<Vec<VolumeName>>>);

impl SparesToPrepare {
    pub(super) fn add(&self, volume: &VolumeName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(volume.clone());
    }

    /// Starts a process for each of them.
    pub(super) fn start(&self, pool: &Path) {
        let volumes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        volumes.iter().for_each(|volume| prepare_spares(pool, volume));
    }
}

/// Starts `dvol prepare-spares` on a volume. Without it the next reset takes longer, so a failure
/// is not told.
fn prepare_spares(pool: &Path, volume: &VolumeName) {
    let Ok(pool) = std::path::absolute(pool) else { return };
    if !may_go_on_in_background() {
        return;
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("--pool").arg(pool).args([PREPARE_SPARES, volume.as_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    // A fault is for one process.
    for name in FAULT_VARIABLES {
        command.env_remove(name);
    }
    let _ = command.spawn();
}
