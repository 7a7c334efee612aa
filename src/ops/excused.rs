//! Tells the user's changes from others: what containers wrote while dvol started them, and what
//! the setting `status.ignore` names. Such files are committed and reset like all others.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::status::compare;
use crate::error::Error;
use crate::model::{CommitId, Globs, HoldMode, VolumeName, VolumeRecord};
use crate::pool::{Disruption, Pool, Setting, StartMarks, existing};

/// Why a change does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    /// Containers wrote it while dvol started them.
    Started,
    /// The setting names it.
    Ignored,
}

/// What does not count as a change of one working tree.
pub(super) struct Excuses {
    marks: StartMarks,
    globs: Globs,
}

impl Excuses {
    pub(super) fn of(pool: &Pool, record: &VolumeRecord, head: Option<&CommitId>) -> Result<Self, Error> {
        let setting = Setting::find("status.ignore")?;
        let text = pool.store().read(|rows| setting.value(&rows, Some(&record.name)))?;
        let damaged = || Error::Damaged(format!("setting status.ignore: '{text}'"));
        let globs = Globs::parse(&text).ok_or_else(damaged)?;
        let marks = head.map(|head| pool.start_marks(record.owner(), &record.branch, head));
        Ok(Excuses { marks: marks.unwrap_or_default(), globs })
    }

    /// Returns whether every change counts.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.globs.is_empty()
    }

    pub(super) fn find(&self, path: &Path) -> Option<Excuse> {
        if self.globs.matches(path) {
            return Some(Excuse::Ignored);
        }
        self.marks.has(path).then_some(Excuse::Started)
    }
}

/// Marks what containers have changed in working trees since dvol started them: each of these
/// volumes' working trees equalled its head before. The containers are ready by now, as far as a
/// check tells.
pub(super) fn note_starts<'v>(
    pool: &Pool,
    volumes: impl IntoIterator<Item = &'v VolumeName>,
    disruption: &Disruption,
) {
    let starts = |hold| matches!(hold, HoldMode::Stop | HoldMode::Kill | HoldMode::Restart);
    if !disruption.containers.iter().any(|held| starts(held.hold)) {
        return;
    }
    for volume in volumes {
        // Without marks, `checkout` and `status` are only stricter.
        let _ = note_start(pool, volume);
    }
}

fn note_start(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    let now = || {
        pool.store().read(|rows| {
            let last = rows.operations(volume, 1)?.first().map(|operation| operation.number);
            Ok::<_, Error>((existing(&rows, volume)?, last))
        })
    };
    let before = now()?;
    let record = &before.0;
    let (head, paths) = pool.read_consistently(record.owner(), &record.branch, || differing(pool, record))?;
    // Another operation may have changed the tree meanwhile.
    if let Some(head) = head
        && now()? == before
    {
        pool.mark_started((record.owner(), &record.branch), &head, &paths)?;
    }
    Ok(())
}

/// Marks what containers wrote when dvol stopped them into a working tree that the caller has
/// locked. It had no changes that count before.
pub(super) fn note_stop(pool: &Pool, record: &VolumeRecord) {
    // Without marks, `checkout` and `status` are only stricter.
    if let Ok((Some(head), paths)) = differing(pool, record) {
        let _ = pool.mark_started((record.owner(), &record.branch), &head, &paths);
    }
}

/// Lists all entries that differ from the head.
fn differing(pool: &Pool, record: &VolumeRecord) -> Result<(Option<CommitId>, Vec<PathBuf>), Error> {
    let mut paths = Vec::new();
    let head = compare(pool, record, false, None, &mut |change| {
        paths.push(change.path);
        ControlFlow::Continue(())
    })?;
    Ok((head, paths))
}
