//! Checksums of the entries of a tree (the first bytes of BLAKE3): one of the content, one of the
//! rest.
//!
//! Entries come in the order of a walk that sorts names by their bytes, so that two lists can be
//! compared while they are read. Times of directories, access times and labels of the host do not
//! count.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Advice, FileType, fadvise, readlinkat};
use rustix::io::{Errno, pread};

use super::copy::content::{BUFFER_BYTES, next_data};
use super::entry::attributes::{XattrHolder, is_label, names};
use super::entry::handle::{Node, Stat, magic_path, open_root, refusal};
use super::entry::names::{DirectoryReader, SortedNames};
use crate::sys::error::{At as _, DiskError};

/// A checksum.
pub type Sum = [u8; 16];

/// Size in bytes from which on a file does not stay in the page cache after it was read.
const UNCACHED_MIN_BYTES: u64 = 1 << 20;

/// Bytes to read between two looks whether the tree is still in its place.
const CHECK_BYTES: u64 = 64 << 20;
/// Stands before what is summed of a file with holes.
const SPARSE: &[u8] = b"dvol: runs of data of a file with holes";

/// The checksums of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntrySums {
    /// Path of the entry relative to the root, with 0 for `/`, so that paths compare in walking
    /// order. The root's is empty.
    pub key: Vec<u8>,
    /// Checksum of type, mode, owner, size, modification time and extended attributes.
    pub attributes: Sum,
    /// Checksum of the bytes, the link target or the device number.
    pub content: Sum,
}

/// Returns the content's checksum of a file by its key if it is known, so that nothing is read.
pub(super) type Known<'k> = dyn FnMut(&[u8]) -> Result<Option<Sum>, DiskError> + 'k;
/// Receives each entry's checksums.
pub(super) type Each<'e> = dyn FnMut(EntrySums) -> Result<(), DiskError> + 'e;

/// Takes the checksums of the tree at `path`.
///
/// # Errors
/// When an entry cannot be read, or `known` or `each` fails; of kind `Interrupted` once `cancel` is
/// set.
pub fn sum_tree(
    path: &Path,
    cancel: &AtomicBool,
    known: &mut Known<'_>,
    each: &mut Each<'_>,
) -> Result<(), DiskError> {
    let handle = open_root(path)?;
    let mut sums = Sums { root: path, cancel, known, buffer: Vec::new(), value: Vec::new(), unchecked: 0 };
    let stat = Stat::of(handle.as_fd()).at("read the attributes of", path)?;
    let attributes = sums.attributes(&stat, handle.as_fd(), path)?;
    each(EntrySums { key: Vec::new(), attributes, content: Sum::default() })?;
    let mut reader = DirectoryReader::new();
    let (mut at, mut key) = (PathBuf::new(), Vec::new());
    let mut stack = vec![SortedNames::read(handle, &mut reader).at("read", path)?];
    while let Some(directory) = stack.last_mut() {
        let Some(name) = directory.peek().map(ToOwned::to_owned) else {
            stack.pop();
            at.pop();
            key = key_of(&at);
            continue;
        };
        let entry = sums.entry(directory, &name, &at, &key);
        directory.advance(&mut reader, |_, _, _| Ok(true)).at("read", &path.join(&at))?;
        let Some((entry, below)) = entry? else { continue };
        let below_key = entry.key.clone();
        each(entry)?;
        if let Some(handle) = below {
            at.push(OsStr::from_bytes(name.to_bytes()));
            key = below_key;
            stack.push(SortedNames::read(handle, &mut reader).at("read", &path.join(&at))?);
        }
    }
    Ok(())
}

fn key_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

fn short(hash: blake3::Hash) -> Sum {
    let mut sum = Sum::default();
    sum.copy_from_slice(&hash.as_bytes()[..size_of::<Sum>()]);
    sum
}

struct Sums<'s, 'k> {
    root: &'s Path,
    cancel: &'s AtomicBool,
    known: &'s mut Known<'k>,
    buffer: Vec<u8>,
    value: Vec<u8>,
    /// Bytes read since the last look whether the tree is there.
    unchecked: u64,
}

impl Sums<'_, '_> {
    /// Takes the sums of one entry, and opens it if it is a directory; returns `None` if it has
    /// gone.
    fn entry(
        &mut self,
        directory: &SortedNames,
        name: &CString,
        at: &Path,
        key: &[u8],
    ) -> Result<Option<(EntrySums, Option<OwnedFd>)>, DiskError> {
        self.check_stop()?;
        let full = self.root.join(at).join(OsStr::from_bytes(name.to_bytes()));
        let node = match Node::open(directory.handle.as_fd(), name) {
            Err(Errno::NOENT) => return Ok(None),
            other => other.map_err(|errno| refusal("open", &full, errno))?,
        };
        let mut key = key.to_vec();
        if !key.is_empty() {
            key.push(0);
        }
        key.extend_from_slice(name.to_bytes());
        let attributes = self.attributes(&node.stat, node.handle.as_fd(), &full)?;
        let (content, below) = match node.stat.kind {
            FileType::Directory => (Sum::default(), Some(node.reopen().at("open", &full)?)),
            FileType::RegularFile => match (self.known)(&key)? {
                Some(content) => (content, None),
                None => (self.content(&node, &full)?, None),
            },
            FileType::Symlink => {
                let target = readlinkat(&node.handle, c"", Vec::new()).at("read the link", &full)?;
                (short(blake3::hash(target.to_bytes())), None)
            }
            _ => (short(blake3::hash(&node.stat.device.to_le_bytes())), None),
        };
        Ok(Some((EntrySums { key, attributes, content }, below)))
    }

    /// Sums the bytes of a file. Holes are not read: a file that has some is summed by its runs of
    /// data, each with its place, so that a hole that became zeros shows.
    fn content(&mut self, node: &Node, full: &Path) -> Result<Sum, DiskError> {
        let size = node.stat.size;
        if size == 0 {
            return Ok(short(blake3::hash(&[])));
        }
        let file = node.reopen().at("open", full)?;
        let mut run = next_data(&file, 0, size).at("read", full)?;
        let mut hasher = blake3::Hasher::new();
        if run.is_some_and(|(start, end)| start == 0 && end >= size) {
            self.run(&file, &mut hasher, (0, u64::MAX), full)?;
        } else {
            hasher.update(SPARSE).update(&size.to_le_bytes());
            while let Some((start, end)) = run {
                hasher.update(&start.to_le_bytes()).update(&end.to_le_bytes());
                self.run(&file, &mut hasher, (start, end), full)?;
                run = next_data(&file, end, size).at("read", full)?;
            }
        }
        if size >= UNCACHED_MIN_BYTES {
            // No other process is likely to read it soon.
            let _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
        Ok(short(hasher.finalize()))
    }

    /// Reads a run of data up to its end or that of the file.
    fn run(
        &mut self,
        file: &OwnedFd,
        hasher: &mut blake3::Hasher,
        (mut offset, end): (u64, u64),
        full: &Path,
    ) -> Result<(), DiskError> {
        self.buffer.resize(BUFFER_BYTES, 0);
        while offset < end {
            self.check_stop()?;
            let wanted = (end - offset).min(BUFFER_BYTES as u64) as usize;
            let read = match pread(file, &mut self.buffer[..wanted], offset) {
                Err(Errno::INTR) => continue,
                other => other.at("read", full)?,
            };
            if read == 0 {
                break;
            }
            hasher.update(&self.buffer[..read]);
            offset += read as u64;
            self.unchecked += read as u64;
        }
        Ok(())
    }

    /// Fails when the caller wants to stop, or the tree has gone from its place: what an open
    /// handle still reads then is of no use.
    fn check_stop(&mut self) -> Result<(), DiskError> {
        let is_gone = self.unchecked >= CHECK_BYTES && {
            self.unchecked = 0;
            std::fs::symlink_metadata(self.root).is_err()
        };
        if self.cancel.load(Ordering::Relaxed) || is_gone {
            let stopped = std::io::Error::from(std::io::ErrorKind::Interrupted);
            return Err(DiskError::new("read", self.root, stopped));
        }
        Ok(())
    }

    fn attributes(&mut self, stat: &Stat, handle: BorrowedFd<'_>, full: &Path) -> Result<Sum, DiskError> {
        let mut hasher = blake3::Hasher::new();
        let mut put = |number: u64| {
            hasher.update(&number.to_le_bytes());
        };
        put((stat.mode.bits() | stat.kind.as_raw_mode()).into());
        put(u64::from(stat.uid) << 32 | u64::from(stat.gid));
        if stat.kind != FileType::Directory {
            put(stat.size);
            put(u64::from_ne_bytes(stat.times.last_modification.tv_sec.to_ne_bytes()));
            put(u64::from_ne_bytes(stat.times.last_modification.tv_nsec.to_ne_bytes()));
        }
        let path = magic_path(handle);
        let holder = XattrHolder::Magic(&path);
        let action = "read the extended attributes of";
        let listed = holder.list(&mut self.buffer).at(action, full)?;
        let mut sorted: Vec<&CStr> = names(listed).filter(|name| !is_label(name)).collect();
        sorted.sort_unstable();
        for name in sorted {
            let value = holder.get(name, &mut self.value).at(action, full)?.unwrap_or_default();
            hasher.update(name.to_bytes_with_nul()).update(&(value.len() as u64).to_le_bytes()).update(value);
        }
        Ok(short(hasher.finalize()))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn sums(path: &Path) -> Vec<EntrySums> {
        let mut found = Vec::new();
        let mut each = |entry| {
            found.push(entry);
            Ok(())
        };
        sum_tree(path, &AtomicBool::new(false), &mut |_| Ok(None), &mut each).unwrap();
        found
    }

    #[test]
    fn each_entry_is_met_in_order_and_any_change_of_it_is_told() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("a")).unwrap();
        for name in ["a/b", "a.b", "a/c", "z"] {
            fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a.b", at("link")).unwrap();
        let before = sums(home.path());
        let keys: Vec<_> = before.iter().map(|entry| String::from_utf8(entry.key.clone()).unwrap()).collect();
        assert_eq!(keys, ["", "a", "a\0b", "a\0c", "a.b", "link", "z"]);
        assert!(before.is_sorted_by_key(|entry| entry.key.clone()));
        assert_eq!(sums(home.path()), before);

        let times = fs::metadata(at("z")).unwrap().modified().unwrap();
        fs::write(at("z"), "y").unwrap();
        fs::File::open(at("z")).unwrap().set_modified(times).unwrap();
        fs::set_permissions(at("a.b"), fs::Permissions::from_mode(0o600)).unwrap();
        let after = sums(home.path());
        let differ: Vec<_> = (0..before.len()).filter(|n| before[*n] != after[*n]).collect();
        assert_eq!(differ, [4, 6]);
        assert!(before[6].attributes == after[6].attributes && before[6].content != after[6].content);
        assert!(before[4].attributes != after[4].attributes && before[4].content == after[4].content);
    }

    #[test]
    fn holes_cost_nothing_and_a_hole_that_was_filled_shows() {
        use std::os::unix::fs::FileExt as _;
        let home = tempfile::tempdir().unwrap();
        let file = fs::File::create(home.path().join("f")).unwrap();
        // Read through, this would take a minute and more.
        let size = 500 << 30;
        file.set_len(size).unwrap();
        let sum = || {
            rustix::fs::fsync(&file).unwrap();
            sums(home.path())[1].content
        };
        let mut met = vec![sum()];
        assert_eq!(sum(), met[0]);
        for (at, bytes) in
            [(1 << 20, [7; 4096]), (2 << 20, [0; 4096]), (size - 4096, [0; 4096]), (1 << 20, [8; 4096])]
        {
            file.write_all_at(&bytes, at).unwrap();
            let now = sum();
            assert!(!met.contains(&now), "{at}");
            assert_eq!(sum(), now);
            met.push(now);
        }
        // The same bytes in another place.
        file.set_len(0).unwrap();
        file.set_len(size).unwrap();
        file.write_all_at(&[7; 4096], 3 << 20).unwrap();
        assert!(!met.contains(&sum()));
    }

    #[test]
    fn a_tree_that_leaves_while_a_large_file_is_read_ends_the_work() {
        let home = tempfile::tempdir().unwrap();
        let (tree, away) = (home.path().join("tree"), home.path().join("away"));
        fs::create_dir(&tree).unwrap();
        let large = CHECK_BYTES as usize + 3 * BUFFER_BYTES;
        fs::write(tree.join("large"), vec![7; large]).unwrap();
        // As rename and rm do; the file is open by then or about to be.
        let mut leave = |_: &[u8]| {
            fs::rename(&tree, &away).unwrap();
            Ok(None)
        };
        let read = std::cell::Cell::new(0);
        let mut each = |_| {
            read.set(read.get() + 1);
            Ok(())
        };
        let ended = sum_tree(&tree, &AtomicBool::new(false), &mut leave, &mut each).unwrap_err();
        assert_eq!(ended.source.kind(), std::io::ErrorKind::Interrupted);
        assert_eq!(read.get(), 1, "the large file was read to its end");
    }

    #[test]
    fn a_file_without_holes_has_the_sum_of_its_bytes() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("f"), [3; 100_000]).unwrap();
        assert_eq!(sums(home.path())[1].content, short(blake3::hash(&[3; 100_000])));
    }
}
