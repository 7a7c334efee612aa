//! Checking the pool's own directories: their modes, and entries that no record names.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use super::{Repair, Report, Severity};
use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::Pool;
use crate::store::{is_legacy_volume, legacy_files};
use crate::sys::disk;

/// Checks the pool's directory. With `adopt`, the plan makes records for directories that look like
/// volumes.
pub(super) fn check(pool: &Pool, adopt: bool, report: &mut Report) -> Result<(), Error> {
    if !pool.layout().root().exists() {
        return Ok(());
    }
    modes(pool, report);
    // Names first, so that a volume made after this look is not missed in the records.
    let names = disk::names_in(pool.layout().root())?;
    let known: BTreeSet<String> = pool.store().read(|rows| {
        // The journal names volumes that are being made or removed meanwhile.
        let busy = rows.journal()?.into_iter().map(|operation| operation.volume.to_string());
        Ok::<_, Error>(rows.volumes()?.into_iter().map(|v| v.name.to_string()).chain(busy).collect())
    })?;
    for name in names {
        let text = name.to_string_lossy();
        let path = pool.layout().root().join(&name);
        if legacy_files(pool.layout()).contains(&path) {
            continue;
        }
        if !adopt && !known.contains(&*text) && is_legacy_volume(&path) {
            let what = "a volume of the older layout that was not imported";
            let remedy = "dvol import --older-layout imports it, or says what to correct first";
            report.add(Severity::Warning, None, &text, what, remedy);
            continue;
        }
        if text == layout::PRIVATE || known.contains(&*text) || disk::inode(&path)?.is_none() {
            continue;
        }
        let looks_like_one = path.join(layout::BRANCHES).is_dir() && !path.is_symlink();
        match text.parse::<VolumeName>() {
            Ok(volume) if adopt && looks_like_one => {
                super::records::check(pool, &volume, true, report)?;
            }
            _ => {
                let what = "no record names it, and it is no volume";
                report.add_repairable(Severity::Warning, None, &text, what, Repair::SetAside(path));
            }
        }
    }
    trash(pool, report)
}

/// Makes the pool's own directories again that are missing, as a backup may leave them out.
pub(super) fn restore(pool: &Pool, report: &mut Report) -> Result<(), Error> {
    if !pool.layout().private().is_dir() || disk::is_read_only(&pool.layout().private()) {
        return Ok(());
    }
    let missing = pool.missing_directories();
    pool.prepare_directories()?;
    for path in missing {
        let subject = path.display().to_string();
        report.add(Severity::Corrected, None, &subject, "was missing", "made again");
    }
    Ok(())
}

/// Checks the modes of the pool and of what lies in `.dvol`.
fn modes(pool: &Pool, report: &mut Report) {
    let layout = pool.layout();
    let owned = [layout.staging(), layout.trash(), layout.locks(), layout.lost_and_found(), layout.private()];
    let files = [layout.metadata(), layout.metadata_sums(), layout.records(), layout.trash_next()];
    let all = [(layout.root().to_path_buf(), layout::POOL_MODE)]
        .into_iter()
        .chain(owned.map(|path| (path, layout::PRIVATE_MODE)))
        .chain(files.map(|path| (path, 0o600)));
    for (path, allowed) in all {
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & !allowed != 0 {
            let what = format!("its mode {mode:04o} allows more than {allowed:04o}");
            let subject = path.display().to_string();
            // `mkdir` makes a pool directory like this; nothing is wrong with what is in it.
            let severity = if path == layout.root() { Severity::Note } else { Severity::Error };
            report.add_repairable(severity, None, &subject, &what, Repair::Mode(path, allowed));
        }
    }
}

/// Checks that an operation put each entry of trash there.
fn trash(pool: &Pool, report: &mut Report) -> Result<(), Error> {
    let trash = pool.layout().trash();
    let names = disk::names_in(&trash)?;
    if names.is_empty() {
        return Ok(());
    }
    let known = pool.store().read(|rows| rows.operation_ids())?;
    for name in names {
        let path = trash.join(&name);
        let is_known = name.to_str().is_some_and(|name| known.contains(name));
        if !is_known && disk::inode(&path)?.is_some() {
            let subject = format!("trash/{}", name.to_string_lossy());
            let what = "no operation put it there";
            report.add_repairable(Severity::Warning, None, &subject, what, Repair::SetAside(path));
        }
    }
    Ok(())
}
