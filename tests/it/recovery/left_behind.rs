//! What cannot be deleted from trash: it is left, counted and told, and nothing fails because of
//! it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{dvol, eventually, is_root, skip};

use crate::harness::{Driver, Pool, Said, json};

fn chattr(flag: &str, path: &Path) -> bool {
    Command::new("chattr").args(["-f", flag]).arg(path).status().unwrap().success()
}

/// A pool with a file that is flagged, and a second volume. The flag goes in the end.
struct Flagged {
    pool: Pool,
    flag: &'static str,
}

impl Flagged {
    /// Skips the test where nothing can be flagged, or root's power to clear flags cannot be taken
    /// away.
    fn new(flag: &'static str) -> Option<Self> {
        let pool = Pool::with_commits(&["one"]);
        pool.ok(["init", "other"]);
        fs::create_dir(pool.file("db", "dir")).unwrap();
        pool.write("db", "dir/keep", "kept");
        let powerless = Flagged { pool, flag };
        if !is_root() || !chattr(&format!("+{flag}"), &powerless.pool.file("db", "dir/keep")) {
            skip("nothing can be made immutable here");
            return None;
        }
        if !powerless.command(&["list"]).output().is_ok_and(|output| output.status.success()) {
            skip("there is no setpriv");
            return None;
        }
        Some(powerless)
    }

    /// Returns dvol as in a container of an engine, whose root cannot clear flags.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.pool.command_of("setpriv");
        let less = ["--bounding-set", "-linux_immutable", "--inh-caps", "-linux_immutable"];
        command.args(less).arg(dvol()).arg("--disable-docker-integration").args(words);
        command
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> Said {
        let said = Said::from(self.command(words).output().unwrap());
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
        said
    }

    /// Finds what was left, which must be one file.
    fn left(&self) -> PathBuf {
        let staging = self.pool.root().join(".dvol/staging");
        let files = walkdir::WalkDir::new(staging).into_iter().map(Result::unwrap);
        let mut files = files.filter(|entry| entry.file_type().is_file());
        let left = files.next().unwrap().into_path();
        assert!(files.next().is_none());
        left
    }

    fn clear(&self) {
        assert!(chattr(&format!("-{}", self.flag), &self.left()));
    }
}

impl Drop for Flagged {
    fn drop(&mut self) {
        let _ = Command::new("chattr").args(["-Rf", "-i", "-a"]).arg(self.pool.root()).status();
    }
}

#[test]
fn gc_and_fsck_end_well_and_name_what_a_flag_keeps() {
    for (flag, words) in [("i", "its immutable flag is set"), ("a", "its append-only flag is set")] {
        let Some(flagged) = Flagged::new(flag) else { return };
        flagged.ok(&["rm", "-f", "db"]);
        let said = flagged.ok(&["gc", "--all", "-f"]);
        let left = flagged.left();
        assert!(left.ends_with("branches/master/dir/keep"), "{left:?}");
        assert_eq!(
            said.err,
            format!(
                "warning: {path} cannot be deleted: {words}\n\
                 hint: clear the flag: chattr -{flag} {path}; the next operation deletes it\n",
                path = left.display()
            )
        );
        // As often as it is asked, and it counts as no trash of an operation.
        let again = json(&flagged.ok(&["gc", "--all", "-f", "--format", "json"]).out);
        assert_eq!((again["operations"].as_u64(), again["left"].as_u64()), (Some(0), Some(1)));
        for words_of in [vec!["fsck", "other"], vec!["fsck"], vec!["fsck", "--repair", "--yes"]] {
            let said = flagged.ok(&words_of);
            let line = format!("{}: cannot be deleted: {words}", left.display());
            assert!(said.out.contains("note") && said.out.contains(&line), "{said:?}");
            assert!(said.out.contains(&format!("chattr -{flag} {}", left.display())), "{said:?}");
        }
        flagged.ok(&["commit", "-m", "Other", "-C", "other"]);
        flagged.clear();
        flagged.ok(&["commit", "-m", "Other", "-C", "other"]);
        assert!(flagged.pool.staging().is_empty());
        assert_eq!(flagged.pool.ok(["fsck"]), "1 volume: clean\n");
    }
}

#[test]
fn what_root_can_clear_is_cleared() {
    let Some(flagged) = Flagged::new("i") else { return };
    flagged.pool.ok(["rm", "-f", "db"]);
    let said = flagged.pool.run(["gc", "--all", "-f"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(flagged.pool.staging().is_empty());
}

/// A directory moves with what is in it, so a reset drops the flagged file.
#[test]
fn reset_and_undo_work_with_a_flagged_file_in_tree_trash_and_commit() {
    let Some(flagged) = Flagged::new("i") else { return };
    let (pool, kept) = (&flagged.pool, |at: &str| flagged.pool.file("db", at).join("keep"));
    flagged.ok(&["reset", "--hard", "HEAD", "db"]);
    assert!(!kept("dir").exists());
    flagged.ok(&["undo", "db"]);
    assert_eq!(fs::read_to_string(kept("dir")).unwrap(), "kept");
    let id = flagged.ok(&["commit", "-m", "Two", "db"]).out;
    // A copy has no flag, so a commit can be dropped. This one is flagged by hand.
    assert!(chattr("+i", &pool.root().join("db/commits").join(id.trim()).join("dir/keep")));
    flagged.ok(&["reset", "--hard", "HEAD~1", "db"]);
    assert!(!kept("dir").exists());
    flagged.ok(&["undo", "db"]);
    assert_eq!(fs::read_to_string(kept("dir")).unwrap(), "kept");
    flagged.ok(&["reset", "--hard", "HEAD~1", "db"]);
    flagged.ok(&["fsck", "--deep"]);
    let said = flagged.ok(&["gc", "--all", "-f"]);
    assert!(said.err.contains("chattr -i"), "{said:?}");
    flagged.ok(&["fsck"]);
    flagged.ok(&["commit", "-m", "Three", "db"]);
}

/// An operation of a dead process whose leftovers are flagged must not stay in the journal.
#[test]
fn a_volume_without_a_commit_is_deleted_though_a_flag_keeps_a_file() {
    let Some(flagged) = Flagged::new("i") else { return };
    let name = "0123456789abcdef".repeat(4);
    flagged.ok(&["init", &name]);
    let file = flagged.pool.file(&name, "keep");
    fs::write(&file, "").unwrap();
    assert!(chattr("+i", &file));
    let said = flagged.ok(&["rm", "-f", &name]);
    assert_eq!(said.err, "");
    flagged.ok(&["fsck"]);
    flagged.ok(&["init", &name]);
}

#[test]
fn the_driver_warns_of_it_once() {
    let Some(flagged) = Flagged::new("i") else { return };
    flagged.ok(&["rm", "-f", "db"]);
    flagged.ok(&["gc", "--all", "-f"]);
    let driver = Driver::start_as(&flagged.pool, flagged.command(&["plugin"]));
    let count = |words: &str| driver.log().matches(words).count();
    eventually("the driver warns", || count("cannot be deleted") > 0);
    // A later sweep has something else to say, and says nothing of this.
    let second = flagged.pool.root().join(".dvol/staging/second.deleted");
    fs::create_dir(&second).unwrap();
    fs::write(second.join("kept"), "").unwrap();
    assert!(chattr("+i", &second.join("kept")));
    eventually("the driver warns of another", || count("second.deleted/kept") > 0);
    assert_eq!(count("dir/keep"), 1, "{}", driver.log());
}
