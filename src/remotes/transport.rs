//! What every place of repositories can do: put, get, list and delete whole files under names.
//!
//! Nothing here rests on conditions: a file is written once and never changed. Only the config file
//! of a repository is written where there may be one already ([`Transport::put_new`]).

use std::fmt;
use std::io;

/// A file in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its name, without its folder.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// When it was written by the place's own clock: milliseconds since 1970.
    pub(crate) modified: i64,
}

/// The folder of files that are being written, where a place cannot write one as a whole. They are
/// moved from there.
///
/// Their names have [`NAME_LENGTH`] characters, as those of keys: neither keeps a repository from
/// being made, when a process died while it made one.
pub(super) const UNFINISHED: &str = "dvol/unfinished";

/// The length of the names of most files.
pub(super) const NAME_LENGTH: usize = 64;

/// A place of a repository. Keys are paths with `/`, relative to the repository.
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Writes a file as a whole or not at all, durably, in place of an earlier one.
    fn put(&self, key: &str, parts: &[&[u8]]) -> io::Result<()>;

    /// Writes a file unless there is one; returns whether it did.
    fn put_new(&self, key: &str, bytes: &[u8]) -> io::Result<bool>;

    /// Reads a whole file; `None` if there is none.
    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>>;

    /// Reads a piece of a file.
    fn get_range(&self, key: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Lists the files in a folder and below; none if there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Vec<Object>>;

    /// Deletes a file, if there is one.
    fn delete(&self, key: &str) -> io::Result<()>;
}
