//! The place of a repository as the library of the format wants it.
//!
//! Packs are uploaded several at once; a file that names packs (an index, a snapshot) waits until
//! they are there. After a failed upload nothing more is written, so what reads a tree can stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use super::cache::Cache;
use super::error::RemoteError;
use super::storage::Storage;

/// How many packs are uploaded at once; each is up to 16 MiB of memory.
const UPLOADS: usize = 4;

/// The place of a repository, for the library.
#[derive(Debug)]
pub(super) struct Backend {
    storage: Arc<Storage>,
    cache: Option<Cache>,
    uploads: Mutex<Vec<JoinHandle<Result<(), RemoteError>>>>,
    /// A snapshot file that is not to be seen yet: its key and its bytes.
    held: Mutex<Option<(String, Vec<u8>)>>,
    holds: AtomicBool,
    /// Whether the config file of another process was there first.
    lost: AtomicBool,
    /// The first failure, as the library loses its words.
    failure: Mutex<Option<RemoteError>>,
    failed: Arc<AtomicBool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the key of a file.
fn key(kind: FileType, id: &Id) -> String {
    let hex = id.to_hex();
    let hex = hex.as_str();
    match kind {
        FileType::Config => "config".to_owned(),
        FileType::Pack => format!("data/{}/{hex}", &hex[..2]),
        _ => format!("{}/{hex}", kind.dirname()),
    }
}

/// Returns the folder in the cache for files of a kind.
fn cached(kind: FileType) -> Option<&'static str> {
    matches!(kind, FileType::Snapshot | FileType::Index).then(|| kind.dirname())
}

impl Backend {
    pub(super) fn new(storage: Arc<Storage>, cache: Option<Cache>) -> Self {
        Backend {
            storage,
            cache,
            uploads: Mutex::default(),
            held: Mutex::default(),
            holds: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            failure: Mutex::default(),
            failed: Arc::default(),
        }
    }

    /// Returns the flag that is set once an upload has failed.
    pub(super) fn failed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.failed)
    }

    /// Takes the first failure of the place, if there was one.
    pub(super) fn take_failure(&self) -> Option<RemoteError> {
        self.failed.store(false, Ordering::Relaxed);
        lock(&self.failure).take()
    }

    /// Returns whether another process made the repository first.
    pub(super) fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Keeps the next snapshot file back until [`Backend::release`].
    pub(super) fn hold_snapshot(&self) {
        *lock(&self.held) = None;
        self.holds.store(true, Ordering::Relaxed);
    }

    /// Writes the snapshot file that was kept back, if `wanted`.
    pub(super) fn release(&self, wanted: bool) -> Result<(), RemoteError> {
        self.holds.store(false, Ordering::Relaxed);
        match lock(&self.held).take() {
            Some((key, bytes)) if wanted => self.storage.put(&key, &[&bytes]),
            _ => Ok(()),
        }
    }

    /// Deletes the cached files of a kind that the repository does not have any more.
    fn trim_cache(&self, kind: FileType, listed: &[(Id, u32)]) {
        if let (Some(cache), Some(folder)) = (&self.cache, cached(kind)) {
            let names: std::collections::BTreeSet<String> =
                listed.iter().map(|(id, _)| id.to_hex().as_str().to_owned()).collect();
            cache.keep_only(folder, &|name| names.contains(name));
        }
    }

    fn fail(&self, error: RemoteError) -> Box<RusticError> {
        self.failed.store(true, Ordering::Relaxed);
        let words = error.to_string();
        lock(&self.failure).get_or_insert(error);
        RusticError::new(ErrorKind::Backend, words)
    }

    /// Waits for uploads until at most `most` are under way.
    fn wait(&self, most: usize) -> RusticResult<()> {
        let mut uploads = lock(&self.uploads);
        let mut result = Ok(());
        while uploads.len() > most {
            let done = uploads.remove(0).join();
            if let Err(error) = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                result = Err(self.fail(error));
            }
        }
        result
    }

    fn upload(&self, key: String, content: BytesList) -> RusticResult<()> {
        self.wait(UPLOADS - 1)?;
        let storage = Arc::clone(&self.storage);
        let upload = thread::spawn(move || {
            let parts: Vec<&[u8]> = content.slice().iter().map(AsRef::as_ref).collect();
            storage.put(&key, &parts)?;
            storage.counts.packs.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        lock(&self.uploads).push(upload);
        Ok(())
    }
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.storage.url().to_owned()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config {
            let config = self.storage.get("config").map_err(|error| self.fail(error))?;
            return Ok(config.map(|bytes| (Id::default(), size(bytes.len() as u64))).into_iter().collect());
        }
        let objects = self.storage.list(kind.dirname()).map_err(|error| self.fail(error))?;
        let listed: Vec<(Id, u32)> = objects
            .into_iter()
            .filter_map(|object| Some((object.name.parse().ok()?, size(object.size))))
            .collect();
        self.trim_cache(kind, &listed);
        Ok(listed)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let name = id.to_hex();
        let place = self.cache.as_ref().zip(cached(kind));
        if let Some(bytes) = place.and_then(|(cache, folder)| cache.get(folder, name.as_str())) {
            return Ok(bytes.into());
        }
        let key = key(kind, id);
        let gone = || RusticError::new(ErrorKind::Backend, format!("{key} is missing"));
        let bytes = self.storage.get(&key).map_err(|error| self.fail(error))?.ok_or_else(gone)?;
        if let Some((cache, folder)) = place {
            cache.put(folder, name.as_str(), &bytes);
        }
        Ok(bytes.into())
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let bytes = self.storage.get_range(&key(kind, id), offset.into(), length as usize);
        Ok(bytes.map_err(|error| self.fail(error))?.into())
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        key(kind, id)
    }
}

fn size(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl WriteBackend for Backend {
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        if kind == FileType::Pack {
            return self.upload(key(kind, id), content);
        }
        self.wait(0)?;
        if let Some(failure) = lock(&self.failure).as_ref() {
            return Err(RusticError::new(ErrorKind::Backend, failure.to_string()));
        }
        let bytes: Vec<u8> = content.slice().concat();
        let key = key(kind, id);
        match kind {
            FileType::Config => {
                let wrote = self.storage.put_new(&key, &bytes).map_err(|error| self.fail(error))?;
                self.lost.store(!wrote, Ordering::Relaxed);
            }
            FileType::Snapshot if self.holds.load(Ordering::Relaxed) => {
                *lock(&self.held) = Some((key, bytes));
            }
            _ => self.storage.put(&key, &[&bytes]).map_err(|error| self.fail(error))?,
        }
        Ok(())
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.storage.delete(&key(kind, id)).map_err(|error| self.fail(error))
    }
}
