//! A process that writes to a working tree during a reset, as one does that dvol cannot hold: a
//! reset is done or refused, the volume works, and nothing that the process wrote is lost.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Pid, Signal, kill_process};
use support::steps;

use crate::harness::{Pool, Said, stand_still};

/// What the writer does to the tree at this path; `round` makes what it writes unique.
type Change = (&'static str, fn(&Path, usize));

const CHANGES: [Change; 6] = [
    ("swaps two names", |tree, _| rename(tree, "a", "b", RenameFlags::EXCHANGE)),
    ("swaps two directories", |tree, _| rename(tree, "one", "two", RenameFlags::EXCHANGE)),
    ("moves a directory into another", |tree, round| {
        rename(tree, "one", &format!("two/one-{round}"), RenameFlags::NOREPLACE);
    }),
    ("puts a new file in a file's place", |tree, round| {
        rename(tree, "c", &format!("c-{round}"), RenameFlags::NOREPLACE);
        write(tree, "c", round);
    }),
    ("writes where an entry comes and where one goes", |tree, round| {
        for name in ["comes", "goes", "turns"] {
            rename(tree, name, &format!("{name}-{round}"), RenameFlags::NOREPLACE);
            write(tree, name, round);
        }
    }),
    ("writes into directories", |tree, round| {
        ["one", "two", "comes", "turns"].iter().for_each(|name| write(&tree.join(name), "written", round));
    }),
];

fn rename(tree: &Path, from: &str, to: &str, flags: RenameFlags) {
    // What it looks for may be somewhere else by now.
    let _ = renameat_with(CWD, tree.join(from), CWD, tree.join(to), flags);
}

fn write(directory: &Path, name: &str, round: usize) {
    let path = directory.join(name);
    if directory.is_dir() && path.symlink_metadata().is_err() {
        fs::write(&path, format!("written {round} {name}")).unwrap();
    }
}

/// A volume whose index knows its tree, and in that every kind of difference from HEAD.
fn differing() -> Pool {
    let pool = Pool::with_volume();
    let file = |name: &str| pool.file("db", name);
    ["one", "two", "turns"].iter().for_each(|name| fs::create_dir(file(name)).unwrap());
    for name in ["a", "b", "c", "one/a", "two/a", "turns/in", "same", "one/same", "comes"] {
        pool.write("db", name, &format!("commit {name}"));
    }
    sleep(Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    pool.ok(["reset", "--hard", "HEAD"]);
    for name in ["a", "b", "c", "one/a", "two/a", "goes"] {
        pool.write("db", name, &format!("old {name}"));
    }
    fs::remove_file(file("comes")).unwrap();
    fs::remove_dir_all(file("turns")).unwrap();
    pool.write("db", "turns", "old turns");
    pool
}

/// The contents of all files in the working tree, in trash and in lost+found.
fn contents(pool: &Pool) -> BTreeSet<String> {
    let private = pool.root().join(".dvol");
    let mut paths = vec![pool.root().join("db/branches"), private.join("trash"), private.join("lost+found")];
    let mut found = BTreeSet::new();
    while let Some(path) = paths.pop() {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {
                paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            Ok(_) => {
                found.extend(fs::read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
            }
            Err(_) => {}
        }
    }
    found
}

/// The working tree as a process has it that holds it open, wherever the tree is.
struct Held(File);

impl Held {
    fn of(pool: &Pool) -> Self {
        Held(File::open(pool.root().join("db/branches/master")).unwrap())
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// A reset that stands still at its step number `point`.
fn stopped(pool: &Pool, point: usize) -> Child {
    stand_still(&mut pool.command(["reset", "--hard", "HEAD", "db"]), point).unwrap()
}

/// The numbers of the steps of a reset.
fn points(pool: &Pool) -> usize {
    let trace = pool.dir().join("trace");
    let mut command = pool.command(["reset", "--hard", "HEAD", "db"]);
    Said::from(command.env("DVOL_FAULT_TRACE", &trace).output().unwrap()).ok();
    steps(&trace).iter().filter(|step| !step.starts_with("redb.")).count()
}

#[test]
fn a_reset_loses_nothing_of_a_process_that_moves_entries_at_any_of_its_steps() {
    let points = points(&differing());
    assert!(points > 20, "{points}");
    let (mut done, mut refused) = (0, 0);
    for point in 1..=points {
        let pool = differing();
        let (what, change) = CHANGES[point % CHANGES.len()];
        let held = Held::of(&pool);
        let child = stopped(&pool, point);
        change(&held.path(), point);
        let before = contents_in(&held.path());
        // Every third one dies there.
        let dies = point % 3 == 0;
        kill_process(Pid::from_child(&child), if dies { Signal::KILL } else { Signal::CONT }).unwrap();
        let said = Said::from(child.wait_with_output().unwrap());
        let what = format!("{what} at step {point} of {points}: {said:?}");
        match said.code {
            0 => done += 1,
            1 => refused += 1,
            _ => assert!(dies, "{what}"),
        }
        pool.run(["fsck"]);
        let fsck = pool.run(["fsck"]);
        assert_eq!(fsck.code, 0, "{what}: {fsck:?}");
        let now = contents(&pool);
        let lost: Vec<&String> =
            before.iter().filter(|one| !one.starts_with("commit") && !now.contains(*one)).collect();
        assert!(lost.is_empty(), "{what}: lost {lost:?}");
        pool.ok(["status", "db"]);
        pool.ok(["commit", "-m", "After", "db"]);
        assert!(pool.staging().is_empty(), "{what}");
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
}

/// The contents of all files beneath a directory.
fn contents_in(tree: &Path) -> BTreeSet<String> {
    let walk = walkdir::WalkDir::new(tree.join(".")).into_iter().filter_map(Result::ok);
    let files = walk.filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}
