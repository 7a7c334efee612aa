//! A reset that exchanges what differs: whatever dies when, the working tree is as before or as
//! after, and what it was comes back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::sweep::{Case, Points, Ready, sweep};
use support::fake_engine::{Container, Containers, Status};
use support::scene::Run;

/// Commits a tree that is known from then on, and makes differences of every kind.
fn known(pool: &Path) {
    change(pool, "db", 400_000);
}

/// Makes trees with few differences: a file of either side, one of both, and a directory against a
/// file. Recoveries are as many as steps, and each is swept.
fn known_with_few(pool: &Path) {
    let tree = pool.join("db/running_point");
    let write = |name: &str, text: &str| fs::write(tree.join(name), text).unwrap();
    ["stays", "changes", "goes", "swap"].iter().for_each(|name| write(name, name));
    sleep(Duration::from_millis(30));
    Run { pool, engine: None, ids: 400_000 }.must(&["commit", "-m", "known", "db"]);
    write("changes", "changed");
    write("new", "new");
    fs::remove_file(tree.join("goes")).unwrap();
    fs::remove_file(tree.join("swap")).unwrap();
    fs::create_dir(tree.join("swap")).unwrap();
    write("swap/in", "a directory now");
}

fn known_and_reset(pool: &Path) {
    known(pool);
    Run { pool, engine: None, ids: 410_000 }.must(&["reset", "--hard", "HEAD", "db"]);
}

fn known_in_both(pool: &Path) {
    change(pool, "shop_db", 400_000);
    change(pool, "shop_other", 410_000);
}

fn change(pool: &Path, volume: &str, ids: u32) {
    let tree = pool.join(volume).join("running_point");
    let at = |name: &str| tree.join(name);
    let write = |name: &str, text: &str| fs::write(at(name), text).unwrap();
    fs::create_dir_all(at("gone/with")).unwrap();
    write("gone/with/all", "in it");
    fs::create_dir_all(at("turn")).unwrap();
    write("turn/in", "it");
    fs::create_dir(at("sub")).unwrap();
    for name in ["swap", "stays", "sub/stays", "sub/changes", "sub/goes"] {
        write(name, name);
    }
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    // Older than a tick of the clock, by the time that the commit looks.
    sleep(Duration::from_millis(30));
    Run { pool, engine: None, ids }.must(&["commit", "-m", "known", volume]);
    write("sub/changes", "changed");
    write("sub/new", "new");
    fs::remove_file(at("sub/goes")).unwrap();
    fs::set_permissions(at("sub"), fs::Permissions::from_mode(0o2750)).unwrap();
    fs::remove_dir_all(at("gone")).unwrap();
    fs::remove_dir_all(at("turn")).unwrap();
    write("turn", "a file now");
    fs::remove_file(at("swap")).unwrap();
    fs::create_dir(at("swap")).unwrap();
    write("swap/in", "a directory now");
    fs::create_dir(at("came")).unwrap();
    fs::remove_file(at("fifo")).unwrap();
    symlink("sub", at("fifo")).unwrap();
}

/// What only such a reset does, and what one of whole trees does.
const OF_ENTRIES: &str = "tree.exchange";
const OF_TREES: &str = "disk.exchange";

fn check(
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    containers: Containers,
    points: Points,
    (deep, ready): (bool, Ready),
) {
    let runs = sweep(&Case { before, words, containers, points, deep, ready: Some(ready) });
    println!("{words:?} of what is known: {runs} faults");
}

fn runs(auto_remove: bool) -> Containers {
    let container = Container { volume: "db", status: Status::Running, auto_remove };
    Containers::from([("runs".to_owned(), container)])
}

#[test]
fn a_reset_of_what_is_known() {
    let ready = Ready { make: known, passes: OF_ENTRIES };
    check(&[], &["reset", "--hard", "HEAD", "db"], Containers::new(), Points::Steps, (false, ready));
}

#[test]
fn a_reset_of_what_is_known_whose_recovery_dies() {
    let ready = Ready { make: known_with_few, passes: OF_ENTRIES };
    check(&[], &["reset", "--hard", "HEAD", "db"], Containers::new(), Points::Deaths, (true, ready));
}

#[test]
fn undo_of_a_reset_of_what_is_known() {
    let ready = Ready { make: known_and_reset, passes: OF_TREES };
    check(&[], &["undo", "db"], Containers::new(), Points::Deaths, (false, ready));
}

#[test]
fn a_reset_of_what_is_known_with_a_container() {
    let ready = Ready { make: known, passes: OF_ENTRIES };
    check(&[], &["reset", "--hard", "HEAD", "db"], runs(false), Points::Deaths, (false, ready));
}

/// A process may write to the files that it has open, so nothing of the old tree may stay.
#[test]
fn a_reset_of_what_is_known_with_a_container_that_is_only_frozen() {
    let ready = Ready { make: known, passes: OF_TREES };
    let words = &["reset", "--pause", "--hard", "HEAD", "db"];
    check(&[], words, runs(true), Points::Deaths, (false, ready));
}

#[test]
fn a_reset_of_a_project_that_is_known() {
    const PROJECT: &[&[&str]] = &[
        &["rename", "db", "shop_db"],
        &["rename", "other", "shop_other"],
        &["commit", "--project", "shop", "-m", "both"],
    ];
    let ready = Ready { make: known_in_both, passes: OF_ENTRIES };
    let words = &["reset", "--hard", "HEAD", "--project", "shop"];
    check(PROJECT, words, Containers::new(), Points::Deaths, (false, ready));
}
