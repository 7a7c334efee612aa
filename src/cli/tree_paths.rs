//! Parses `REVISION:PATH` and `VOLUME:REVISION:PATH`, and tells them from `VOLUME:REVISION`.

use std::path::PathBuf;

use super::output::Failure;
use super::session::Session;
use crate::error::Error;
use crate::model::{Revision, VolumeName};
use crate::ops::{self, TreePath};
use crate::pool::existing;

/// Parses a word that names an entry of a commit; `None` if it names a commit alone. `volume` is
/// the one that other operands name.
pub(super) fn read(
    session: &Session,
    word: &str,
    volume: Option<&VolumeName>,
) -> Result<Option<TreePath>, Failure> {
    let Some((first, rest)) = word.split_once(':') else { return Ok(None) };
    let named = match first.parse::<VolumeName>() {
        Ok(name) => Some(session.find(&name)?).filter(|name| exists(session, name)),
        Err(_) => None,
    };
    let selected = match volume {
        Some(volume) => Some(volume.clone()),
        None => session.pool.meant()?.map(|(volume, _)| volume),
    };
    let revision = first.parse::<Revision>().ok();
    let in_selected = selected.as_ref().zip(revision).filter(|(of, revision)| names(session, of, revision));
    let in_selected = in_selected.map(|(of, revision)| TreePath {
        volume: Some(of.clone()),
        revision,
        path: PathBuf::from(rest),
    });
    let Some(named) = named else {
        let selected = selected.ok_or(Error::NoCurrentVolume)?;
        let unknown = || Error::UnknownOperand { word: first.to_owned(), volume: selected };
        return Ok(Some(in_selected.ok_or_else(unknown)?));
    };
    let in_named = of_volume(&named, rest);
    let Some(in_selected) = in_selected else { return in_named };
    // The word before the colon is a volume, and a branch or tag of the selected volume as well.
    let is_there = |path: &TreePath| ops::open_entry(&session.pool, path).is_ok();
    let works_in_named = match &in_named {
        Ok(Some(path)) => is_there(path),
        Ok(None) => rest.parse().is_ok_and(|revision| names(session, &named, &revision)),
        Err(_) => false,
    };
    match (works_in_named, is_there(&in_selected)) {
        (true, true) => Err(Failure::Usage(format!(
            "'{first}' is both a volume and a commit of volume {}: write VOLUME:REVISION:PATH",
            in_selected.volume.as_ref().expect("it was selected")
        ))),
        (false, true) => Ok(Some(in_selected)),
        (_, false) => in_named,
    }
}

/// Reads `REVISION:PATH` of a volume; `None` for `REVISION`.
fn of_volume(volume: &VolumeName, rest: &str) -> Result<Option<TreePath>, Failure> {
    let Some((revision, path)) = rest.split_once(':') else { return Ok(None) };
    let revision = revision.parse()?;
    Ok(Some(TreePath { volume: Some(volume.clone()), revision, path: PathBuf::from(path) }))
}

fn exists(session: &Session, name: &VolumeName) -> bool {
    session.pool.store().read(|rows| rows.volume(name)).is_ok_and(|found| found.is_some())
}

/// Returns whether `revision` means something in `volume`: a commit, or one whose data is gone.
fn names(session: &Session, volume: &VolumeName, revision: &Revision) -> bool {
    let pool = &session.pool;
    let found = pool.store().read(|rows| pool.resolve(&rows, &existing(&rows, volume)?, revision));
    !matches!(found, Err(Error::UnknownRevision { .. } | Error::NoVolume(_)))
}
