//! The pool's own directories: their modes, and what lies about in them.

use std::os::unix::fs::PermissionsExt as _;

use walkdir::WalkDir;

use super::{Report, Severity};
use crate::layout;
use crate::model::VolumeRecord;
use crate::pool::{Error, Pool};

/// Checks the pool's directory.
pub(super) fn check(pool: &Pool, volumes: &[VolumeRecord], report: &mut Report) -> Result<(), Error> {
    if !pool.layout().root().exists() {
        return Ok(());
    }
    let modes = [
        (pool.layout().root().to_path_buf(), layout::POOL_MODE),
        (pool.layout().private(), layout::PRIVATE_MODE),
    ];
    for (path, allowed) in modes {
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & !allowed != 0 {
            let what = format!("its mode is {mode:04o}: more than {allowed:04o}");
            let remedy = format!("chmod {allowed:04o} {}", path.display());
            report.add(Severity::Error, None, &path.display().to_string(), &what, &remedy);
        }
    }
    // What a volume is being made or deleted while we look is in the journal.
    let busy = pool.store().read(|rows| rows.journal())?;
    for entry in WalkDir::new(pool.layout().root()).min_depth(1).max_depth(1).sort_by_file_name() {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name().to_string_lossy();
        let known = name == layout::PRIVATE
            || volumes.iter().any(|volume| volume.name.as_str() == name)
            || busy.iter().any(|operation| operation.volume.as_str() == name);
        if !known {
            let remedy = "no record names it: move it out of the pool, or delete it when it is not needed";
            report.add(Severity::Warning, None, &name, "an entry that is no volume", remedy);
        }
    }
    Ok(())
}
