//! One entry of a tree as a source gives it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::SourceFile;
use crate::sys::tree::entry::values::EntryAttributes;

/// One entry of a tree.
pub struct SourceEntry {
    /// Path relative to the root; the root's is empty.
    pub path: PathBuf,
    /// Type of the entry, with what belongs to that type.
    pub kind: SourceKind,
    /// Owner, mode, times, extended attributes, flags of chattr(1).
    pub attributes: EntryAttributes,
    /// The names of its inode, if it has several. Never of a directory.
    pub names: Option<InodeNames>,
    /// Number of labels of the host (SELinux, IMA, Smack) that were left out.
    pub labels: u64,
}

/// What an entry is, and what it holds.
pub enum SourceKind {
    /// A directory. Its entries come next.
    Directory,
    /// A regular file, open for reading; also where it is one more name of an inode.
    File(SourceFile),
    /// A symlink, with its target.
    Symlink(Vec<u8>),
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A character device, with its number.
    CharacterDevice(u64),
    /// A block device, with its number.
    BlockDevice(u64),
}

/// The names of an inode that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InodeNames {
    /// Counts these inodes from 1 in the order of the walk: equal trees have equal numbers.
    pub group: u64,
    /// How many names the inode has.
    pub count: u32,
    /// Its first name in the walk; `None` if this is the first.
    pub first: Option<Arc<Path>>,
}
