//! The pool's own directories: their modes, and what lies about in them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use super::{Repair, Report, Severity};
use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::Pool;
use crate::store::{is_legacy_volume, legacy_files};
use crate::sys::disk;

/// Checks the pool's directory. What no record names has a record made for it with `adopt`, where it has the look of a
/// volume.
pub(super) fn check(pool: &Pool, adopt: bool, report: &mut Report) -> Result<(), Error> {
    if !pool.layout().root().exists() {
        return Ok(());
    }
    modes(pool, report);
    // Names first: what is made after that is in neither.
    let names = disk::names_in(pool.layout().root())?;
    let known: BTreeSet<String> = pool.store().read(|rows| {
        // What a volume is being made or deleted while we look is in the journal.
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
            let what = "a volume of the older layout that was not taken over";
            let remedy = "dvol import --older-layout takes it over, or says what is to be mended";
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
                let what = "an entry that is no volume: no record names it";
                report.add_repairable(Severity::Warning, None, &text, what, Repair::SetAside(path));
            }
        }
    }
    trash(pool, report)
}

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
            let what = format!("its mode is {mode:04o}: more than {allowed:04o}");
            let subject = path.display().to_string();
            report.add_repairable(Severity::Error, None, &subject, &what, Repair::Mode(path, allowed));
        }
    }
}

/// What is in trash and no operation has put there.
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
            let what = "no operation put this into trash";
            report.add_repairable(Severity::Warning, None, &subject, what, Repair::SetAside(path));
        }
    }
    Ok(())
}
