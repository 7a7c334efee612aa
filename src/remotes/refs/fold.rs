//! The refs of a repository, folded from moves.
//!
//! A *move* says "ref R of volume V is now commit C, in place of moves M1…" and never changes once
//! it is written. The value of a ref is every move that no other move replaces: one as a rule, none
//! where there is no such ref, several where pushes crossed. The set of moves only grows, so no
//! order, clock or condition of the place matters, and no commit that a ref had is lost: whatever
//! is not replaced is a head.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{CommitId, Instant, RefName, Signature, VolumeName};

/// Why a ref was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// A push, to a commit that descends from the one before.
    Push,
    /// A push that gave up the commit before.
    Force,
    /// The ref was deleted.
    Delete,
}

/// What an annotated tag says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagNote {
    /// The tag's message; may be empty.
    pub message: String,
    /// The tagger.
    pub tagger: Signature,
    /// When the tag was made.
    pub created: Instant,
}

/// One move of a ref.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefMove {
    /// Its id, made at random.
    pub id: String,
    /// The ref.
    #[serde(rename = "ref")]
    pub reference: RefName,
    /// The commit; `None` if the ref was deleted.
    pub to: Option<CommitId>,
    /// The moves that it takes the place of.
    pub replaces: Vec<String>,
    /// The person and the host that moved it, for people.
    pub by: String,
    /// When, by that host's clock; decides nothing.
    pub date: Instant,
    /// What the tag says, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagNote>,
    /// Why.
    pub reason: MoveReason,
}

/// The refs of one volume: of each, the moves that none replaces, sorted by id.
pub(super) type Refs = BTreeMap<RefName, Vec<RefMove>>;

/// Folds the moves of one volume. A ref that was deleted, and not moved since, is not in the
/// result.
pub(in crate::remotes) fn fold<'m>(moves: impl IntoIterator<Item = &'m RefMove>) -> Refs {
    let mut refs = Refs::new();
    for (reference, moves) in by_ref(moves) {
        let heads = heads(&moves);
        if heads.iter().any(|head| head.to.is_some()) {
            refs.insert(reference.clone(), heads.into_iter().cloned().collect());
        }
    }
    refs
}

/// Returns the moves that no other replaces. Moves that replace each other in a ring, which no
/// honest process writes, are all heads.
pub(in crate::remotes) fn heads<'m>(moves: &BTreeMap<&str, &'m RefMove>) -> Vec<&'m RefMove> {
    let mut heads = unreplaced(moves);
    let ring = in_ring(moves, &heads);
    heads.extend(ring);
    heads.sort_by(|a, b| a.id.cmp(&b.id));
    heads
}

/// Returns the moves that no other replaces.
pub(in crate::remotes) fn unreplaced<'m>(moves: &BTreeMap<&str, &'m RefMove>) -> Vec<&'m RefMove> {
    let replaced: BTreeSet<&str> = moves
        .values()
        .flat_map(|one| one.replaces.iter().filter(|id| **id != one.id).map(String::as_str))
        .collect();
    moves.iter().filter(|(id, _)| !replaced.contains(*id)).map(|(_, one)| *one).collect()
}

/// Returns the moves that cannot be reached from those that no other replaces.
pub(in crate::remotes) fn in_ring<'m>(
    moves: &BTreeMap<&str, &'m RefMove>,
    unreplaced: &[&'m RefMove],
) -> Vec<&'m RefMove> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut next = unreplaced.to_vec();
    while let Some(one) = next.pop() {
        if seen.insert(&one.id) {
            next.extend(one.replaces.iter().filter_map(|id| moves.get(id.as_str())));
        }
    }
    moves.iter().filter(|(id, _)| !seen.contains(*id)).map(|(_, one)| *one).collect()
}

/// Groups moves by their refs.
pub(in crate::remotes) fn by_ref<'m>(
    moves: impl IntoIterator<Item = &'m RefMove>,
) -> BTreeMap<&'m RefName, BTreeMap<&'m str, &'m RefMove>> {
    let mut by_ref: BTreeMap<&RefName, BTreeMap<&str, &RefMove>> = BTreeMap::new();
    for one in moves {
        by_ref.entry(&one.reference).or_default().insert(&one.id, one);
    }
    by_ref
}

/// The refs of all volumes of a repository.
pub(super) type AllRefs = BTreeMap<VolumeName, Refs>;

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    fn moved(id: usize, to: Option<u8>, replaces: &[usize]) -> RefMove {
        RefMove {
            id: id.to_string(),
            reference: "heads/master".parse().unwrap(),
            to: to.map(|n| format!("{n:032x}").parse().unwrap()),
            replaces: replaces.iter().map(ToString::to_string).collect(),
            by: String::new(),
            date: Instant { micros: 0, offset: 0 },
            tag: None,
            reason: MoveReason::Push,
        }
    }

    fn ids(moves: &[RefMove]) -> Vec<String> {
        let refs = fold(moves);
        refs.values().flatten().map(|one| one.id.clone()).collect()
    }

    #[test]
    fn what_no_move_replaces_is_a_head() {
        assert_eq!(ids(&[]), [""; 0]);
        assert_eq!(ids(&[moved(1, Some(1), &[]), moved(2, Some(2), &[1])]), ["2"]);
        assert_eq!(
            ids(&[moved(1, Some(1), &[]), moved(2, Some(2), &[1]), moved(3, Some(3), &[1])]),
            ["2", "3"]
        );
        assert_eq!(ids(&[moved(1, Some(1), &[]), moved(2, None, &[1])]), [""; 0]);
    }

    #[test]
    fn moves_in_a_ring_are_all_heads() {
        assert_eq!(ids(&[moved(1, Some(1), &[2]), moved(2, Some(2), &[1])]), ["1", "2"]);
        assert_eq!(ids(&[moved(1, Some(1), &[1])]), ["1"]);
        let tail = [moved(1, Some(1), &[2]), moved(2, Some(2), &[1]), moved(3, Some(3), &[2])];
        assert_eq!(ids(&tail), ["3"]);
    }

    quickcheck! {
        /// Whatever was seen of the moves when a move was made, and in whatever order they arrive:
        /// from the heads, every move that was ever written can be reached.
        fn no_interleaving_leaves_a_commit_unreachable(steps: Vec<(u8, u8)>, order: Vec<usize>) -> bool {
            let mut moves: Vec<RefMove> = Vec::new();
            for (seen, to) in steps {
                // A process that has listed only the first moves replaces the heads of those.
                let known = &moves[..usize::from(seen) % (moves.len() + 1)];
                let heads = fold(known).into_values().flatten();
                let replaces: Vec<usize> = heads.map(|one| one.id.parse().unwrap()).collect();
                moves.push(moved(moves.len(), Some(to), &replaces));
            }
            let expected = ids(&moves);
            let mut shuffled = moves.clone();
            for (at, other) in order.into_iter().enumerate().take(moves.len()) {
                shuffled.swap(at, other % moves.len());
            }
            let mut reached: BTreeSet<String> = BTreeSet::new();
            let mut next = ids(&shuffled);
            while let Some(id) = next.pop() {
                if reached.insert(id.clone()) {
                    next.extend(moves[id.parse::<usize>().unwrap()].replaces.clone());
                }
            }
            ids(&shuffled) == expected && reached.len() == moves.len()
        }

        fn any_moves_fold_without_a_panic_and_leave_a_head(replaces: Vec<Vec<u8>>) -> bool {
            let moves: Vec<RefMove> = replaces
                .iter()
                .enumerate()
                .map(|(id, of)| moved(id, Some(1), &of.iter().map(|n| usize::from(*n)).collect::<Vec<_>>()))
                .collect();
            moves.is_empty() || !ids(&moves).is_empty()
        }
    }
}
