//! Each record against its tree, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Report, Severity};
use crate::layout;
use crate::model::{BranchName, CommitId, CommitRecord, VolumeRecord};
use crate::pool::{Error, Pool};
use crate::sys::disk;

const RESTORE: &str = "restore it from a backup of the pool, or delete the branch or volume that needs it";
const RECORDLESS: &str = "no record names it: move it out of the pool, or delete it when it is not needed";

/// Checks one volume. An operation that runs on it meanwhile is waited for by nobody: what it has
/// in the journal is left out.
pub(super) fn check(pool: &Pool, volume: &VolumeRecord, report: &mut Report) -> Result<(), Error> {
    let name = &volume.name;
    let (branches, commits, busy) = pool.store().read(|rows| {
        let commits = rows.commits(name)?.into_iter().map(|c| (c.id.clone(), c)).collect::<BTreeMap<_, _>>();
        let busy = rows.journal()?.iter().any(|operation| operation.volume == *name);
        Ok::<_, Error>((rows.branches(name)?, commits, busy))
    })?;
    let full = |relative: &Path| pool.layout().full(relative);
    let mut error = |subject: &str, what: &str, remedy: &str| {
        report.add(Severity::Error, Some(name), subject, what, remedy);
    };

    if !branches.iter().any(|branch| branch.name == volume.branch) {
        error(volume.branch.as_str(), "the current branch has no record", "check out another branch");
    }
    for branch in &branches {
        if !full(&layout::working_tree(name, &branch.name)).is_dir() {
            error(branch.name.as_str(), "the working tree of this branch is missing", RESTORE);
        }
        if let Some(head) = branch.head.as_ref().filter(|head| !commits.contains_key(head)) {
            error(branch.name.as_str(), &format!("its head {head} has no record"), RESTORE);
        }
    }
    for commit in commits.values() {
        if !full(&layout::commit_tree(name, &commit.id)).is_dir() {
            error(commit.id.as_str(), "the tree of this commit is missing", RESTORE);
        }
        if let Some(parent) = commit.parent.as_ref().filter(|parent| !commits.contains_key(parent)) {
            error(commit.id.as_str(), &format!("its parent {parent} has no record"), RESTORE);
        }
    }
    if let Some(start) = find_loop(&commits) {
        error(start.as_str(), "its parents lead back to itself", RESTORE);
    }
    let point = disk::read_symlink(&full(&layout::running_point(name)))?;
    if point != Some(layout::running_point_target(&volume.branch)) && !busy {
        let what = format!("the running point does not name the current branch {}", volume.branch);
        error(layout::RUNNING_POINT, &what, "check out another branch and come back");
    }
    if !busy {
        let names: BTreeSet<&BranchName> = branches.iter().map(|branch| &branch.name).collect();
        strangers(pool, volume, &names, &commits, report)?;
    }
    Ok(())
}

fn find_loop(commits: &BTreeMap<CommitId, CommitRecord>) -> Option<CommitId> {
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

/// Trees that no record names.
fn strangers(
    pool: &Pool,
    volume: &VolumeRecord,
    branches: &BTreeSet<&BranchName>,
    commits: &BTreeMap<CommitId, CommitRecord>,
    report: &mut Report,
) -> Result<(), Error> {
    let root = pool.layout().full(&layout::volume(&volume.name));
    for name in disk::names_in(&root.join(layout::BRANCHES))? {
        let text = name.to_string_lossy();
        let known = BranchName::from_directory(&text).is_ok_and(|branch| branches.contains(&branch));
        if !known {
            let subject = format!("{}/{text}", layout::BRANCHES);
            report.add(
                Severity::Warning,
                Some(&volume.name),
                &subject,
                "a tree without a record",
                RECORDLESS,
            );
        }
    }
    for name in disk::names_in(&root.join(layout::COMMITS))? {
        let text = name.to_string_lossy();
        let known = text.parse::<CommitId>().is_ok_and(|id| commits.contains_key(&id));
        if !known {
            let subject = format!("{}/{text}", layout::COMMITS);
            report.add(
                Severity::Warning,
                Some(&volume.name),
                &subject,
                "a tree without a record",
                RECORDLESS,
            );
        }
    }
    Ok(())
}
