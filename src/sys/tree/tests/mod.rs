//! Tests of the tree engine. `snapshot` is the checker; it shares no code with the engine.

mod changes;
mod exact;
mod exchange;
mod first_pass;
mod handed_on;
mod hostile;
mod patch;
mod removal;
mod rungs;
mod second_pass;
mod spare;
mod writers;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use tempfile::TempDir;

use super::copy::content::{Ladder, next_data};
use super::copy::tree::copy_with;
use super::exchange::list::{ListReader, ListRecord, ListWriter};
use super::*;
use crate::sys::error::DiskError;

/// Returns whether a test that needs root can run. In CI it must.
fn root_or_skip() -> bool {
    #[allow(clippy::disallowed_methods, reason = "a test may ask where it runs")]
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let root = rustix::process::geteuid().is_root();
    assert!(root || !in_ci, "this test needs root, and CI must run it");
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// Does `work` as the user 65534. In Linux each thread has its own credentials, and so do its
/// children.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let as_other = || {
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(Gid::from_raw(65_534)).unwrap();
        rustix::thread::set_thread_uid(Uid::from_raw(65_534)).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(as_other).join().unwrap())
}

/// Gives `path` and everything beneath it to the user 65534.
fn give_to_nobody(path: &Path) {
    run(
        "chown",
        &["-hR", "65534:65534"].map(OsStr::new).into_iter().chain([path.as_os_str()]).collect::<Vec<_>>(),
    );
}

/// A directory with an empty `src` and an empty `dst`.
struct Pair {
    _home: TempDir,
    src: PathBuf,
    dst: PathBuf,
}

impl Pair {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (src, dst) = (home.path().join("src"), home.path().join("dst"));
        make_dir(&src);
        make_dir(&dst);
        Pair { _home: home, src, dst }
    }

    fn copy(&self) -> Result<CopyStats, DiskError> {
        copy_tree(&self.src, &self.dst, &CopyOptions::default())
    }

    fn changes(&self) -> Vec<(String, ChangeKind)> {
        changes(&self.src, &self.dst)
    }
}

/// Lists the extents of data of a file, as the file system tells them.
fn extents(path: &Path) -> Vec<(u64, u64)> {
    let file: std::os::fd::OwnedFd = fs::File::open(path).unwrap().into();
    let size = fs::metadata(path).unwrap().size();
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut offset = 0;
    while let Some((start, end)) = next_data(&file, offset, size).unwrap() {
        match found.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => found.push((start, end)),
        }
        offset = end;
    }
    found
}

fn changes(old: &Path, new: &Path) -> Vec<(String, ChangeKind)> {
    let mut changes = Vec::new();
    compare_trees(old, new, &mut |change| {
        changes.push((change.path.to_string_lossy().into_owned(), change.kind));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    changes
}

#[allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]
fn make_dir(path: &Path) {
    fs::create_dir(path).unwrap();
}

#[allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]
fn make_file(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
}

#[allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]
fn delete_file(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn set_xattr(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

fn make_node(path: &Path, kind: FileType, device: u64) {
    rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o640), device).unwrap();
}

/// Runs a program that must succeed; returns its output.
fn run(program: &str, arguments: &[&OsStr]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A mount that ends with the test.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(at: &'a Path, arguments: &[&OsStr]) -> Self {
        run("mount", &[arguments, &[at.as_os_str()]].concat());
        Mount(at)
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// Sets odd times on all entries, with an access time in the future, which reading does not move.
fn set_times(root: &Path) {
    let mut seconds = 1_000_000_000;
    let mut todo = vec![root.to_owned()];
    let mut done = Vec::new();
    while let Some(path) = todo.pop() {
        if path.symlink_metadata().unwrap().is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        done.push(path);
    }
    for path in done.iter().rev() {
        seconds += 86_399;
        let times = Timestamps {
            last_access: Timespec { tv_sec: seconds + 3_000_000_000, tv_nsec: 987_654_321 },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: 123_456_789 },
        };
        rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

/// Describes everything that a copy must keep, by relative path; the first path stands for an
/// inode.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut entries = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    let mut firsts: HashMap<u64, PathBuf> = HashMap::new();
    while let Some(path) = todo.pop() {
        let meta = path.symlink_metadata().unwrap();
        let relative = path.strip_prefix(root).unwrap().to_owned();
        let kind = meta.file_type();
        let (mut content, mut size, mut first) = (Vec::new(), 0, relative.clone());
        if kind.is_dir() {
            let mut children: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect();
            children.sort();
            todo.extend(children.into_iter().rev());
        } else {
            first = firsts.entry(meta.ino()).or_insert_with(|| relative.clone()).clone();
        }
        if kind.is_file() {
            (content, size) = (fs::read(&path).unwrap(), meta.size());
        } else if kind.is_symlink() {
            content = fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec();
        }
        let device = if kind.is_char_device() || kind.is_block_device() { meta.rdev() } else { 0 };
        let links = if kind.is_dir() { 0 } else { meta.nlink() };
        let (read, modified) = ((meta.atime(), meta.atime_nsec()), (meta.mtime(), meta.mtime_nsec()));
        // Reading a link that is newer than its last reading moves that time (relatime): the copier
        // does, and so does this look.
        let read = if kind.is_symlink() && read <= modified { (0, 0) } else { read };
        let times = (read.0, read.1, modified.0, modified.1);
        let owner = (meta.uid(), meta.gid());
        let mode = meta.mode();
        let attributes = run(
            "getfattr",
            &["-hd", "-m-", "-e", "hex"]
                .map(OsStr::new)
                .into_iter()
                .chain([path.as_os_str()])
                .collect::<Vec<_>>(),
        );
        let attributes: Vec<_> = attributes
            .split(|b| *b == b'\n')
            .filter(|line| !line.starts_with(b"#"))
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let content = (content.len(), digest(&content));
        let text = format!(
            "{mode:o} {owner:?} {device} {links} {first:?} {size} {times:?} {content:?} {attributes:?}"
        );
        entries.insert(relative, text);
    }
    entries
}

/// Computes FNV-1a, enough to tell two contents apart in a readable message.
fn digest(content: &[u8]) -> u64 {
    content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn assert_same(left: &BTreeMap<PathBuf, String>, right: &BTreeMap<PathBuf, String>) {
    for (path, text) in left {
        assert_eq!(Some(text), right.get(path), "{}", path.display());
    }
    assert_eq!(left.len(), right.len());
}

/// Makes bytes that do not repeat within a block.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| step()).collect()
}

/// Makes a tree with everything that this user can make.
fn fill(root: &Path) {
    make_dir(&root.join("empty"));
    make_dir(&root.join("sub"));
    make_dir(&root.join("sub/deeper"));
    make_file(&root.join("nothing"), b"");
    make_file(&root.join("small"), b"hello");
    make_file(&root.join("sub/large"), &noise(3_000_001));
    make_file(&root.join(OsStr::from_bytes(b"not \xff\xfe utf-8\n")), b"odd name");
    make_file(&root.join("sub/read-only"), b"ro");
    set_xattr(&root.join("sub/read-only"), "user.note", b"kept");
    set_mode(&root.join("sub/read-only"), 0o444);
    make_file(&root.join("open-to-all"), b"666");
    set_mode(&root.join("open-to-all"), 0o666);
    make_file(&root.join("setuid"), b"#!");
    set_mode(&root.join("setuid"), 0o6755);
    set_xattr(&root.join("sub"), "user.of.directory", &[0, 255, 10]);
    symlink("small", root.join("link")).unwrap();
    symlink(OsStr::from_bytes(b"/no/where \xff"), root.join("sub/dangling")).unwrap();
    fs::hard_link(root.join("small"), root.join("sub/small-again")).unwrap();
    fs::hard_link(root.join("small"), root.join("sub/deeper/small-too")).unwrap();
    fs::hard_link(root.join("link"), root.join("sub/link-again")).unwrap();
    make_node(&root.join("fifo"), FileType::Fifo, 0);
    make_node(&root.join("socket"), FileType::Socket, 0);
    set_mode(&root.join("fifo"), 0o622);
    set_mode(&root.join("empty"), 0o1777);
    set_mode(&root.join("sub/deeper"), 0o2750);
    set_mode(root, 0o2700);
}

/// Splits a list of exchange steps into two beside it: one up to step number `done`, and one of the
/// rest. Each record has one step. Returns also how many there are.
fn split_list(list: &Path, done: usize) -> ([PathBuf; 2], usize) {
    let paths = ["first", "second"].map(|name| list.with_extension(name));
    let [mut first, mut second] = [&paths[0], &paths[1]].map(|path| ListWriter::new(path).unwrap());
    let (mut all, mut count) = (ListReader::open(list).unwrap().unwrap(), 0);
    while let Some(record) = all.take().unwrap() {
        let each = match record {
            ListRecord::Steps(path, steps) => {
                steps.into_iter().map(|step| ListRecord::Steps(path.clone(), vec![step])).collect()
            }
            other => vec![other],
        };
        for record in &each {
            let part = if count < done { &mut first } else { &mut second };
            part.add(record).unwrap();
            count += 1;
        }
    }
    first.finish().unwrap();
    second.finish().unwrap();
    (paths, count)
}
