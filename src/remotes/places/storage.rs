//! The place of a repository, as everything here uses it: with errors that name it, counts of what
//! went over the wire, and a fault point before each call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::bucket::Bucket;
use super::credentials::CloudAccess;
use super::directory::Directory;
use super::ssh::RemoteDirectory;
use super::transport::{Object, Transport, pause};
use crate::model::RemoteUrl;
use crate::remotes::error::RemoteError;
use crate::sys::fault;

/// Counts what went over the wire.
#[derive(Debug, Default)]
pub(in crate::remotes) struct Counts {
    /// Bytes written.
    pub(in crate::remotes) sent: AtomicU64,
    /// Bytes read.
    pub(in crate::remotes) received: AtomicU64,
    /// Packs written.
    pub(in crate::remotes) packs: AtomicU64,
    /// Requests of all kinds.
    pub(in crate::remotes) requests: AtomicU64,
}

/// The place of a repository.
#[derive(Debug)]
pub(in crate::remotes) struct Storage {
    transport: Box<dyn Transport>,
    url: String,
    interrupted: Arc<AtomicBool>,
    pub(in crate::remotes) counts: Counts,
}

/// The one call that is made after an interrupt, too.
const DELETE: &str = "delete";

/// What every name in a repository's folder of announcements begins with.
pub(in crate::remotes) const ANNOUNCEMENTS: &str = "dvol/announce";

impl Storage {
    pub(in crate::remotes) fn new(url: &RemoteUrl, access: &CloudAccess) -> Result<Self, RemoteError> {
        let transport = match url {
            RemoteUrl::Directory(path) => Ok(Box::new(Directory::new(path)) as Box<dyn Transport>),
            RemoteUrl::Bucket(url) => Bucket::new(url, access).map(|bucket| Box::new(bucket) as _),
            RemoteUrl::Ssh(url) => {
                RemoteDirectory::new(url, access).map(|directory| Box::new(directory) as _)
            }
        };
        let transport = transport.map_err(|source| RemoteError::Place { url: url.to_string(), source })?;
        let (url, interrupted) = (url.to_string(), access.interrupted());
        Ok(Storage { transport, url, interrupted, counts: Counts::default() })
    }

    /// Returns an error once a person has interrupted the command.
    pub(in crate::remotes) fn check_interrupted(&self) -> Result<(), RemoteError> {
        if self.interrupted.load(Ordering::Relaxed) { Err(RemoteError::Interrupted) } else { Ok(()) }
    }

    /// Waits, unless a person interrupts the command.
    pub(in crate::remotes) fn pause(&self, time: Duration) -> Result<(), RemoteError> {
        if pause(&self.interrupted, time) { Ok(()) } else { Err(RemoteError::Interrupted) }
    }

    pub(in crate::remotes) fn url(&self) -> &str {
        &self.url
    }

    fn call<T>(
        &self,
        point: &'static str,
        action: &'static str,
        what: &str,
        call: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, RemoteError> {
        // What this process left there is still deleted.
        if action != DELETE {
            self.check_interrupted()?;
        }
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        jitter::wait();
        fault::point(point).and_then(|()| call()).map_err(|source| {
            let (what, url) = (what.to_owned(), self.url.clone());
            let error = RemoteError::Storage { action, what, url, source };
            self.check_interrupted().err().unwrap_or(error)
        })
    }

    pub(in crate::remotes) fn put(&self, key: &str, bytes: &[u8]) -> Result<(), RemoteError> {
        self.put_parts(key, &[Bytes::copy_from_slice(bytes)])
    }

    pub(in crate::remotes) fn put_parts(&self, key: &str, parts: &[Bytes]) -> Result<(), RemoteError> {
        self.call("remote.put", "write", key, || self.transport.put(key, parts))?;
        let size: usize = parts.iter().map(Bytes::len).sum();
        self.counts.sent.fetch_add(size as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(in crate::remotes) fn put_new(&self, key: &str, bytes: &[u8]) -> Result<bool, RemoteError> {
        let wrote = self.call("remote.put_new", "write", key, || self.transport.put_new(key, bytes))?;
        self.counts.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(wrote)
    }

    pub(in crate::remotes) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        let bytes = self.call("remote.get", "read", key, || self.transport.get(key))?;
        let size = bytes.as_ref().map_or(0, Vec::len);
        self.counts.received.fetch_add(size as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    pub(in crate::remotes) fn get_range(
        &self,
        key: &str,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, RemoteError> {
        let bytes = self.call("remote.get", "read", key, || self.transport.get_range(key, offset, length))?;
        self.counts.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    pub(in crate::remotes) fn list(&self, folder: &str) -> Result<Vec<Object>, RemoteError> {
        let what = if folder.is_empty() { "what lies" } else { folder };
        self.call("remote.list", "list", what, || self.transport.list(folder))
    }

    /// Deletes the files of a folder that were written before `time`, by the place's clock.
    pub(in crate::remotes) fn delete_older(&self, folder: &str, time: i64) -> Result<(), RemoteError> {
        for file in self.list(folder)?.into_iter().filter(|file| file.modified < time) {
            self.check_interrupted()?;
            self.delete(&format!("{folder}/{}", file.name))?;
        }
        Ok(())
    }

    /// Counts the files of a folder that were written before `time`.
    pub(in crate::remotes) fn count_older(&self, folder: &str, time: i64) -> Result<usize, RemoteError> {
        Ok(self.list(folder)?.iter().filter(|file| file.modified < time).count())
    }

    pub(in crate::remotes) fn delete(&self, key: &str) -> Result<(), RemoteError> {
        self.call("remote.delete", DELETE, key, || self.transport.delete(key))
    }
}

/// Delays that tests put before each call, as a network has them.
#[cfg(test)]
pub(in crate::remotes) mod jitter {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// The longest delay.
    pub(in crate::remotes) static MILLISECONDS: AtomicU64 = AtomicU64::new(0);

    pub(in crate::remotes) fn wait() {
        let longest = MILLISECONDS.load(Ordering::Relaxed);
        let random = u64::from(crate::remotes::format::lock::uuid_bytes()[0]);
        if longest > 0 {
            std::thread::sleep(Duration::from_millis(longest * random / 256));
        }
    }
}
