//! Repairing a volume in one operation, which is journalled as any other: a crash leaves all of it
//! or nothing, and `dvol undo` takes it back.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::survey::{VolumeRecords, find_loop, strangers};
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, Instant, Row, RowChange, Signature, TagName, TagRecord,
    Verb, VolumeName, VolumeRecord,
};
use crate::pool::{PlanBuilder, Pool};
use crate::sys::disk;

/// Author of a commit whose record is lost.
const UNKNOWN_AUTHOR: &str = "unknown";
/// Message of a commit whose record is lost.
const LOST_MESSAGE: &str = "Found by fsck; its message is lost";

/// A missing working tree, to be made again.
struct MissingTree {
    place: PathBuf,
    head: Option<CommitId>,
}

/// Repairs the volume. With `adopt`, makes records for directories that look like branches or
/// commits. All else that no record names moves to lost+found.
pub(super) fn mend(pool: &Pool, name: &VolumeName, adopt: bool) -> Result<(), Error> {
    let session = pool.begin(Verb::Repair, name)?;
    let root = pool.layout().full(&layout::volume(name));
    let is_gone = !root.is_dir();
    if !is_gone {
        for folder in ["", layout::BRANCHES, layout::COMMITS] {
            disk::ensure_directory(&root.join(folder), layout::VOLUME_MODE)?;
            disk::set_mode(&root.join(folder), layout::VOLUME_MODE)?;
        }
    }
    let (group, fresh) = session.intend(format!("fsck --repair: {name}"), |rows, draft| {
        let before = VolumeRecords::of(rows, name)?;
        if is_gone {
            draft.forget_name(rows, name)?;
            change(draft, &before, &VolumeRecords::default());
            draft.move_head(None);
            return Ok(Vec::new());
        }
        let mut mender = Mender { pool, name, root: &root, now: before.clone() };
        let strange = mender.adopt(adopt)?;
        mender.commits()?;
        mender.heads();
        let fresh = mender.branches(draft)?;
        for relative in strange {
            draft.set_aside(layout::volume(name).join(relative))?;
        }
        change(draft, &before, &mender.now);
        let current = mender.now.volume.as_ref().and_then(|volume| mender.now.branches.get(&volume.branch));
        draft.move_head(current.and_then(|branch| branch.head.clone()));
        Ok(fresh)
    })?;
    for MissingTree { place, head } in fresh {
        match head {
            Some(head) => {
                let source = pool.layout().full(&layout::commit_tree(name, &head));
                pool.copy_tree(&source, &place)?;
            }
            None => disk::set_mode(&place, layout::WORKING_TREE_MODE)?,
        }
    }
    group.publish()?.finish();
    Ok(())
}

/// Returns when a tree was moved to its place.
fn since(path: &Path) -> Instant {
    let changed = std::fs::symlink_metadata(path)
        .map_or(0, |found| found.ctime() * 1_000_000 + found.ctime_nsec() / 1000);
    Instant { micros: changed, offset: 0 }
}

/// Works out the records that the volume should have.
struct Mender<'m> {
    pool: &'m Pool,
    name: &'m VolumeName,
    root: &'m Path,
    now: VolumeRecords,
}

impl Mender<'_> {
    /// Makes records for entries that have none, if `adopt` is set. Returns those that stay
    /// without.
    fn adopt(&mut self, adopt: bool) -> Result<Vec<PathBuf>, Error> {
        let mut strange = strangers(self.root, &self.now)?;
        if !adopt {
            return Ok(strange);
        }
        let mut commits = Vec::new();
        strange.retain(|relative| {
            let path = self.root.join(relative);
            let name = relative.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !path.is_dir() || path.is_symlink() {
                return true;
            }
            if relative.starts_with(layout::COMMITS)
                && let Ok(id) = name.parse::<CommitId>()
            {
                commits.push((since(&path), id));
                return false;
            }
            if relative.starts_with(layout::BRANCHES)
                && let Ok(name) = BranchName::from_directory(name)
            {
                let volume = self.name.clone();
                let branch = BranchRecord {
                    volume,
                    name: name.clone(),
                    head: None,
                    created: since(&path),
                    protected: false,
                };
                self.now.branches.insert(name, branch);
                return false;
            }
            true
        });
        commits.sort();
        let mut parent = None;
        for (date, id) in commits {
            let author = Signature { name: UNKNOWN_AUTHOR.to_owned(), email: String::new() };
            let (volume, message) = (self.name.clone(), LOST_MESSAGE.to_owned());
            let record = CommitRecord {
                volume,
                id: id.clone(),
                parent,
                message,
                author,
                date,
                code: None,
                size: None,
                forgotten: false,
                made_on: None,
            };
            self.now.commits.insert(id.clone(), record);
            parent = Some(id);
        }
        if let Some(newest) = parent {
            self.keep_reachable(newest);
        }
        Ok(strange)
    }

    /// Keeps the newest of the found commits reachable, by a branch or a tag.
    fn keep_reachable(&mut self, newest: CommitId) {
        let mut branches = self.now.branches.values_mut();
        if let (Some(only), None) = (branches.next(), branches.next())
            && only.head.is_none()
        {
            only.head = Some(newest);
            return;
        }
        let free = |name: &TagName| {
            !self.now.tags.contains_key(name)
                && !self.now.branches.keys().any(|b| b.as_str() == name.as_str())
        };
        let names = (1..).filter_map(|n| format!("found-{n}").parse::<TagName>().ok());
        let Some(name) = names.into_iter().find(free) else { return };
        let tag = TagRecord {
            volume: self.name.clone(),
            name: name.clone(),
            commit: newest,
            created: self.pool.now(),
            tagger: Signature { name: "dvol fsck".to_owned(), email: String::new() },
            message: "The newest of the commits that no record named".to_owned(),
            protected: false,
        };
        self.now.tags.insert(name, tag);
    }

    /// Forgets commits that have no tree, and parents that have no record.
    fn commits(&mut self) -> Result<(), Error> {
        let mut gone: BTreeMap<CommitId, Option<CommitId>> = BTreeMap::new();
        for commit in self.now.commits.values() {
            let tree = layout::commit_tree(self.name, &commit.id);
            if !commit.forgotten && !disk::is_directory(&self.pool.layout().full(&tree))? {
                gone.insert(commit.id.clone(), commit.parent.clone());
            }
        }
        self.now.commits.retain(|id, _| !gone.contains_key(id));
        let recorded: BTreeSet<CommitId> = self.now.commits.keys().cloned().collect();
        // Finds the nearest ancestor that exists, for a branch or a tag one that has data.
        let nearest = |mut id: Option<CommitId>, skipped: &BTreeMap<CommitId, Option<CommitId>>| {
            let mut seen = BTreeSet::new();
            while let Some(lost) =
                id.as_ref().filter(|id| !recorded.contains(*id) || skipped.contains_key(*id))
            {
                let next = gone.get(lost).or_else(|| skipped.get(lost));
                id = if seen.insert(lost.clone()) { next.cloned().flatten() } else { None };
            }
            id
        };
        for commit in self.now.commits.values_mut() {
            commit.parent = nearest(commit.parent.take(), &BTreeMap::new());
        }
        let forgotten = self.now.commits.values().filter(|commit| commit.forgotten);
        let forgotten = forgotten.map(|commit| (commit.id.clone(), commit.parent.clone())).collect();
        for branch in self.now.branches.values_mut() {
            branch.head = nearest(branch.head.take(), &forgotten);
        }
        self.now.tags.retain(|_, tag| match nearest(Some(tag.commit.clone()), &forgotten) {
            Some(commit) => {
                tag.commit = commit;
                true
            }
            None => false,
        });
        while let Some(start) = find_loop(&self.now.commits) {
            if let Some(commit) = self.now.commits.get_mut(&start) {
                commit.parent = None;
            }
        }
        Ok(())
    }

    /// Makes a record of the volume and of its current branch, if they are missing.
    fn heads(&mut self) {
        let pointed = disk::read_symlink(&self.root.join(layout::RUNNING_POINT)).ok().flatten();
        let pointed =
            pointed.and_then(|target| BranchName::from_directory(target.file_name()?.to_str()?).ok());
        let volume = self.now.volume.take().unwrap_or_else(|| {
            let branch = pointed.clone().unwrap_or_else(BranchName::master);
            VolumeRecord::new(self.name.clone(), since(self.root), branch)
        });
        let is_there = |name: &BranchName| self.now.branches.contains_key(name);
        let named = [Some(volume.branch.clone()), pointed].into_iter().flatten().find(is_there);
        let branch =
            named.or_else(|| self.now.branches.keys().next().cloned()).unwrap_or(volume.branch.clone());
        self.now.branches.entry(branch.clone()).or_insert_with(|| BranchRecord {
            volume: self.name.clone(),
            name: branch.clone(),
            head: None,
            created: volume.created,
            protected: false,
        });
        self.now.volume = Some(VolumeRecord { branch, ..volume });
    }

    /// Plans the missing working trees and the running point.
    fn branches(&self, draft: &mut PlanBuilder<'_>) -> Result<Vec<MissingTree>, Error> {
        let mut fresh = Vec::new();
        for branch in self.now.branches.values() {
            let place = layout::working_tree(self.name, &branch.name);
            let full = self.pool.layout().full(&place);
            if disk::is_directory(&full)? {
                continue;
            }
            if disk::inode(&full)?.is_some() {
                draft.set_aside(place.clone())?;
            }
            fresh.push(MissingTree { place: draft.bring_in(place)?, head: branch.head.clone() });
        }
        let Some(volume) = &self.now.volume else { return Ok(fresh) };
        let (place, target) = (layout::running_point(self.name), layout::running_point_target_of(volume));
        let full = self.pool.layout().full(&place);
        if disk::read_symlink(&full)? != Some(target.clone()) {
            if full.is_symlink() {
                draft.point(place, &target)?;
            } else {
                if disk::inode(&full)?.is_some() {
                    draft.set_aside(place.clone())?;
                }
                draft.bring_link(place, &target)?;
            }
        }
        Ok(fresh)
    }
}

/// Plans the changes that lead from `before` to `after`.
fn change(draft: &mut PlanBuilder<'_>, before: &VolumeRecords, after: &VolumeRecords) {
    fn each<K: Ord + Clone, R: Clone + PartialEq>(
        before: &BTreeMap<K, R>,
        after: &BTreeMap<K, R>,
        row: impl Fn(R) -> Row,
        draft: &mut PlanBuilder<'_>,
    ) {
        let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let (before, after) = (before.get(key), after.get(key));
            if before != after {
                draft
                    .change(RowChange { before: before.cloned().map(&row), after: after.cloned().map(&row) });
            }
        }
    }
    each(&before.branches, &after.branches, Row::Branch, draft);
    each(&before.commits, &after.commits, Row::Commit, draft);
    each(&before.tags, &after.tags, Row::Tag, draft);
    if before.volume != after.volume {
        let (before, after) = (before.volume.clone(), after.volume.clone());
        draft.change(RowChange { before: before.map(Row::Volume), after: after.map(Row::Volume) });
    }
}
