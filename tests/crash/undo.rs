//! The undo of each verb.

use crate::cases::{check, check_deaths, check_with_containers};

#[test]
fn an_undo_of_a_reset_is_done_or_was_not_begun() {
    check(&[&["reset", "--hard", "HEAD~1", "db"]], &["undo", "db"]);
}

#[test]
fn a_redo_of_a_reset_is_done_or_was_not_begun() {
    check(&[&["reset", "--hard", "HEAD~1", "db"], &["undo", "db"]], &["redo", "db"]);
}

#[test]
fn a_second_undo_is_done_or_was_not_begun() {
    check(&[&["commit", "-m", "more", "db"], &["tag", "-C", "db", "here"], &["undo", "db"]], &["undo", "db"]);
}

#[test]
fn a_redo_of_rm_is_done_or_was_not_begun() {
    check_deaths(&[&["rm", "-f", "db"], &["undo", "db"]], &["redo", "db"]);
}

#[test]
fn a_redo_with_containers_is_done_or_was_not_begun() {
    check_with_containers(&[&["reset", "--hard", "HEAD~1", "db"], &["undo", "db"]], &["redo", "db"], false);
}

#[test]
fn an_undo_of_rm_under_another_name_is_done_or_was_not_begun() {
    check(&[&["rm", "-f", "db"], &["init", "db"]], &["undo", "db", "--as", "old"]);
}

#[test]
fn an_undo_over_a_name_that_was_made_again_is_done_or_was_not_begun() {
    check_deaths(&[&["rm", "-f", "db"], &["init", "db"], &["undo", "db"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_commit_is_done_or_was_not_begun() {
    check(&[&["commit", "-m", "more", "db"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_checkout_is_done_or_was_not_begun() {
    check(&[&["checkout", "-b", "fresh", "db"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_deleted_branch_is_done_or_was_not_begun() {
    check(&[&["branch", "-D", "dev", "db"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_rm_is_done_or_was_not_begun() {
    check(&[&["rm", "-f", "db"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_rename_is_done_or_was_not_begun() {
    check(&[&["rename", "db", "data"]], &["undo", "data"]);
}

#[test]
fn an_undo_of_a_reset_with_containers_is_done_or_was_not_begun() {
    check_with_containers(&[&["reset", "--hard", "HEAD~1", "db"]], &["undo", "db"], false);
}

#[test]
fn an_undo_of_an_init_is_done_or_was_not_begun() {
    check(&[&["init", "fresh"]], &["undo", "fresh"]);
}

#[test]
fn an_undo_of_a_clone_is_done_or_was_not_begun() {
    check(&[&["clone", "db", "fresh"]], &["undo", "fresh"]);
}

#[test]
fn an_undo_of_a_branch_that_got_another_name_is_done_or_was_not_begun() {
    check(&[&["branch", "-C", "db", "-m", "main"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_an_amended_commit_is_done_or_was_not_begun() {
    check(&[&["commit", "--amend", "-m", "better", "db"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_deleted_tag_is_done_or_was_not_begun() {
    check(&[&["tag", "-C", "db", "here"], &["tag", "-C", "db", "-d", "here"]], &["undo", "db"]);
}

#[test]
fn an_undo_of_a_commit_that_was_brought_back_is_done_or_was_not_begun() {
    check_deaths(
        &[&["reset", "--hard", "HEAD~1", "db"], &["branch", "back", "ORIG_HEAD", "-C", "db"]],
        &["undo", "db"],
    );
}
