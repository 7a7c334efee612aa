//! Work that goes on in a process of its own when a command has ended.

use std::path::Path;
use std::process::{Command, Stdio};

use super::environment::{FAULT_VARIABLES, may_go_on_in_background};
use crate::model::VolumeName;

/// Starts `dvol prepare-spares` on a volume. Without it the next reset takes longer, so a failure
/// is not told.
pub(super) fn prepare_spares(pool: &Path, volume: &VolumeName) {
    let Ok(pool) = std::path::absolute(pool) else { return };
    if !may_go_on_in_background() {
        return;
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("--pool").arg(pool).args(["prepare-spares", volume.as_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    // A fault is for one process.
    for name in FAULT_VARIABLES {
        command.env_remove(name);
    }
    let _ = command.spawn();
}
