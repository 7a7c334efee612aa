//! The tree engine on file systems that share blocks between files, and between file systems.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests write files of their own")]

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use dvol::sys::tree::{
    CopyOptions, CopyStats, CopyWay, FileTime, FirstPass, Rung, Update, compare_trees, copy_first_pass,
    copy_tree, free_space, sync_filesystem, update_tree,
};
use mmarinus::{Map, Shared, perms};
use support::{LoopImage, skip};

const FILES: u64 = 20;
const EACH: u64 = 1_000_003;

fn fill(root: &Path) {
    for index in 0..FILES {
        let file = fs::File::create(root.join(format!("file-{index}"))).unwrap();
        let bytes: Vec<u8> = (0..EACH).map(|at| (at * (at >> 7) + index) as u8).collect();
        file.write_all_at(&bytes, 0).unwrap();
    }
    fs::File::create(root.join("empty")).unwrap();
}

fn copy(src: &Path, dst: &Path) -> CopyStats {
    let stats = copy_tree(src, dst, &CopyOptions::default()).unwrap();
    sync_filesystem(dst).unwrap();
    let diff = Command::new("diff").arg("-r").args([src, dst]).status().unwrap();
    assert!(diff.success());
    compare_trees(src, dst, &mut |change| -> ControlFlow<()> { panic!("{change:?}") }).unwrap();
    stats
}

const ALL: Rung = Rung { files: FILES, bytes: FILES * EACH };
const NONE: Rung = Rung { files: 0, bytes: 0 };

fn clones(image: &LoopImage) {
    let (src, dst) = (image.directory("src"), image.directory("dst"));
    fill(&src);
    sync_filesystem(&src).unwrap();
    let before = free_space(&src).unwrap();
    let stats = copy(&src, &dst);
    assert_eq!(
        (stats.by_way[CopyWay::Cloned], stats.by_way[CopyWay::Ranged], stats.by_way[CopyWay::Written]),
        (ALL, NONE, NONE)
    );
    let taken = before.saturating_sub(free_space(&src).unwrap());
    assert!(taken < 4_000_000, "{taken} bytes for a copy that shares its blocks");

    // A write into the copy does not show in the source.
    let file = fs::OpenOptions::new().write(true).open(dst.join("file-0")).unwrap();
    file.write_all_at(b"changed", 500).unwrap();
    let mut read = [0; 7];
    fs::File::open(src.join("file-0")).unwrap().read_exact_at(&mut read, 500).unwrap();
    assert_ne!(&read, b"changed");
}

#[test]
fn xfs_shares_blocks() {
    let Some(image) = LoopImage::new("xfs", &["-q", "-m", "reflink=1"], 400) else { return };
    clones(&image);
}

#[test]
fn btrfs_shares_blocks() {
    let Some(image) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    clones(&image);
}

/// What `dvol du` says of the unshared bytes of the branch and of the commits, newest first.
fn unshared(pool: &Path) -> Vec<u64> {
    let output = dvol(pool, &["du", "--format", "json"]);
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<u64> = lines.iter().map(|line| line["unshared"].as_u64().unwrap()).collect();
    let (total, each) = told.split_last().unwrap();
    assert_eq!(*total, each.iter().sum::<u64>());
    for line in &lines[..lines.len() - 1] {
        assert_eq!(line["logical"], FILES * EACH, "{line}");
    }
    each.to_vec()
}

fn dvol(pool: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dvol"));
    command.arg("--disable-docker-integration").arg("--pool").arg(pool).args(args);
    let output = command.current_dir(pool.parent().unwrap()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A volume of `FILES`, committed; then the whole of `file-1` is written anew. Gives what `du` says
/// before and after.
fn du(image: &LoopImage) -> [Vec<u64>; 2] {
    let pool = image.path().join("pool");
    dvol(&pool, &["init", "db"]);
    let tree = pool.join("db/branches/master");
    fill(&tree);
    dvol(&pool, &["commit", "-m", "one"]);
    let before = unshared(&pool);
    let file = fs::OpenOptions::new().write(true).open(tree.join("file-1")).unwrap();
    file.write_all_at(&vec![7; EACH as usize], 0).unwrap();
    // Not synced: what is to be written out yet counts too.
    [before, unshared(&pool)]
}

/// Directories, ends of files, and what file systems round up to.
const LITTLE: u64 = 200_000;

fn du_where_blocks_are_shared(image: &LoopImage) {
    let [before, after] = du(image);
    assert!(before.iter().all(|bytes| *bytes < LITTLE), "{before:?}");
    // The branch has new blocks now, and the commit alone has the old ones.
    for bytes in &after {
        assert!((EACH..EACH + LITTLE).contains(bytes), "{after:?}");
    }
}

#[test]
fn du_tells_shared_blocks_of_xfs() {
    let Some(image) = LoopImage::new("xfs", &["-q", "-m", "reflink=1"], 400) else { return };
    du_where_blocks_are_shared(&image);
}

#[test]
fn du_tells_shared_blocks_of_btrfs() {
    let Some(image) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    du_where_blocks_are_shared(&image);
}

#[test]
fn du_counts_all_as_unshared_on_ext4_but_what_is_linked_elsewhere() {
    let Some(image) = LoopImage::new("ext4", &["-q"], 400) else { return };
    let [before, after] = du(&image);
    assert_eq!(before, after);
    assert!(before.iter().all(|bytes| (FILES * EACH..FILES * EACH + LITTLE).contains(bytes)), "{before:?}");
    // A second name inside changes nothing, one outside makes the file a shared one.
    let tree = image.path().join("pool/db/branches/master");
    fs::hard_link(tree.join("file-2"), tree.join("again")).unwrap();
    assert_eq!(unshared(&image.path().join("pool")), before);
    fs::hard_link(tree.join("file-2"), image.path().join("outside")).unwrap();
    let linked = unshared(&image.path().join("pool"));
    assert_eq!(linked[1], before[1]);
    assert!((EACH..EACH + LITTLE).contains(&(before[0] - linked[0])), "{before:?} {linked:?}");
}

/// btrfs refuses to share blocks between a file without copy-on-write and one with it.
#[test]
fn btrfs_without_copy_on_write_shares_blocks_too() {
    let Some(image) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    let (src, dst) = (image.directory("src"), image.directory("dst"));
    assert!(Command::new("chattr").arg("+C").arg(&src).status().unwrap().success());
    fill(&src);
    let half = image.directory("half");
    let stats = copy(&src, &dst);
    assert_eq!(stats.by_way[CopyWay::Cloned], ALL);
    // And the other way: the directory makes its files so, the source is not.
    assert!(Command::new("chattr").arg("+C").arg(&half).status().unwrap().success());
    let plain = image.directory("plain");
    fill(&plain);
    assert_eq!(copy(&plain, &half).by_way[CopyWay::Cloned], ALL);
}

#[test]
fn xfs_without_shared_blocks_lets_the_kernel_copy() {
    let Some(image) = LoopImage::new("xfs", &["-q", "-m", "reflink=0"], 400) else { return };
    let (src, dst) = (image.directory("src"), image.directory("dst"));
    fill(&src);
    let stats = copy(&src, &dst);
    assert_eq!((stats.by_way[CopyWay::Cloned], stats.by_way[CopyWay::Ranged]), (NONE, ALL));
}

#[test]
fn from_one_file_system_to_another() {
    let Some(xfs) = LoopImage::new("xfs", &["-q"], 400) else { return };
    let Some(btrfs) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    let (src, dst) = (xfs.directory("src"), btrfs.directory("dst"));
    fill(&src);
    let stats = copy(&src, &dst);
    assert_eq!(stats.by_way[CopyWay::Cloned], NONE);
    assert_eq!(stats.by_way[CopyWay::Ranged].files + stats.by_way[CopyWay::Written].files, FILES);
    assert_eq!(stats.bytes, FILES * EACH);
}

/// How many files a reset of a pool in `image` took over, of three that were not touched.
fn taken_over(image: &Path) -> u64 {
    let dvol = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dvol"));
        command.args(["--disable-docker-integration", "--format", "json", "-p"]).arg(image.join("pool"));
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    dvol(&["init", "v"]);
    for name in ["a", "b", "c"] {
        let file = fs::File::create(image.join("pool/v/running_point").join(name)).unwrap();
        file.write_all_at(name.as_bytes(), 0).unwrap();
    }
    // Older than a tick of the clock, by the time that the commit looks.
    std::thread::sleep(std::time::Duration::from_millis(50));
    dvol(&["commit", "-m", "one"]);
    let done = dvol(&["reset", "--hard", "HEAD"]);
    let done: serde_json::Value = serde_json::from_slice(&done).unwrap();
    done["quiesced"]["reused"].as_u64().unwrap()
}

/// A process may store through a mapping that it made long ago. Where nothing is written back, no
/// time tells.
#[test]
fn what_is_in_memory_is_never_taken_over_unread() {
    let Some(memory) = LoopImage::in_memory() else { return };
    assert_eq!(taken_over(&memory.path()), 0);
    let Some(disk) = LoopImage::new("xfs", &["-q"], 400) else { return };
    assert_eq!(taken_over(&disk.path()), 3);
}

/// On a file system that no other test makes files on, so that the number is free when it is
/// wanted.
#[test]
fn an_inode_number_that_is_used_again_is_another_file() {
    for kind in ["ext4", "xfs"] {
        let Some(image) = LoopImage::new(kind, &["-q"], 400) else { return };
        assert_eq!(taken_over(&image.path()), 3);
        let pool = image.path().join("pool");
        let data = pool.join("v/running_point/a");
        let before = fs::metadata(&data).unwrap();
        let is_again = || {
            rustix::fs::unlink(&data).unwrap();
            fs::File::create(&data).unwrap().write_all_at(b"z", 0).unwrap();
            fs::metadata(&data).unwrap().ino() == before.ino()
        };
        assert!((0..1000).any(|_| is_again()), "{kind} did not use the number again");
        let times = fs::FileTimes::new()
            .set_modified(before.modified().unwrap())
            .set_accessed(before.accessed().unwrap());
        fs::File::options().write(true).open(&data).unwrap().set_times(times).unwrap();
        assert_eq!(dvol(&pool, &["status", "--short"]), "M a\n");
        dvol(&pool, &["reset", "--hard", "HEAD"]);
        assert_eq!(fs::read(&data).unwrap(), b"a");
    }
}

/// A reset exchanges two directories. What that does to their times must neither show nor spoil the
/// stat index.
#[test]
fn each_reset_keeps_the_times_of_the_root_and_takes_files_over() {
    for kind in ["ext4", "xfs", "btrfs"] {
        let Some(image) = LoopImage::new(kind, &["-q"], 400) else { return };
        assert_eq!(taken_over(&image.path()), 3, "{kind}");
        let pool = image.path().join("pool");
        let root = fs::canonicalize(pool.join("v/running_point")).unwrap();
        let commit = fs::read_dir(pool.join("v/commits")).unwrap().next().unwrap().unwrap().path();
        let times = |path: &Path| {
            let metadata = fs::metadata(path).unwrap();
            (metadata.mtime(), metadata.mtime_nsec())
        };
        for round in 0..3 {
            assert_eq!(times(&root), times(&commit), "{kind}, after {round} more");
            let done = dvol(&pool, &["reset", "--hard", "HEAD", "--format", "json"]);
            let done: serde_json::Value = serde_json::from_str(&done).unwrap();
            assert_eq!(done["quiesced"]["reused"], 3, "{kind}, {round}: {done}");
        }
    }
}

/// A subvolume is no mount point: it is copied as the directory that it looks like.
#[test]
fn a_btrfs_subvolume_inside_is_a_directory() {
    let Some(image) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    let (src, dst) = (image.directory("src"), image.directory("dst"));
    let made =
        Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(src.join("sub")).status().unwrap();
    assert!(made.success());
    fs::File::create(src.join("sub/x")).unwrap();
    assert_eq!(copy(&src, &dst).directories, 1);
}

/// Writes other bytes of the same size over a file, which keeps its inode.
fn write_over(path: &Path, bytes: &str) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes.as_bytes(), 0).unwrap();
}

/// File systems that keep times in whole seconds.
const WHOLE_SECONDS: [(&str, &[&str]); 3] =
    [("ext3", &["-q", "-I", "128"]), ("ext4", &["-q", "-I", "128"]), ("ext2", &["-q", "-I", "128"])];

/// Such a write leaves no mark on the file while the second lasts.
#[test]
fn a_write_in_the_second_of_a_commit_is_seen_where_times_are_whole_seconds() {
    for (kind, options) in WHOLE_SECONDS {
        let Some(image) = LoopImage::new(kind, options, 200) else { return };
        let pool = image.path().join("pool");
        dvol(&pool, &["init", "v"]);
        let file = fs::canonicalize(pool.join("v/running_point")).unwrap().join("f");
        for round in 1..6 {
            fs::write(&file, format!("old{round}")).unwrap();
            dvol(&pool, &["commit", "-m", "one"]);
            write_over(&file, &format!("new{round}"));
            assert_eq!(dvol(&pool, &["status", "--short"]), "M f\n", "{kind}, round {round}");
            dvol(&pool, &["reset", "--hard", "HEAD"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("old{round}"), "{kind}, round {round}");
            // What the reset has brought was changed a moment ago as well.
            write_over(&file, &format!("NEW{round}"));
            assert_eq!(dvol(&pool, &["status", "--short"]), "M f\n", "{kind}, round {round}");
            dvol(&pool, &["commit", "-m", "two"]);
            dvol(&pool, &["reset", "--hard", "HEAD~1"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("old{round}"), "{kind}, round {round}");
            dvol(&pool, &["undo"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("NEW{round}"), "{kind}, round {round}");
            dvol(&pool, &["fsck", "--deep"]);
        }
    }
}

/// What the index could not be sure of is compared, and copied only if it differs.
#[test]
fn a_reset_copies_nothing_that_has_not_changed_where_times_are_whole_seconds() {
    for (kind, options) in WHOLE_SECONDS {
        let Some(image) = LoopImage::new(kind, options, 200) else { return };
        taken_over(&image.path());
        let pool = image.path().join("pool");
        let reset = || {
            std::thread::sleep(std::time::Duration::from_millis(2100));
            let done = dvol(&pool, &["--format", "json", "reset", "--hard", "HEAD"]);
            let done: serde_json::Value = serde_json::from_str(&done).unwrap();
            ["files", "reused"]
                .map(|what| done["quiesced"][what].as_u64().unwrap() + done["copied"][what].as_u64().unwrap())
        };
        assert_eq!(reset(), [0, 3], "{kind}");
        write_over(&pool.join("v/running_point/a"), "A");
        assert_eq!(reset(), [1, 2], "{kind}");
        assert_eq!(reset(), [0, 3], "{kind}");
    }
}

#[test]
fn the_second_pass_sees_a_write_in_the_second_of_the_first_one() {
    for (kind, options) in WHOLE_SECONDS {
        let Some(image) = LoopImage::new(kind, options, 200) else { return };
        for round in 0..5 {
            let (src, dst) =
                (image.directory(&format!("src{round}")), image.directory(&format!("dst{round}")));
            fs::write(src.join("f"), "old").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
            let options = CopyOptions::default();
            let copied = copy_first_pass(&src, &dst, &options, FileTime::now()).unwrap();
            let (copies, _) = copied.unwrap();
            write_over(&src.join("f"), "new");
            let update = Update { first_pass: FirstPass::ByMark(&copies), ..Update::default() };
            update_tree(&src, &dst, &options, &update).unwrap();
            assert_eq!(fs::read_to_string(dst.join("f")).unwrap(), "new", "{kind}, round {round}");
        }
    }
}

/// An overlay whose upper directory is on another file system, mounted until it is dropped.
struct Overlay<'u> {
    upper: &'u LoopImage,
}

impl<'u> Overlay<'u> {
    /// Mounts it with further options. Skips the test where the kernel cannot.
    fn new(upper: &'u LoopImage, options: &str) -> Option<Self> {
        let [lower, above, work, at] =
            ["lower", "upper", "work", "overlay"].map(|name| upper.directory(name));
        let (lower, above, work) = (lower.display(), above.display(), work.display());
        let options = format!("lowerdir={lower},upperdir={above},workdir={work}{options}");
        let mounted =
            Command::new("mount").args(["-t", "overlay", "-o", &options, "overlay"]).arg(&at).output();
        let mounted = mounted.unwrap();
        if !mounted.status.success() {
            skip(&format!("there is no overlayfs: {}", String::from_utf8_lossy(&mounted.stderr)));
            return None;
        }
        Some(Overlay { upper })
    }

    fn path(&self) -> PathBuf {
        self.upper.path().join("overlay")
    }
}

impl Drop for Overlay<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg(self.path()).status().unwrap();
    }
}

/// A file that is mapped into this process, as a database maps its files.
struct Mapped {
    map: Map<perms::ReadWrite, Shared>,
    memory: fs::File,
}

impl Mapped {
    fn new(path: &Path) -> Self {
        let mut file = fs::File::options().read(true).write(true).open(path).unwrap();
        let map = Map::bytes(file.metadata().unwrap().len() as usize).anywhere().from(&mut file, 0);
        let map = map.with_kind(Shared).with(perms::ReadWrite).unwrap();
        Mapped { map, memory: fs::File::options().write(true).open("/proc/self/mem").unwrap() }
    }

    fn store(&self, bytes: &[u8]) {
        self.memory.write_all_at(bytes, self.map.addr() as u64).unwrap();
    }
}

/// Stores through a mapping that was there before the commit, and asks whether it shows.
fn a_mapped_store_shows(at: &Path) {
    let pool = at.join("pool");
    dvol(&pool, &["init", "w"]);
    let file = fs::canonicalize(pool.join("w/running_point")).unwrap().join("f");
    fs::write(&file, "before").unwrap();
    let mapped = Mapped::new(&file);
    mapped.store(b"commit");
    std::thread::sleep(std::time::Duration::from_millis(50));
    dvol(&pool, &["commit", "-m", "one", "-C", "w"]);
    mapped.store(b"AFTER!");
    assert_eq!(dvol(&pool, &["status", "--short", "-C", "w"]), "M f\n");
    dvol(&pool, &["reset", "--hard", "HEAD", "-C", "w"]);
    assert_eq!(fs::read(&file).unwrap(), b"commit");
}

#[test]
fn a_store_through_a_mapping_shows_on_an_overlay_whatever_is_beneath() {
    let Some(memory) = LoopImage::in_memory() else { return };
    let Some(overlay) = Overlay::new(&memory, "") else { return };
    assert_eq!(taken_over(&overlay.path()), 0, "the upper directory is in memory");
    a_mapped_store_shows(&overlay.path());

    for kind in ["ext4", "xfs"] {
        let Some(disk) = LoopImage::new(kind, &["-q"], 400) else { return };
        let Some(overlay) = Overlay::new(&disk, ",volatile") else { return };
        assert_eq!(taken_over(&overlay.path()), 0, "a volatile overlay writes nothing back");
        a_mapped_store_shows(&overlay.path());
    }
    let Some(disk) = LoopImage::new("ext4", &["-q"], 400) else { return };
    let Some(overlay) = Overlay::new(&disk, "") else { return };
    assert_eq!(taken_over(&overlay.path()), 3);
    a_mapped_store_shows(&overlay.path());
}

#[test]
fn a_store_through_a_mapping_shows_on_every_file_system() {
    for kind in ["ext4", "xfs", "btrfs", "ext3"] {
        let Some(image) = LoopImage::new(kind, &["-q"], 400) else { return };
        a_mapped_store_shows(&image.path());
    }
    let Some(memory) = LoopImage::in_memory() else { return };
    a_mapped_store_shows(&memory.path());
}
