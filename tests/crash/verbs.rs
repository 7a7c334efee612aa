//! Each verb that changes a pool, without containers.

use support::fake_engine::Containers;

use crate::cases::{check, check_deaths, check_inside, check_with_containers, check_with_frozen};
use crate::sweep::{Case, Points, sweep};

#[test]
fn an_init_is_whole_or_not_there() {
    check(&[], &["init", "fresh"]);
}

#[test]
fn a_commit_is_whole_or_not_there() {
    check(&[], &["commit", "-m", "more", "db"]);
}

#[test]
fn a_commit_that_takes_checksums_is_whole_or_not_there() {
    check_deaths(&[&["config", "checksums", "commit"]], &["commit", "-m", "more", "db"]);
}

#[test]
fn a_reset_is_done_or_was_not_begun() {
    check(&[], &["reset", "--hard", "HEAD~1", "db"]);
}

#[test]
fn restored_paths_are_all_back_or_none() {
    check(&[], &["restore", "-C", "db", "--source", "HEAD~1", "one", "dir"]);
    check_with_containers(&[], &["restore", "-C", "db", "--source", "HEAD~1", "one", "new"], false);
    check_with_frozen(&[], &["restore", "--pause", "-C", "db", "one", "new"]);
}

#[test]
fn an_undo_of_restored_paths_is_done_or_was_not_begun() {
    check_deaths(&[&["restore", "-C", "db", "--source", "HEAD~1", "one", "new"]], &["undo", "db"]);
}

#[test]
fn changes_are_put_aside_or_still_there() {
    check(&[], &["stash", "-C", "db"]);
    check_with_containers(&[], &["stash", "-C", "db"], false);
    check_with_frozen(&[], &["stash", "--pause", "-C", "db"]);
}

#[test]
fn a_stash_comes_back_or_stays_a_stash() {
    check(&[&["stash", "-C", "db"]], &["stash", "pop", "-C", "db"]);
    check_deaths(&[&["stash", "-C", "db"]], &["stash", "drop", "-C", "db"]);
    check_deaths(
        &[&["stash", "-C", "db"], &["reset", "--hard", "HEAD~1", "db"]],
        &["stash", "pop", "-C", "db"],
    );
}

#[test]
fn an_undo_of_a_stash_is_done_or_was_not_begun() {
    check_deaths(&[&["stash", "-C", "db"]], &["undo", "db"]);
    check_deaths(&[&["stash", "-C", "db"], &["stash", "pop", "-C", "db"]], &["undo", "db"]);
}

#[test]
fn a_checkout_is_done_or_was_not_begun() {
    check(&[], &["checkout", "-f", "dev", "db"]);
}

#[test]
fn a_checkout_to_a_new_branch_is_done_or_was_not_begun() {
    check(&[], &["checkout", "-b", "fresh", "db"]);
}

#[test]
fn a_deleted_branch_is_gone_or_there() {
    check(&[], &["branch", "-d", "spare", "db"]);
}

#[test]
fn a_deleted_branch_and_its_commits_are_gone_or_there() {
    check(&[], &["branch", "-D", "dev", "db"]);
}

#[test]
fn a_removed_volume_is_gone_or_there() {
    check(&[], &["rm", "-f", "db"]);
}

#[test]
fn a_setting_of_the_pool_is_the_old_one_or_the_new_one() {
    check(&[], &["config", "user.email", "ada@example.org"]);
}

#[test]
fn a_setting_of_a_volume_is_the_old_one_or_the_new_one() {
    check(&[], &["config", "-C", "db", "user.name", "Ada"]);
}

#[test]
fn the_current_volume_is_the_old_one_or_the_new_one() {
    check(&[], &["switch", "other"]);
}

#[test]
fn a_setting_survives_faults_inside_its_transaction() {
    check_inside(&["config", "user.email", "ada@example.org"]);
}

#[test]
fn a_deleted_branch_survives_faults_inside_its_transactions() {
    check_inside(&["branch", "-D", "dev", "db"]);
}

#[test]
fn a_tag_is_there_or_not() {
    check(&[], &["tag", "-C", "db", "here"]);
}

#[test]
fn a_renamed_volume_has_one_of_the_two_names() {
    check(&[], &["rename", "db", "data"]);
}

#[test]
fn a_branch_that_is_made_holds_or_does_not() {
    check_deaths(&[], &["branch", "-C", "db", "fresh", "HEAD~1"]);
}

#[test]
fn a_branch_that_gets_another_name_has_one_of_the_two() {
    check(&[], &["branch", "-C", "db", "-m", "main"]);
}

#[test]
fn an_amended_commit_is_the_old_one_or_the_new_one() {
    check(&[], &["commit", "--amend", "-m", "better", "db"]);
}

#[test]
fn a_branch_that_is_made_anew_is_the_old_one_or_the_new_one() {
    check_deaths(&[], &["checkout", "-f", "-B", "dev", "HEAD~1", "db"]);
}

#[test]
fn a_cloned_volume_is_whole_or_not_there() {
    check_deaths(&[], &["clone", "db:HEAD~1", "fresh"]);
}

#[test]
fn a_tag_that_alone_holds_its_commit_is_deleted_with_it_or_not() {
    check(
        &[&["tag", "-C", "db", "here"], &["reset", "--hard", "HEAD~1", "db"]],
        &["tag", "-C", "db", "-d", "here"],
    );
}

#[test]
fn a_dropped_commit_is_brought_back_by_a_reset_or_stays_dropped() {
    check_deaths(&[&["reset", "--hard", "HEAD~1", "db"]], &["reset", "--hard", "ORIG_HEAD", "db"]);
}

#[test]
fn an_amended_commit_is_brought_back_by_a_tag_or_stays_dropped() {
    check_deaths(
        &[&["commit", "--amend", "-m", "other words", "db"]],
        &["tag", "-C", "db", "back", "HEAD@{1}"],
    );
}

#[test]
fn an_imported_archive_is_a_whole_volume_or_none() {
    let (words, points) = (&["import", "ARCHIVE", "fresh"], Points::Steps);
    let runs =
        sweep(&Case { before: &[], words, containers: Containers::new(), points, deep: false, ready: None });
    println!("{words:?}: {runs} faults");
}

#[test]
fn a_protection_holds_or_does_not() {
    check(&[], &["protect", "db:master"]);
}

#[test]
fn a_protection_that_ends_is_over_or_still_holds() {
    check_deaths(&[&["protect", "db"]], &["unprotect", "db"]);
}
