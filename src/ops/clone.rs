//! `clone`: make a volume from a commit of another.

use serde::Serialize;

use super::init::{First, NewVolume, furnish, insert_volume};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, CommitRecord, Revision, Row, RowChange, Verb, VolumeName};
use crate::pool::{Found, Pool, existing};
use crate::sys::disk;

/// A volume that was made from a commit of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cloned {
    /// The new volume.
    pub volume: VolumeName,
    /// Its branch.
    pub branch: BranchName,
    /// Its only commit.
    pub id: CommitId,
    /// The volume that it was made from.
    pub source: VolumeName,
    /// The commit that it was made from.
    pub source_id: CommitId,
}

/// Makes the volume `to` from the commit that `revision` names in `source`: as its working tree and
/// as its first commit. The two volumes share no history and no inode. The current volume stays.
///
/// # Errors
/// When the name is taken, the revision names no commit or one that is too large, or the copy
/// fails. Nothing is left then.
pub fn clone(
    pool: &Pool,
    source: &VolumeName,
    revision: &Revision,
    to: &VolumeName,
) -> Result<Cloned, Error> {
    pool.refuse_elsewhere(to)?;
    clone_as(pool, source, revision, to, First::default())
}

pub(super) fn clone_as(
    pool: &Pool,
    source: &VolumeName,
    revision: &Revision,
    to: &VolumeName,
    first: First,
) -> Result<Cloned, Error> {
    let settings = first.settings(to);
    let First { branch, options, max_size } = first;
    let find = || pool.store().read(|rows| pool.resolve(&rows, &existing(&rows, source)?, revision));
    find()?;
    if pool.store().read(|rows| rows.volume(to))?.is_some() {
        return Err(Error::VolumeExists(to.clone()));
    }
    // The source is locked as well, so that no reset drops the commit meanwhile.
    let mut sessions = pool.begin_whole(Verb::Clone, [to, source])?;
    let session = sessions.take(to);
    let Found { commit, tree, .. } = find()?;
    let tree = pool.layout().full(&tree);
    pool.check_size(to, max_size.as_deref(), &tree)?;
    let id = pool.new_commit_id();
    let (group, staged) = session.intend(format!("clone: {revision} to {to}"), |rows, draft| {
        if rows.volume(to)?.is_some() {
            return Err(Error::VolumeExists(to.clone()));
        }
        let commit = CommitRecord {
            volume: to.clone(),
            id: id.clone(),
            parent: None,
            forgotten: false,
            ..commit.clone()
        };
        let head = Some(id.clone());
        insert_volume(draft, to, &branch, head.clone(), (pool.now(), options));
        draft.change(RowChange::insert(Row::Commit(commit)));
        settings.into_iter().for_each(|change| draft.change(change));
        draft.move_head(head);
        draft.bring_in(layout::volume(to))
    })?;
    pool.check_space([&*tree])?;
    let working_tree = furnish(&staged, &branch)?;
    let kept = staged.join(layout::COMMITS).join(id.as_str());
    disk::make_directory(&kept, layout::PRIVATE_MODE)?;
    pool.copy_tree(&tree, &kept)?;
    let bounds = pool.copy_known(&tree, &working_tree)?;
    let new = NewVolume { volume: to.clone(), branch: branch.clone(), id: id.clone() };
    group.with(new).publish_known(|new| Some(new.look(bounds)))?.finish();
    Ok(Cloned { volume: to.clone(), branch, id, source: commit.volume, source_id: commit.id })
}
