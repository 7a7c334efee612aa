//! What reset and status may take for unchanged, and what they may not: whatever a program does to
//! hide a change, both must see it.

use std::ffi::CString;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use dvol::containers::NoContainers;
use dvol::layout::Layout;
use dvol::model::Signature;
use dvol::ops::{self, CommitRequest, Surroundings};
use dvol::pool::{Options, Watcher, Work};
use dvol::store::{Rows, Store, StoreError, piece_key};
use dvol::sys::clock::SystemClock;
use dvol::sys::ids::RandomIds;
use dvol::sys::spool::Spool;
use dvol::sys::tree::Usage;

use support::{has_program, is_root};

use crate::harness::{Pool, json};

/// A pool whose volume has a stat index that trusts every file: settled, committed, reset once.
fn settled() -> Pool {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    for n in 0..20 {
        pool.write("db", &format!("file{n}"), &format!("content {n}"));
    }
    fs::create_dir(pool.file("db", "sub")).unwrap();
    pool.write("db", "sub/data", "one");
    sleep(Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    pool.ok(["reset", "--hard", "HEAD"]);
    let reset = json(&pool.ok(["reset", "--hard", "HEAD", "--format", "json"]));
    assert_eq!(reset["quiesced"]["reused"], 21, "{reset}");
    pool
}

/// Does `change` to the file `sub/data`, and checks that status sees it and reset undoes it: where
/// the file was there all the time, and where a reset has just brought it.
fn seen(change: impl Fn(&Pool, &Path)) {
    let pool = settled();
    undone(&pool, &change);
    let pool = settled();
    pool.write("db", "sub/data", "other");
    pool.write("db", "file3", "other");
    pool.ok(["reset", "--hard", "HEAD"]);
    undone(&pool, &change);
    // Once more, and what was not touched is known all the same.
    undone(&pool, &change);
    let reset = json(&pool.ok(["reset", "--hard", "HEAD", "--format", "json"]));
    assert_eq!(reset["quiesced"]["reused"], 21, "{reset}");
}

fn undone(pool: &Pool, change: &impl Fn(&Pool, &Path)) {
    let data = pool.file("db", "sub/data");
    let before = fs::metadata(&data).unwrap();
    change(pool, &data);
    let status = pool.ok(["status"]);
    assert!(status.contains("sub/data"), "{status}");
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "sub/data"), "one");
    let after = fs::metadata(&data).unwrap();
    assert_eq!((after.mode(), after.uid(), after.nlink()), (before.mode(), before.uid(), 1));
    assert!(pool.ok(["status"]).contains("working tree clean"));
}

fn restore_times(path: &Path, from: &fs::Metadata) {
    let times =
        FileTimes::new().set_modified(from.modified().unwrap()).set_accessed(from.accessed().unwrap());
    File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

#[test]
fn a_write_of_the_same_size_is_seen_when_its_time_is_set_back() {
    seen(|_, data| {
        let before = fs::metadata(data).unwrap();
        fs::write(data, "two").unwrap();
        restore_times(data, &before);
    });
}

#[test]
fn a_write_through_an_old_handle_is_seen_when_its_time_is_set_back() {
    let pool = settled();
    let data = pool.file("db", "sub/data");
    let before = fs::metadata(&data).unwrap();
    let handle = File::options().write(true).open(&data).unwrap();
    pool.ok(["reset", "--hard", "HEAD"]);
    // The reset took the file over, so the handle writes into the new working tree.
    handle.write_at(b"two", 0).unwrap();
    restore_times(&data, &before);
    assert!(pool.ok(["status"]).contains("sub/data"));
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "sub/data"), "one");
}

#[test]
fn a_file_replaced_by_one_of_the_same_size_and_times_is_seen() {
    seen(|pool, data| {
        let before = fs::metadata(data).unwrap();
        let other = pool.file("db", "sub/other");
        fs::write(&other, "two").unwrap();
        restore_times(&other, &before);
        fs::rename(other, data).unwrap();
    });
}

#[test]
fn a_change_of_only_the_mode_is_seen() {
    seen(|_, data| fs::set_permissions(data, fs::Permissions::from_mode(0o600)).unwrap());
}

#[test]
fn a_change_of_only_the_owner_is_seen() {
    if is_root() {
        seen(|_, data| chown(data, Some(1234), None).unwrap());
    }
}

#[test]
fn a_change_of_only_an_extended_attribute_is_seen() {
    seen(|_, data| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(data, "user.mark", b"x", flags).unwrap();
    });
}

#[test]
fn another_link_to_a_file_is_seen() {
    let pool = settled();
    fs::hard_link(pool.file("db", "sub/data"), pool.file("db", "twin")).unwrap();
    assert!(pool.ok(["status"]).contains("twin"));
    pool.ok(["reset", "--hard", "HEAD"]);
    assert!(!pool.file("db", "twin").exists());
    assert_eq!(fs::metadata(pool.file("db", "sub/data")).unwrap().nlink(), 1);
    // And from outside: a link that lasts keeps the file out of the new tree.
    let outside = pool.root().join("outside");
    fs::hard_link(pool.file("db", "sub/data"), &outside).unwrap();
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_ne!(
        fs::metadata(&outside).unwrap().ino(),
        fs::metadata(pool.file("db", "sub/data")).unwrap().ino()
    );
}

/// A process that keeps a shared mapping of a file, and stores to it when the test says so.
struct Mapping(Child);

impl Mapping {
    /// Skips the test where there is no python3.
    fn new(file: &Path) -> Option<Self> {
        let program = "import mmap,sys\nf=open(sys.argv[1],'r+b')\nm=mmap.mmap(f.fileno(),0)\nfor line in sys.stdin:\n m[0:1]=line[:1].encode()\n print('done',flush=True)";
        let mut command = Command::new("python3");
        command.args(["-c", program]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        has_program("python3").then(|| Mapping(command.spawn().unwrap()))
    }

    /// Stores to the first byte.
    fn store(&mut self, byte: &str) {
        use std::io::{BufRead as _, BufReader, Write as _};
        writeln!(self.0.stdin.as_mut().unwrap(), "{byte}").unwrap();
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_store_through_a_mapping_is_seen() {
    let pool = settled();
    let data = pool.file("db", "sub/data");
    let before = fs::metadata(&data).unwrap();
    let Some(mut mapping) = Mapping::new(&data) else { return };
    // The page is writable and dirty before each operation, so that a store need not fault.
    mapping.store("x");
    assert!(pool.ok(["status"]).contains("sub/data"));
    mapping.store("o");
    pool.ok(["commit", "-m", "As it was"]);
    mapping.store("y");
    restore_times(&data, &before);
    assert!(pool.ok(["status"]).contains("sub/data"), "a store after the commit was not seen");
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "sub/data"), "one");
}

/// Stores through the mapping at the end of a copy.
struct AtEnd(Mutex<Mapping>);

impl Watcher for AtEnd {
    fn start(&self, _work: Work, _total: Option<Usage>) {}
    fn at(&self, _bytes: u64, _entries: u64) {}
    fn end(&self) {
        self.0.lock().unwrap().store("y");
    }
}

/// The page is dirty when the commit begins, so a store need not fault; what it stores is not in
/// the commit.
#[test]
fn a_store_between_the_copy_and_the_index_is_seen() {
    let pool = settled();
    let data = pool.file("db", "sub/data");
    let Some(mut mapping) = Mapping::new(&data) else { return };
    mapping.store("x");
    // Old enough to be trusted, were it not for the store.
    sleep(Duration::from_millis(60));
    let options = Options {
        watcher: Some(Arc::new(AtEnd(Mutex::new(mapping)))),
        ..Options::new(Arc::new(NoContainers), Arc::new(SystemClock), Arc::new(RandomIds))
    };
    let request = CommitRequest {
        volume: Some("db".parse().unwrap()),
        message: "Meanwhile".to_owned(),
        author: None,
        date: None,
    };
    let author = Signature { name: "Ada".to_owned(), email: String::new() };
    let around = || Surroundings { author, code: None };
    ops::commit(&dvol::pool::Pool::new(Layout::new(pool.root()), options), &request, around).unwrap();
    assert_eq!(pool.read("db", "sub/data"), "yne");
    assert!(pool.ok(["status"]).contains("sub/data"));
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "sub/data"), "xne");
}

#[test]
fn a_write_within_one_tick_of_the_commit_is_seen() {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    for _ in 0..10 {
        pool.write("db", "state", "one");
        pool.ok(["commit", "-m", "One"]);
        pool.write("db", "state", "two");
        assert!(pool.ok(["status"]).contains("state"));
        pool.ok(["reset", "--hard", "HEAD"]);
        assert_eq!(pool.read("db", "state"), "one");
        pool.write("db", "state", "six");
        pool.ok(["reset", "--hard", "HEAD"]);
        assert_eq!(pool.read("db", "state"), "one");
    }
}

/// Moves the bounds of the stat index, as a clock that is set back by so many seconds would.
fn shift_bounds(pool: &Pool, seconds: i64) {
    let layout = Layout::new(pool.root());
    let store = Store::new(&layout, Duration::from_secs(5));
    let (volume, branch) = ("db".parse().unwrap(), "master".parse().unwrap());
    let read = |rows: Rows<'_>| {
        let record = rows.tree_index(&volume, &branch)?.unwrap();
        Ok::<_, StoreError>((record, rows.tree_index_page(&volume, &branch, b"", usize::MAX)?))
    };
    let (mut record, page) = store.read(read).unwrap();
    record.modified.0 += seconds;
    record.changed.0 += seconds;
    let mut pieces = Spool::new(&layout.staging());
    for (directory, hashes) in page.directories {
        pieces.put(&piece_key(&directory, 0), &hashes).unwrap();
    }
    store.write(|writer| writer.set_tree_index(&volume, &branch, Some((&record, &mut pieces)))).unwrap();
}

#[test]
fn an_index_from_before_the_clock_was_set_back_is_not_trusted() {
    for (seconds, reused) in [(0, 21), (60, 20)] {
        let pool = settled();
        shift_bounds(&pool, seconds);
        // With such bounds every time looks old enough: what is written now would pass for
        // unchanged. The bytes are compared instead, which finds what is wrong in the commit.
        let data = pool.root().join("db/commits").join(&pool.ids("db")[0]).join("sub/data");
        let before = fs::metadata(&data).unwrap();
        fs::write(&data, "two").unwrap();
        restore_times(&data, &before);
        let reset = json(&pool.ok(["reset", "--hard", "HEAD", "--format", "json"]));
        assert_eq!(reset["quiesced"]["reused"], reused, "{reset}");
        assert!(pool.ok(["status"]).contains("working tree clean"));
    }
}

#[test]
fn a_time_of_modification_that_lies_ahead_is_not_trusted() {
    let pool = settled();
    let data = pool.file("db", "sub/data");
    let ahead = FileTimes::new().set_modified(std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000));
    fs::write(&data, "two").unwrap();
    File::options().write(true).open(&data).unwrap().set_times(ahead).unwrap();
    pool.ok(["commit", "-m", "Two"]);
    fs::write(&data, "six").unwrap();
    File::options().write(true).open(&data).unwrap().set_times(ahead).unwrap();
    assert!(pool.ok(["status"]).contains("sub/data"));
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "sub/data"), "two");
}

#[test]
fn reset_shares_no_inode_with_commits_or_trash() {
    let pool = settled();
    pool.write("db", "file3", "changed");
    pool.ok(["reset", "--hard", "HEAD"]);
    for entry in walkdir::WalkDir::new(pool.root()).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let links = entry.metadata().unwrap().nlink();
            assert_eq!(links, 1, "{}", entry.path().display());
        }
    }
}

#[test]
fn reset_copies_what_changed_and_takes_over_the_rest() {
    let pool = settled();
    let inode = |pool: &Pool, name: &str| fs::metadata(pool.file("db", name)).unwrap().ino();
    let before = inode(&pool, "file4");
    pool.write("db", "file3", "changed");
    fs::remove_file(pool.file("db", "file5")).unwrap();
    pool.write("db", "new", "");
    let reset = json(&pool.ok(["reset", "--hard", "HEAD", "--format", "json"]));
    assert_eq!(reset["quiesced"]["reused"], 19, "{reset}");
    assert_eq!(reset["quiesced"]["files"], 2, "{reset}");
    assert_eq!(inode(&pool, "file4"), before);
    assert_eq!(pool.read("db", "file3"), "content 3");
    assert_eq!(pool.read("db", "file5"), "content 5");
    assert!(!pool.file("db", "new").exists());
    assert!(pool.ok(["status"]).contains("working tree clean"));
}

/// A database's root may hold nothing but directories.
#[test]
fn files_beneath_directories_of_directories_are_taken_over() {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    fs::create_dir_all(pool.file("db", "a/b/c")).unwrap();
    pool.write("db", "a/b/c/data", "one");
    sleep(Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    assert_eq!(taken_over(&pool, "HEAD"), 1);
}

/// How many files a reset to `revision` took over, after which the tree is that commit's.
fn taken_over(pool: &Pool, revision: &str) -> u64 {
    let reset = json(&pool.ok(["reset", "--hard", revision, "--format", "json"]));
    assert!(pool.ok(["status"]).contains("working tree clean"));
    // Once more with nothing known: the bytes are compared.
    let differs = pool.run(["diff", "--exit-code", "HEAD"]);
    assert_eq!((differs.code, differs.out.as_str()), (0, ""));
    reset["quiesced"]["reused"].as_u64().unwrap()
}

#[test]
fn a_reset_to_another_commit_takes_over_what_the_commits_between_left_alone() {
    let pool = settled();
    pool.ok(["tag", "one"]);
    pool.write("db", "file3", "two");
    fs::remove_file(pool.file("db", "file5")).unwrap();
    fs::set_permissions(pool.file("db", "file6"), fs::Permissions::from_mode(0o600)).unwrap();
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["tag", "two"]);
    pool.write("db", "file3", "six");
    fs::hard_link(pool.file("db", "file7"), pool.file("db", "twin")).unwrap();
    pool.write("db", "sub/new", "new");
    pool.ok(["commit", "-m", "Three"]);
    pool.ok(["tag", "three"]);

    // Back over two commits: all but files 3, 5, 6 and 7, and what is not there.
    assert_eq!(taken_over(&pool, "one"), 17);
    assert_eq!(pool.read("db", "file3"), "content 3");
    assert_eq!(pool.read("db", "file5"), "content 5");
    assert_eq!(fs::metadata(pool.file("db", "file7")).unwrap().nlink(), 1);
    // Forth again. What this reset itself took over is known as before.
    assert_eq!(taken_over(&pool, "three"), 17);
    assert_eq!(pool.read("db", "file3"), "six");
    assert_eq!(pool.read("db", "sub/new"), "new");
    assert_eq!(fs::metadata(pool.file("db", "twin")).unwrap().nlink(), 2);
    // What is changed on top of it is not taken over.
    pool.write("db", "file9", "mine");
    assert_eq!(taken_over(&pool, "two"), 17);
    assert_eq!(pool.read("db", "file9"), "content 9");
    assert_eq!(pool.read("db", "file3"), "two");
    // To a commit on another line, by way of the one that both come from.
    pool.ok(["reset", "--hard", "one"]);
    pool.write("db", "file11", "side");
    pool.ok(["commit", "-m", "Side"]);
    assert_eq!(taken_over(&pool, "two"), 17);
    assert_eq!(pool.read("db", "file11"), "content 11");
    pool.ok(["fsck"]);
}

#[test]
fn back_and_forth_between_two_commits_copies_what_differs() {
    let pool = settled();
    pool.write("db", "file3", "two");
    pool.ok(["commit", "-m", "Two"]);
    for _ in 0..3 {
        assert_eq!(taken_over(&pool, "HEAD^"), 20);
        assert_eq!(pool.read("db", "file3"), "content 3");
        // The other commit lies in trash.
        assert_eq!(taken_over(&pool, "ORIG_HEAD"), 20);
        assert_eq!(pool.read("db", "file3"), "two");
    }
    // What trash holds no longer has no rows either.
    pool.ok(["reset", "--hard", "HEAD^"]);
    assert!(!pool.ok(["fsck"]).contains("stat index"));
    pool.ok(["gc", "--all", "-f"]);
    assert!(!pool.ok(["fsck"]).contains("stat index"));
}

#[test]
fn what_no_index_relates_is_compared_and_not_copied() {
    let pool = settled();
    pool.write("db", "file3", "mine");
    pool.ok(["reset", "--hard", "HEAD"]);
    pool.ok(["undo"]);
    sleep(Duration::from_millis(60));
    assert_eq!(taken_over(&pool, "HEAD"), 20);
    assert_eq!(pool.read("db", "file3"), "content 3");

    // A change that no time tells is found by its bytes.
    let data = pool.file("db", "sub/data");
    let committed = fs::metadata(&data).unwrap();
    for change in [
        |path: &Path| fs::write(path, "two").unwrap(),
        |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap(),
        |path: &Path| fs::hard_link(path, path.with_file_name("twin")).unwrap(),
    ] {
        pool.ok(["undo"]);
        change(&data);
        restore_times(&data, &committed);
        sleep(Duration::from_millis(60));
        assert_eq!(taken_over(&pool, "HEAD"), 19);
        assert_eq!(pool.read("db", "sub/data"), "one");
        let after = fs::metadata(&data).unwrap();
        assert_eq!((after.mode(), after.nlink()), (committed.mode(), 1));
        assert!(!pool.file("db", "sub/twin").exists());
    }
    pool.ok(["fsck"]);
}

#[test]
fn a_file_that_another_commit_has_as_a_directory_is_no_file_there() {
    let pool = settled();
    fs::remove_file(pool.file("db", "file3")).unwrap();
    fs::create_dir(pool.file("db", "file3")).unwrap();
    pool.write("db", "file3/in", "it");
    fs::remove_dir_all(pool.file("db", "sub")).unwrap();
    pool.write("db", "sub", "a file now");
    sleep(Duration::from_millis(60));
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["tag", "two"]);
    for _ in 0..2 {
        assert_eq!(taken_over(&pool, "HEAD~1"), 19);
        assert_eq!(pool.read("db", "file3"), "content 3");
        assert_eq!(pool.read("db", "sub/data"), "one");
        assert_eq!(taken_over(&pool, "two"), 19);
        assert_eq!(pool.read("db", "file3/in"), "it");
        assert_eq!(pool.read("db", "sub"), "a file now");
    }
    // What is known of the second is compared with the first, and the other way round.
    let kinds = pool.ok(["diff", "--name-status", "HEAD~1"]);
    assert!(kinds.contains("file3") && kinds.contains("sub"), "{kinds}");
}

#[test]
fn a_new_working_tree_is_known_from_the_start() {
    let pool = settled();
    pool.ok(["checkout", "-b", "side"]);
    assert_eq!(taken_over(&pool, "HEAD"), 21);
    pool.ok(["clone", "db", "copy"]);
    pool.ok(["switch", "copy"]);
    assert_eq!(taken_over(&pool, "HEAD"), 21);
    let archive = pool.root().join("archive");
    pool.ok(["export", "db", archive.to_str().unwrap()]);
    pool.ok(["import", archive.to_str().unwrap(), "again"]);
    pool.ok(["switch", "again"]);
    assert_eq!(taken_over(&pool, "HEAD"), 21);
}

#[test]
fn a_directory_and_a_file_that_changed_places() {
    let pool = settled();
    fs::remove_dir_all(pool.file("db", "sub")).unwrap();
    pool.write("db", "sub", "a file now");
    fs::remove_file(pool.file("db", "file7")).unwrap();
    fs::create_dir(pool.file("db", "file7")).unwrap();
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "sub/data"), "one");
    assert_eq!(pool.read("db", "file7"), "content 7");
}

#[test]
fn paths_longer_than_the_kernel_takes_go_through_every_verb() {
    let pool = settled();
    let deep: PathBuf = pool.file("db", "deep");
    fs::create_dir(&deep).unwrap();
    let mut at = File::open(&deep).unwrap();
    let name = CString::new("d".repeat(200)).unwrap();
    for _ in 0..40 {
        rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        at = File::from(rustix::fs::openat(&at, &name, flags, rustix::fs::Mode::empty()).unwrap());
    }
    pool.ok(["commit", "-m", "Deep"]);
    pool.ok(["status"]);
    pool.ok(["reset", "--hard", "HEAD"]);
    pool.ok(["reset", "--hard", "HEAD~1"]);
    assert!(!deep.exists());
    pool.ok(["fsck"]);
}

#[test]
fn undo_brings_back_the_very_tree_that_a_reset_took_files_over_from() {
    let pool = settled();
    pool.write("db", "file3", "mine");
    pool.write("db", "sub/new", "mine too");
    fs::remove_file(pool.file("db", "file5")).unwrap();
    fs::set_permissions(pool.file("db", "sub"), fs::Permissions::from_mode(0o750)).unwrap();
    let reset = json(&pool.ok(["reset", "--hard", "HEAD", "--format", "json"]));
    assert_eq!(reset["quiesced"]["reused"], 19, "{reset}");
    // What is written from here on must not reach the tree in trash.
    pool.write("db", "file4", "later");
    for _ in 0..2 {
        pool.ok(["undo"]);
        assert_eq!(pool.read("db", "file3"), "mine");
        assert_eq!(pool.read("db", "file4"), "content 4");
        assert_eq!(pool.read("db", "sub/new"), "mine too");
        assert_eq!(pool.read("db", "sub/data"), "one");
        assert!(!pool.file("db", "file5").exists());
        assert_eq!(fs::metadata(pool.file("db", "sub")).unwrap().mode() & 0o777, 0o750);
        // The redo, and back again.
        pool.ok(["redo"]);
        assert_eq!(pool.read("db", "file4"), "later");
        assert_eq!(pool.read("db", "file5"), "content 5");
    }
    pool.ok(["fsck"]);
}

/// All that can be seen of a tree, but for times of access and of change.
fn told(tree: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(tree).sort_by_file_name().into_iter().map(Result::unwrap);
    let tell = |entry: walkdir::DirEntry| {
        let (path, meta) = (entry.path().strip_prefix(tree).unwrap().display(), entry.metadata().unwrap());
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let (mode, links) = (meta.mode(), if meta.is_dir() { 0 } else { meta.nlink() });
        format!("{path} {mode:o} {links} {}.{} {text}", meta.mtime(), meta.mtime_nsec())
    };
    entries.map(tell).collect()
}

#[test]
fn an_undo_gives_back_times_and_modes_as_they_were_also_of_directories() {
    let pool = settled();
    let commit = pool.root().join("db/commits").join(&pool.ids("db")[0]);
    fs::create_dir_all(pool.file("db", "sub/new/deep")).unwrap();
    pool.write("db", "sub/new/deep/file", "mine");
    fs::remove_file(pool.file("db", "file5")).unwrap();
    fs::hard_link(pool.file("db", "file6"), pool.file("db", "sub/twin")).unwrap();
    fs::set_permissions(pool.file("db", "sub"), fs::Permissions::from_mode(0o2711)).unwrap();
    let before = told(&pool.file("db", ""));
    let reset = json(&pool.ok(["reset", "--hard", "HEAD", "--format", "json"]));
    assert_eq!(reset["quiesced"]["reused"], 19, "{reset}");
    assert_eq!(told(&pool.file("db", "")), told(&commit));
    pool.ok(["undo"]);
    assert_eq!(told(&pool.file("db", "")), before);
    pool.ok(["redo"]);
    assert_eq!(told(&pool.file("db", "")), told(&commit));
    pool.ok(["fsck"]);
}
