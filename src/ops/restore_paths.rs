//! `restore`: bring single paths back into the working tree from a commit.
//!
//! The other paths stay as containers left them. So a copy of the working tree takes its place, in
//! which only these paths are exchanged; undo brings back the whole tree from before.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::capture::Capture;
use super::ls_tree::inside;
use super::protect::refuse_branch;
use super::shown;
use crate::error::Error;
use crate::layout;
use crate::model::{BranchRecord, CommitId, Reach, Revision, Verb, VolumeName};
use crate::pool::{Disruption, Found, Group, Pool, Purpose, current_branch, existing, refuse_other};
use crate::sys::disk;
use crate::sys::tree::{self, PathSet, TreeEntry};

/// A request to bring paths back.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The commit to take them from.
    pub source: Revision,
    /// The paths in the volume; a directory stands for everything in it.
    pub paths: Vec<PathBuf>,
    /// Whether the branch may be protected.
    pub force: bool,
}

/// Paths that were brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathsRestored {
    /// The volume.
    pub volume: VolumeName,
    /// The commit that they came from.
    pub source: CommitId,
    /// The first line of its message.
    pub subject: String,
    /// The paths, as they are in the volume.
    #[serde(serialize_with = "all_printable")]
    pub paths: Vec<PathBuf>,
    /// What became of the containers.
    #[serde(flatten)]
    pub disruption: Disruption,
}

fn all_printable<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| shown(path)))
}

/// Makes paths of the working tree equal to a commit's: what the commit has comes back, what it
/// does not have goes. Everything else stays.
///
/// # Errors
/// When a path is in neither tree, the commit does not exist, a container cannot be held, or the
/// copy fails. Nothing is changed then.
pub fn restore_paths(pool: &Pool, request: &RestoreRequest) -> Result<PathsRestored, Error> {
    let volume = match (&request.volume, &request.source.volume) {
        (None, Some(named)) => named.clone(),
        (volume, _) => pool.select(volume.as_ref())?,
    };
    let find = || {
        pool.store().read(|rows| {
            refuse_other(&rows, &request.source, &volume)?;
            let record = existing(&rows, &volume)?;
            let branch = current_branch(&rows, &record)?;
            if !request.force {
                let action = format!("restore files of branch {} of volume {volume}", branch.name);
                refuse_branch(&rows, &branch, &action)?;
            }
            Ok::<_, Error>((pool.resolve(&rows, &record, &request.source)?, branch))
        })
    };
    // A revision that names nothing is refused before anything is locked.
    find()?;
    pool.on_branch(|reach| restore_now(pool, reach, &volume, request, &find))
}

fn restore_now(
    pool: &Pool,
    reach: Reach,
    volume: &VolumeName,
    request: &RestoreRequest,
    find: &dyn Fn() -> Result<(Found, BranchRecord), Error>,
) -> Result<PathsRestored, Error> {
    let session = pool.begin_with(reach, Verb::Restore, volume)?;
    let (found, branch) = find()?;
    let source = pool.layout().full(&found.tree);
    let working_tree = pool.layout().full(&layout::working_tree(&branch.volume, &branch.name));
    let mut paths = Vec::new();
    for typed in &request.paths {
        let missing = || Error::NoPathAnywhere {
            path: shown(typed),
            volume: volume.clone(),
            id: found.commit.id.clone(),
        };
        let path = inside(typed).ok_or_else(missing)?;
        if TreeEntry::find(&source, &path)?.is_none() && TreeEntry::find(&working_tree, &path)?.is_none() {
            return Err(missing());
        }
        paths.push(path);
    }
    let only = PathSet::new(paths.iter().cloned());
    pool.find_space_for(|| Ok(tree::measure_tree(&working_tree)?.blocks), &[&source])?;
    let named: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    let summary = format!("restore: {} from {}", named.join(" "), request.source);
    let id = found.commit.id.clone();
    let (group, capture) = session.intend(summary, |_, draft| {
        draft.made_of(&id);
        let staged = draft.replace(layout::working_tree(&branch.volume, &branch.name))?;
        Ok(Capture::new(branch, id, (working_tree, staged), ()))
    })?;
    let disruption = exchange_paths(pool, group.with(capture), &source, &only, || Ok(()))?;
    let subject = found.commit.subject().to_owned();
    Ok(PathsRestored { volume: volume.clone(), source: found.commit.id, subject, paths, disruption })
}

/// Puts a copy of the working tree in its place in which the paths `only` are those of `source`,
/// and runs the operation to its end. Calls `check` once no container writes any more.
pub(super) fn exchange_paths(
    pool: &Pool,
    mut group: Group<'_, Capture<()>>,
    source: &Path,
    only: &PathSet,
    check: impl Fn() -> Result<(), Error>,
) -> Result<Disruption, Error> {
    if group.preview(Purpose::Swap)?.holds {
        group.each_mut().try_for_each(|capture| capture.copy_first(pool))?;
        // Written out now, so that containers need not wait for it.
        tree::sync_filesystem(pool.layout().root())?;
    }
    let mut quiesced = group.quiesce(Purpose::Swap)?;
    check()?;
    for capture in quiesced.each_mut() {
        capture.copy_rest(pool)?;
        let scratch = disk::beside(&capture.staged, ".paths");
        disk::make_directory(&scratch, layout::PRIVATE_MODE)?;
        tree::replace_paths(source, &capture.staged, only, &scratch, &pool.copy_options())?;
    }
    Ok(quiesced.publish()?.finish().disruption)
}
