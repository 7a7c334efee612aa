//! Lets GNU tar and the importer unpack the same archive and compares what they make of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dvol::sys::tree::{ArchiveReader, ArchiveStats};
use support::{has_program, is_root};

use super::tree_state::{differences, root_of, take_down};

/// Where the two unpack.
pub(super) struct Arena {
    dir: tempfile::TempDir,
}

/// What came of one archive.
#[derive(PartialEq, Eq)]
pub(super) enum Verdict {
    /// Both made the same of it.
    Same(ArchiveStats),
    /// The importer refused it, for this reason; the exit code is tar's.
    Refused(String, i32),
    /// They differ, as told here.
    Different(String),
}

impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Same(stats) => write!(f, "the same: {stats:?}"),
            Verdict::Refused(why, code) => write!(f, "refused: {why} (tar: {code})"),
            Verdict::Different(how) => write!(f, "different: {how}"),
        }
    }
}

impl Arena {
    pub(super) fn new() -> Self {
        Arena { dir: tempfile::tempdir().unwrap() }
    }

    /// An arena in memory, where that keeps extended attributes (Linux 6.6): no disk to wait for.
    pub(super) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { return Arena::new() };
        let flags = rustix::fs::XattrFlags::empty();
        let keeps = rustix::fs::setxattr(dir.path(), "user.try", b"x", flags).is_ok();
        if keeps { Arena { dir } } else { Arena::new() }
    }

    /// The directory of the arena, for what a test makes itself.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Unpacks `archive` both ways.
    pub(super) fn judge(&self, archive: &[u8]) -> Verdict {
        let (ours, theirs) = (self.empty("ours"), self.empty("theirs"));
        let imported = import(archive, &ours);
        let file = self.dir.path().join("archive.tar");
        fs::write(&file, archive).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = (i64::try_from(now.as_secs()).unwrap() - 1, 0);
        let tar = unpack(&file, &theirs);
        let code = tar.status.code().unwrap_or(-1);
        let said = String::from_utf8_lossy(&tar.stderr).into_owned();
        let stats = match imported {
            Ok(stats) => stats,
            Err(why) => return Verdict::Refused(why, code),
        };
        if code != 0 {
            return Verdict::Different(format!("tar fails: {said}"));
        }
        let mut found = differences(&take_down(&ours), &take_down(&theirs), now);
        let (our_root, their_root) = (root_of(&ours), root_of(&theirs));
        // A root that the archive does not name has the time of what was made in it.
        if their_root.modified < now && our_root != their_root {
            found.push(format!("the root:\n   ours {our_root:?}\n theirs {their_root:?}"));
        }
        if found.is_empty() {
            Verdict::Same(stats)
        } else {
            Verdict::Different(format!("{}\ntar said: {said}", found.join("\n")))
        }
    }

    /// Where the importer unpacked the archive that was judged last, and where tar did.
    pub(super) fn results(&self) -> [PathBuf; 2] {
        ["ours", "theirs"].map(|name| self.dir.path().join(name))
    }

    /// Unpacks `archive` both ways; both must make the same of it.
    #[track_caller]
    pub(super) fn accept(&self, name: &str, archive: &[u8]) -> ArchiveStats {
        match self.judge(archive) {
            Verdict::Same(stats) => stats,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn empty(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let old = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::open(&path).unwrap().set_modified(old).unwrap();
        path
    }
}

/// Returns whether a test can run that needs root and `programs`; skips it if not.
#[track_caller]
pub(super) fn can_run(programs: &[&str]) -> bool {
    is_root() && programs.iter().all(|program| has_program(program))
}

/// Unpacks `archive` into `target` as `dvol import` does; the reason if it refuses.
pub(super) fn import(mut archive: &[u8], target: &Path) -> Result<ArchiveStats, String> {
    let reader = ArchiveReader::open(&mut archive).map_err(|error| error.to_string())?;
    reader.tree(target, "", &AtomicBool::new(false)).map_err(|error| error.to_string())
}

/// Lets GNU tar unpack `file` into `target`, with all that it can keep.
pub(super) fn unpack(file: &Path, target: &Path) -> std::process::Output {
    let flags = ["--xattrs", "--xattrs-include=*", "--acls", "--same-owner", "--numeric-owner", "-p"];
    let mut tar = Command::new("tar");
    tar.env("LC_ALL", "C").args(flags).arg("-xf").arg(file).arg("-C").arg(target);
    tar.output().unwrap()
}
