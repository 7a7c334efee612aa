//! Forgetting the data of commits, and bringing it back.

use crate::cases::{check, check_deaths, check_with_containers};

#[test]
fn a_forgotten_commit_is_forgotten_or_not() {
    check(&[], &["forget", "HEAD~1", "-C", "db"]);
}

#[test]
fn an_undo_of_forget_is_done_or_was_not_begun() {
    check_deaths(&[&["forget", "HEAD~1", "-C", "db"]], &["undo", "db"]);
}

#[test]
fn a_reset_to_a_forgotten_commit_is_done_or_was_not_begun() {
    check(&[&["forget", "HEAD~1", "-C", "db"]], &["reset", "--hard", "HEAD~1", "db"]);
}

#[test]
fn a_commit_that_forgets_older_ones_does_both_or_nothing() {
    check(&[&["config", "-C", "db", "commits.keep", "last=1"]], &["commit", "-m", "more", "db"]);
    check_with_containers(
        &[&["config", "-C", "db", "commits.keep", "last=1"]],
        &["commit", "-m", "more", "db"],
        false,
    );
}

#[test]
fn an_undo_of_a_commit_that_forgot_older_ones_is_done_or_was_not_begun() {
    check_deaths(
        &[&["config", "-C", "db", "commits.keep", "last=1"], &["commit", "-m", "more", "db"]],
        &["undo", "db"],
    );
}

#[test]
fn a_reset_to_a_commit_of_a_deleted_volume_is_done_or_was_not_begun() {
    check(&[&["rm", "-f", "db"], &["init", "db"]], &["reset", "--hard", "HEAD@{1}", "db"]);
}

#[test]
fn a_purged_volume_is_deleted_or_not() {
    check_deaths(&[], &["rm", "--purge", "-f", "db"]);
}
