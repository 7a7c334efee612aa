//! What a plan may not do to the worktrees of its volume, and to operations beside it.
//!
//! A branch is checked out in one place only, by the volume or by one worktree of it. Its working
//! tree and its head change from there: containers of another place would not be held.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::locks::others;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, Move, Operation, Plan, Row, RowChange, Verb, VolumeName, VolumeRecord,
};
use crate::pool::PlanBuilder;
use crate::store::Rows;

/// Refuses a plan after which two places have one branch checked out, or a place has none; and one
/// that changes a branch which another place than `name` has checked out.
///
/// # Errors
/// [`Error::CheckedOut`]; and when the metadata cannot be read.
pub(super) fn check_worktrees(
    rows: &Rows<'_>,
    (owner, name): (&VolumeName, &VolumeName),
    verb: Verb,
    plan: &Plan,
) -> Result<(), Error> {
    // A renamed volume takes all its rows along, and fsck repairs what is wrong anywhere.
    if plan.renames.is_some() || verb == Verb::Repair {
        return Ok(());
    }
    let before = rows.worktrees(owner)?;
    let mut after: BTreeMap<&VolumeName, &VolumeRecord> =
        before.iter().map(|record| (&record.name, record)).collect();
    for change in &plan.changes {
        match (&change.before, &change.after) {
            (_, Some(Row::Volume(record))) if record.owner() == owner => {
                after.insert(&record.name, record);
            }
            (Some(Row::Volume(record)), None) => {
                after.remove(&record.name);
            }
            _ => {}
        }
    }
    if before.len() < 2 && after.len() < 2 {
        return Ok(());
    }
    let taken = |branch: &BranchName, place: &VolumeName| Error::CheckedOut {
        volume: owner.clone(),
        branch: branch.clone(),
        place: place.clone(),
    };
    let mut places: BTreeMap<&BranchName, &VolumeName> = BTreeMap::new();
    for (place, record) in &after {
        if let Some(other) = places.insert(&record.branch, place) {
            return Err(taken(&record.branch, if other == name { place } else { other }));
        }
    }
    let deleted = plan.changes.iter().filter_map(|change| match (&change.before, &change.after) {
        (Some(Row::Branch(branch)), None) if branch.volume == *owner => Some(&branch.name),
        _ => None,
    });
    for branch in deleted {
        if let Some(place) = places.get(branch) {
            return Err(taken(branch, place));
        }
    }
    for record in before.iter().filter(|record| record.name != *name) {
        if changes_branch(plan, owner, &record.branch) {
            return Err(taken(&record.branch, &record.name));
        }
    }
    Ok(())
}

/// Returns whether a plan changes the working tree or the head of a branch. To rename it is
/// neither.
fn changes_branch(plan: &Plan, owner: &VolumeName, name: &BranchName) -> bool {
    let tree = layout::working_tree(owner, name);
    let replaces = |step: &Move| match step {
        Move::Exchange { place, .. } | Move::ExchangeEntries { place, .. } => *place == tree,
        Move::Rename { .. } => false,
    };
    let is_it = |branch: &BranchRecord| branch.volume == *owner && branch.name == *name;
    let moves = |change: &RowChange| match (&change.before, &change.after) {
        (Some(Row::Branch(before)), Some(Row::Branch(after))) => {
            is_it(before) && is_it(after) && before.head != after.head
        }
        _ => false,
    };
    plan.install.iter().any(replaces) || plan.changes.iter().any(moves)
}

/// Refuses a plan that meets that of an operation on another worktree, as the two run side by side.
///
/// # Errors
/// [`Error::Overlaps`]; and when the journal cannot be read.
pub(super) fn check_overlaps(
    rows: &Rows<'_>,
    (owner, name): (&VolumeName, &VolumeName),
    draft: &PlanBuilder<'_>,
) -> Result<(), Error> {
    let others = others(rows, owner, name)?;
    if others.is_empty() {
        return Ok(());
    }
    let own = Needs::of(&draft.plan, draft.head_after.as_ref().and_then(Option::as_ref));
    let theirs = |other: &Operation| Needs::of(&other.plan, other.head_after.as_ref()).meets(&own);
    let meets = takes_from_trash(&draft.plan) || moves_place(&draft.plan) || others.iter().any(theirs);
    if meets { Err(Error::Overlaps(owner.clone())) } else { Ok(()) }
}

/// Returns whether a plan brings something back from trash: with it may come commits that no row
/// says are needed.
fn takes_from_trash(plan: &Plan) -> bool {
    let is_there = |place: &Path| place.starts_with(layout::TRASH);
    plan.install.iter().any(|step| matches!(step, Move::Rename { from, .. } if is_there(from)))
}

/// Returns whether a plan checks out another branch, as a rollback may: two places must not take
/// one branch at the same time.
fn moves_place(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| matches!(change.after, Some(Row::Volume(_))))
}

/// What an operation needs to be left alone.
#[derive(Default)]
struct Needs {
    /// The rows that it changes, by their keys.
    rows: BTreeSet<(&'static str, String)>,
    /// The commits that it drops or forgets.
    goes: BTreeSet<CommitId>,
    /// The commits that it leads a branch or a tag to, or copies.
    stays: BTreeSet<CommitId>,
}

impl Needs {
    fn of(plan: &Plan, head: Option<&CommitId>) -> Self {
        let mut needs = Needs::default();
        needs.stays.extend(plan.made_of.iter().chain(head).cloned());
        for change in &plan.changes {
            let Some(row) = change.after.as_ref().or(change.before.as_ref()) else { continue };
            needs.rows.extend(key(row));
            match (&change.before, &change.after) {
                (Some(Row::Commit(commit)), None) => {
                    needs.goes.insert(commit.id.clone());
                }
                (Some(Row::Commit(_)), Some(Row::Commit(commit))) if commit.forgotten => {
                    needs.goes.insert(commit.id.clone());
                }
                (_, Some(Row::Commit(commit))) => needs.stays.extend(commit.parent.clone()),
                (_, Some(Row::Branch(branch))) => needs.stays.extend(branch.head.clone()),
                (_, Some(Row::Tag(tag))) => {
                    needs.stays.insert(tag.commit.clone());
                }
                _ => {}
            }
        }
        needs
    }

    fn meets(&self, other: &Needs) -> bool {
        !self.rows.is_disjoint(&other.rows)
            || !self.goes.is_disjoint(&other.stays)
            || !self.stays.is_disjoint(&other.goes)
    }
}

/// Returns the key of a row; `None` for the current volume, whose last writer wins.
fn key(row: &Row) -> Option<(&'static str, String)> {
    Some(match row {
        Row::Volume(volume) => ("volume", volume.name.to_string()),
        Row::Branch(branch) => ("branch", branch.name.to_string()),
        Row::Commit(commit) => ("commit", commit.id.to_string()),
        Row::Tag(tag) => ("tag", tag.name.to_string()),
        Row::Setting { volume, key, .. } => ("setting", format!("{volume} {key}")),
        Row::CurrentVolume(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CommitRecord, Instant, Signature};

    fn id(digit: char) -> CommitId {
        digit.to_string().repeat(32).parse().unwrap()
    }

    fn commit(digit: char) -> Row {
        Row::Commit(CommitRecord {
            volume: "db".parse().unwrap(),
            id: id(digit),
            parent: None,
            message: String::new(),
            author: Signature { name: "Ada".to_owned(), email: String::new() },
            date: Instant { micros: 0, offset: 0 },
            code: None,
            size: None,
            forgotten: false,
            made_on: None,
        })
    }

    fn branch(name: &str, head: char) -> Row {
        let created = Instant { micros: 0, offset: 0 };
        let (volume, name) = ("db".parse().unwrap(), name.parse().unwrap());
        Row::Branch(BranchRecord { volume, name, head: Some(id(head)), created, protected: false })
    }

    fn reset(name: &str, from: char, to: char, dropped: &[char]) -> Plan {
        let mut plan = Plan::default();
        plan.changes.push(RowChange::update(branch(name, from), branch(name, to)));
        plan.changes.extend(dropped.iter().map(|digit| RowChange::delete(commit(*digit))));
        plan
    }

    fn meet(one: &Plan, other: &Plan) -> bool {
        let met = Needs::of(one, None).meets(&Needs::of(other, None));
        assert_eq!(met, Needs::of(other, None).meets(&Needs::of(one, None)));
        met
    }

    #[test]
    fn resets_of_two_branches_meet_only_if_one_drops_what_the_other_needs() {
        assert!(!meet(&reset("a", '1', '1', &[]), &reset("b", '1', '1', &[])));
        assert!(!meet(&reset("a", '2', '1', &['2']), &reset("b", '3', '1', &['3'])));
        assert!(meet(&reset("a", '2', '1', &['2']), &reset("b", '3', '2', &['3'])));
        assert!(meet(&reset("a", '2', '1', &['2']), &reset("b", '2', '1', &['2'])));
        assert!(meet(&reset("a", '2', '1', &[]), &reset("a", '2', '1', &[])));
    }

    #[test]
    fn only_a_change_of_the_tree_or_the_head_changes_a_branch() {
        let (owner, name) = ("db".parse().unwrap(), "a".parse().unwrap());
        assert!(changes_branch(&reset("a", '2', '1', &[]), &owner, &name));
        assert!(!changes_branch(&reset("b", '2', '1', &[]), &owner, &name));
        let mut renamed = Plan::default();
        renamed.changes.push(RowChange::delete(branch("a", '1')));
        renamed.changes.push(RowChange::insert(branch("c", '1')));
        assert!(!changes_branch(&renamed, &owner, &name));
    }
}
