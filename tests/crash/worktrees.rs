//! Worktrees: made, used, removed, and their volume renamed, with a death at each step.

use crate::cases::{check, check_deaths, check_with_containers};

const ON_DEV: &[&str] = &["worktree", "add", "side", "db:dev"];
const FRESH: &[&str] = &["worktree", "add", "side", "-b", "fresh", "db:HEAD~1"];

#[test]
fn a_worktree_is_there_with_its_branch_or_neither_is() {
    check(&[], FRESH);
    check_deaths(&[], ON_DEV);
}

#[test]
fn a_removed_worktree_is_gone_or_there() {
    check(&[ON_DEV], &["worktree", "remove", "side"]);
    check_deaths(&[FRESH], &["rm", "-f", "side"]);
}

#[test]
fn what_is_done_in_a_worktree_is_done_or_was_not_begun() {
    check_deaths(&[FRESH], &["commit", "-m", "more", "side"]);
    check_deaths(&[ON_DEV], &["reset", "--hard", "HEAD~1", "side"]);
    check_deaths(&[FRESH], &["checkout", "-f", "dev", "side"]);
    check_deaths(&[FRESH], &["checkout", "-f", "-b", "fresher", "side"]);
}

#[test]
fn a_volume_and_its_worktrees_are_renamed_together() {
    check(&[ON_DEV], &["rename", "db", "data"]);
    check_deaths(&[ON_DEV], &["rename", "side", "aside"]);
    check_deaths(&[ON_DEV, &["rename", "db", "data"]], &["undo", "data"]);
}

#[test]
fn a_branch_that_a_worktree_shows_gets_another_name() {
    check(&[ON_DEV], &["branch", "-C", "db", "-m", "dev", "main"]);
    check_deaths(&[ON_DEV, &["branch", "-C", "db", "-m", "dev", "main"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_worktree_that_came_or_went_is_done_or_was_not_begun() {
    check_deaths(&[FRESH], &["undo", "side"]);
    check_deaths(&[ON_DEV, &["worktree", "remove", "side"]], &["undo", "side"]);
}

#[test]
fn expired_worktrees_are_gone_or_there() {
    check_deaths(&[&["worktree", "add", "side", "db:dev", "--expires", "0m"]], &["worktree", "prune"]);
}

#[test]
fn the_containers_of_the_volume_stay_as_they_were() {
    check_with_containers(&[], FRESH, false);
}
