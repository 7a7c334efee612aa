//! Comparing one volume's records with its directories.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Severity;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, TagName, TagRecord, VolumeName, VolumeRecord,
};
use crate::pool::Pool;
use crate::store::Rows;
use crate::sys::disk;
use crate::sys::mounts::MountPoints;
use crate::sys::obstacle::{self, Obstacle};

/// The records of one volume.
#[derive(Debug, Clone, Default)]
pub(super) struct VolumeRecords {
    /// `None` for a directory that no record names.
    pub(super) volume: Option<VolumeRecord>,
    pub(super) branches: BTreeMap<BranchName, BranchRecord>,
    pub(super) commits: BTreeMap<CommitId, CommitRecord>,
    pub(super) tags: BTreeMap<TagName, TagRecord>,
}

impl VolumeRecords {
    /// Reads the records of a volume.
    pub(super) fn of(rows: &Rows<'_>, name: &VolumeName) -> Result<Self, Error> {
        Ok(VolumeRecords {
            volume: rows.volume(name)?,
            branches: rows.branches(name)?.into_iter().map(|branch| (branch.name.clone(), branch)).collect(),
            commits: rows.commits(name)?.into_iter().map(|commit| (commit.id.clone(), commit)).collect(),
            tags: rows.tags(name)?.into_iter().map(|tag| (tag.name.clone(), tag)).collect(),
        })
    }
}

/// A fault of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A directory looks like a volume and has no record.
    Unrecorded,
    /// The volume's directory is missing.
    Gone,
    /// `branches` or `commits` is missing.
    Folder(PathBuf),
    /// The current branch has no record.
    Current(BranchName),
    /// A working tree is missing.
    WorkingTree(BranchName),
    /// A working tree cannot be moved, or is no directory.
    Obstacle(BranchName, Obstacle),
    /// A branch's head has no record.
    Head(BranchName, CommitId),
    /// A tag's commit has no record.
    Tag(TagName, CommitId),
    /// A commit's tree is missing.
    Tree(CommitId),
    /// A commit's parent has no record.
    Parent(CommitId, CommitId),
    /// A commit's parents lead back to it.
    Loop(CommitId),
    /// The running point does not name the current branch.
    RunningPoint,
    /// An entry has no record. The path is relative to the volume.
    Stranger(PathBuf),
    /// A directory has this wrong mode. The path is relative to the volume.
    Mode(PathBuf, u32),
}

impl Fault {
    /// Returns the severity of the fault.
    pub(super) fn severity(&self) -> Severity {
        match self {
            Fault::Unrecorded | Fault::Stranger(_) => Severity::Warning,
            Fault::Obstacle(..) if self.remedy(false).is_none() => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Names what is at fault.
    pub(super) fn subject(&self) -> String {
        match self {
            Fault::Unrecorded | Fault::Gone => "volume".to_owned(),
            Fault::Folder(path) | Fault::Stranger(path) | Fault::Mode(path, _) => path.display().to_string(),
            Fault::Current(branch)
            | Fault::WorkingTree(branch)
            | Fault::Obstacle(branch, _)
            | Fault::Head(branch, _) => branch.to_string(),
            Fault::Tag(tag, _) => tag.to_string(),
            Fault::Tree(id) | Fault::Parent(id, _) | Fault::Loop(id) => id.to_string(),
            Fault::RunningPoint => layout::RUNNING_POINT.to_owned(),
        }
    }

    /// Says what is wrong with the subject.
    pub(super) fn what(&self) -> String {
        match self {
            Fault::Unrecorded => "this volume has no record".to_owned(),
            Fault::Gone => "its directory is missing, with all its commits".to_owned(),
            Fault::Folder(_) => "this directory is missing".to_owned(),
            Fault::Current(_) => "the current branch has no record".to_owned(),
            Fault::WorkingTree(_) => "the working tree of this branch is missing".to_owned(),
            Fault::Obstacle(_, Obstacle::Symlink) => {
                "the working tree of this branch is a symlink, and dvol follows none".to_owned()
            }
            Fault::Obstacle(_, Obstacle::NotADirectory) => {
                "the working tree of this branch is not a directory".to_owned()
            }
            Fault::Obstacle(_, obstacle) => {
                format!("the working tree of this branch cannot be moved: {obstacle}")
            }
            Fault::Head(_, head) => format!("its head {head} has no record or no data"),
            Fault::Tag(_, commit) => format!("its commit {commit} has no record or no data"),
            Fault::Tree(_) => "the tree of this commit is missing".to_owned(),
            Fault::Parent(_, parent) => format!("its parent {parent} has no record"),
            Fault::Loop(_) => "its parents lead back to itself".to_owned(),
            Fault::RunningPoint => "the running point does not name the current branch".to_owned(),
            Fault::Stranger(_) => "no record names it".to_owned(),
            Fault::Mode(_, mode) => format!("its mode is {mode:04o} instead of {:04o}", layout::VOLUME_MODE),
        }
    }

    /// Says what the repair does, in words that follow "dvol fsck --repair"; `None` if only a
    /// person can do something.
    pub(super) fn remedy(&self, adopt: bool) -> Option<&'static str> {
        Some(match self {
            Fault::Unrecorded => "makes records for what it holds",
            Fault::Gone => "forgets it; if there is a backup of the pool, restore it first",
            Fault::Folder(_) => "makes it",
            Fault::Current(_) => "makes the branch of the running point current, or else the first branch",
            Fault::Obstacle(_, Obstacle::Symlink | Obstacle::NotADirectory) => {
                "moves it to .dvol/lost+found and makes a tree from the head of the branch, or empty"
            }
            Fault::Obstacle(..) => return None,
            Fault::WorkingTree(_) => "makes it from the head of the branch, or empty",
            Fault::Head(..) | Fault::Tag(..) => "sets it to the nearest ancestor that exists, or to none",
            Fault::Tree(_) => "forgets the commit; if there is a backup of the pool, restore the tree first",
            Fault::Parent(..) | Fault::Loop(_) => "makes it a commit without a parent",
            Fault::RunningPoint => "makes it name that branch",
            Fault::Stranger(_) if adopt => "makes a record for it, or moves it to .dvol/lost+found",
            Fault::Stranger(_) => "moves it to .dvol/lost+found",
            Fault::Mode(..) => "gives it the right one",
        })
    }
}

/// Says how a person frees what is at `path`, which only a person can free.
pub(super) fn freeing(obstacle: &Obstacle, path: &Path) -> String {
    let path = path.display();
    match obstacle {
        Obstacle::Immutable => format!("run chattr -i {path}"),
        Obstacle::AppendOnly => format!("run chattr -a {path}"),
        Obstacle::ReadOnly => format!("run btrfs property set -ts {path} ro false"),
        _ => format!("run umount {path}"),
    }
}

/// Finds all faults of the volume `name`.
pub(super) fn survey(pool: &Pool, name: &VolumeName, records: &VolumeRecords) -> Result<Vec<Fault>, Error> {
    let root = pool.layout().full(&layout::volume(name));
    let Some(volume) = &records.volume else { return Ok(vec![Fault::Unrecorded]) };
    if !root.is_dir() {
        return Ok(vec![Fault::Gone]);
    }
    let mut faults = Vec::new();
    for folder in ["", layout::BRANCHES, layout::COMMITS] {
        match std::fs::symlink_metadata(root.join(folder)) {
            Ok(found) if found.is_dir() => {
                let mode = found.permissions().mode() & 0o7777;
                if mode != layout::VOLUME_MODE {
                    let name = if folder.is_empty() { "." } else { folder };
                    faults.push(Fault::Mode(PathBuf::from(name), mode));
                }
            }
            _ => faults.push(Fault::Folder(PathBuf::from(folder))),
        }
    }
    let full = |relative: &Path| pool.layout().full(relative);
    let is_recorded = |id: &CommitId| records.commits.contains_key(id);
    let has_data = |id: &CommitId| records.commits.get(id).is_some_and(|commit| !commit.forgotten);
    if !records.branches.contains_key(&volume.branch) {
        faults.push(Fault::Current(volume.branch.clone()));
    }
    let mounts = MountPoints::default();
    for branch in records.branches.values() {
        let tree = full(&layout::working_tree(name, &branch.name));
        if disk::inode(&tree)?.is_none() {
            faults.push(Fault::WorkingTree(branch.name.clone()));
        } else if let Some(obstacle) = obstacle::of_directory(&tree, &mounts)? {
            faults.push(Fault::Obstacle(branch.name.clone(), obstacle));
        }
        if let Some(head) = branch.head.as_ref().filter(|head| !has_data(head)) {
            faults.push(Fault::Head(branch.name.clone(), head.clone()));
        }
    }
    for tag in records.tags.values().filter(|tag| !has_data(&tag.commit)) {
        faults.push(Fault::Tag(tag.name.clone(), tag.commit.clone()));
    }
    for commit in records.commits.values() {
        if !commit.forgotten && !disk::is_directory(&full(&layout::commit_tree(name, &commit.id)))? {
            faults.push(Fault::Tree(commit.id.clone()));
        }
        if let Some(parent) = commit.parent.as_ref().filter(|parent| !is_recorded(parent)) {
            faults.push(Fault::Parent(commit.id.clone(), parent.clone()));
        }
    }
    faults.extend(find_loop(&records.commits).map(Fault::Loop));
    let point = disk::read_symlink(&full(&layout::running_point(name)))?;
    if point != Some(layout::running_point_target_of(volume)) {
        faults.push(Fault::RunningPoint);
    }
    faults.extend(strangers(&root, records)?.into_iter().map(Fault::Stranger));
    Ok(faults)
}

/// Finds a commit that is among its own ancestors.
pub(super) fn find_loop(commits: &BTreeMap<CommitId, CommitRecord>) -> Option<CommitId> {
    let mut cleared = BTreeSet::new();
    for start in commits.keys() {
        let mut path = BTreeSet::new();
        let mut next = Some(start);
        while let Some(id) = next.filter(|id| !cleared.contains(*id)) {
            if !path.insert(id) {
                return Some(id.clone());
            }
            next = commits.get(id).and_then(|commit| commit.parent.as_ref());
        }
        cleared.extend(path);
    }
    None
}

/// Lists what lies in a volume's directory and has no record.
pub(super) fn strangers(root: &Path, records: &VolumeRecords) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut look = |folder: &str, is_known: &dyn Fn(&str) -> bool| {
        for name in disk::names_in(&root.join(folder))? {
            if !name.to_str().is_some_and(is_known) {
                found.push(
                    PathBuf::from(if folder.is_empty() { OsString::new() } else { folder.into() }).join(name),
                );
            }
        }
        Ok::<_, Error>(())
    };
    look("", &|name| {
        matches!(
            name,
            layout::BRANCHES | layout::COMMITS | layout::RUNNING_POINT | layout::OLDER_CURRENT_BRANCH
        )
    })?;
    look(layout::BRANCHES, &|name| {
        let is_older =
            || name.ends_with(layout::OLDER_COMMITS) && root.join(layout::BRANCHES).join(name).is_file();
        is_older()
            || BranchName::from_directory(name).is_ok_and(|branch| records.branches.contains_key(&branch))
    })?;
    look(layout::COMMITS, &|name| {
        name.parse::<CommitId>().is_ok_and(|id| records.commits.contains_key(&id))
    })?;
    Ok(found)
}
