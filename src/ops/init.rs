//! `init`: make a volume with its first branch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, Instant, Row, RowChange, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{Look, MAX_SIZE, PlanBuilder, Pool};
use crate::sys::disk;
use crate::sys::tree::Bounds;

/// A new volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Its name.
    pub volume: VolumeName,
    /// Its first branch.
    pub branch: BranchName,
}

/// Makes a volume, and makes it the current one.
///
/// # Errors
/// When the name is taken, here or in the engine by another driver, or the pool cannot be written.
pub fn init(pool: &Pool, name: &VolumeName) -> Result<Created, Error> {
    pool.refuse_elsewhere(name)?;
    make(pool, name, First::default(), true)
}

/// What a new volume starts with.
pub(super) struct First {
    /// Its first branch.
    pub(super) branch: BranchName,
    /// The options that the engine gave the driver.
    pub(super) options: BTreeMap<String, String>,
    /// Its own `volume.max-size`.
    pub(super) max_size: Option<String>,
}

impl Default for First {
    fn default() -> Self {
        First { branch: BranchName::master(), options: BTreeMap::new(), max_size: None }
    }
}

impl First {
    /// The settings that a volume of that name starts with.
    pub(super) fn settings(&self, volume: &VolumeName) -> Option<RowChange> {
        let value = self.max_size.clone()?;
        let key = MAX_SIZE.to_owned();
        Some(RowChange::insert(Row::Setting { volume: volume.clone(), key, value }))
    }
}

/// A volume that is being made from a commit.
pub(super) struct NewVolume {
    pub(super) volume: VolumeName,
    pub(super) branch: BranchName,
    pub(super) id: CommitId,
}

impl NewVolume {
    /// Describes the working tree, which equals the commit since `bounds`.
    pub(super) fn look(&self, bounds: Bounds) -> Look<'_> {
        let NewVolume { volume, branch, id } = self;
        Look { volume, branch, commit: id, parent: None, bounds, exchanged: None }
    }
}

pub(super) fn make(
    pool: &Pool,
    name: &VolumeName,
    first: First,
    becomes_current: bool,
) -> Result<Created, Error> {
    let settings = first.settings(name);
    let First { branch, options, .. } = first;
    let session = pool.begin(Verb::Init, name)?;
    let (group, staged) = session.intend(format!("init: {name}"), |rows, draft| {
        if rows.volume(name)?.is_some() {
            return Err(Error::VolumeExists(name.clone()));
        }
        let created = pool.now();
        insert_volume(draft, name, &branch, None, (created, options));
        settings.into_iter().for_each(|change| draft.change(change));
        if becomes_current {
            let before = rows.current_volume()?.map(Row::CurrentVolume);
            draft.change(RowChange { before, after: Some(Row::CurrentVolume(name.clone())) });
        }
        draft.bring_in(layout::volume(name))
    })?;
    furnish(&staged, &branch)?;
    group.publish()?.finish();
    Ok(Created { volume: name.clone(), branch })
}

/// Inserts the records of a new volume and of its only branch.
pub(super) fn insert_volume(
    draft: &mut PlanBuilder<'_>,
    volume: &VolumeName,
    branch: &BranchName,
    head: Option<CommitId>,
    (created, options): (Instant, BTreeMap<String, String>),
) {
    let name = volume.clone();
    let record = VolumeRecord { options, ..VolumeRecord::new(name, created, branch.clone()) };
    let (volume, name) = (volume.clone(), branch.clone());
    let branch = BranchRecord { volume, name, head, created, protected: false };
    draft.change(RowChange::insert(Row::Volume(record)));
    draft.change(RowChange::insert(Row::Branch(branch)));
}

/// Makes what every volume has in its staged directory. Gives the empty working tree of `branch`.
pub(super) fn furnish(staged: &Path, branch: &BranchName) -> Result<PathBuf, Error> {
    disk::set_mode(staged, layout::VOLUME_MODE)?;
    disk::make_directory(&staged.join(layout::BRANCHES), layout::VOLUME_MODE)?;
    disk::make_directory(&staged.join(layout::COMMITS), layout::VOLUME_MODE)?;
    let tree = staged.join(layout::BRANCHES).join(branch.to_directory());
    disk::make_directory(&tree, layout::WORKING_TREE_MODE)?;
    disk::make_symlink(&layout::running_point_target(branch), &staged.join(layout::RUNNING_POINT))?;
    Ok(tree)
}
