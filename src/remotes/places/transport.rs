//! What every place of repositories can do: put, get, list and delete whole files under names.
//!
//! Nothing here rests on conditions: a file is written once and never changed. Only the config file
//! of a repository is written where there may be one already ([`Transport::put_new`]).

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::sleep;

/// How often a wait looks whether a person has interrupted it.
const LOOK: Duration = Duration::from_millis(50);
/// How long a request may still take then: most are nearly done.
const GRACE: Duration = Duration::from_millis(500);

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
pub(in crate::remotes) const UNFINISHED: &str = "dvol/unfinished";

/// The length of the names of most files.
pub(in crate::remotes) const NAME_LENGTH: usize = 64;

/// The most bytes of a file that is read as a whole: restic's packs have up to 128 MiB.
pub(super) const MAX_FILE: u64 = 512 << 20;

/// Refuses a file that is larger than any of a repository.
pub(in crate::remotes) fn refuse_large(size: u64) -> io::Result<()> {
    if size <= MAX_FILE {
        return Ok(());
    }
    let words = "it is larger than any file of a repository";
    Err(io::Error::new(io::ErrorKind::FileTooLarge, words))
}

/// Makes a request, unless a person interrupts it.
pub(in crate::remotes) async fn unless<T>(
    interrupted: &AtomicBool,
    request: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let end = async {
        while !interrupted.load(Ordering::Relaxed) {
            sleep(LOOK).await;
        }
        sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        answer = request => answer,
        () = end => Err(io::ErrorKind::Interrupted.into()),
    }
}

/// Waits; returns whether no person interrupted that.
pub(in crate::remotes) fn pause(interrupted: &AtomicBool, time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return false;
        }
        match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return true,
            left => std::thread::sleep(left.min(LOOK)),
        }
    }
}

/// A place of a repository. Keys are paths with `/`, relative to the repository.
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Writes a file as a whole or not at all, durably, in place of an earlier one.
    fn put(&self, key: &str, parts: &[Bytes]) -> io::Result<()>;

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
