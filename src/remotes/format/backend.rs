//! The place of a repository as the library of the format wants it.
//!
//! Packs are uploaded several at once; a file that names packs (an index, a snapshot) waits until
//! they are there. After a failed upload nothing more is written, so what reads a tree can stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use rustic_core::repofile::MasterKey;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use super::cache::Cache;
use super::gate::{Gate, UPLOADS};
use super::packs::Packs;
use super::seal::{is_payable, is_small};
use crate::remotes::error::RemoteError;
use crate::remotes::places::storage::Storage;

/// The most bytes of files that name others, unpacked. Index files of restic and dvol name 50,000
/// pieces, in some 10 MB.
const MAX_SNAPSHOT: u64 = 64 << 20;
const MAX_INDEX: u64 = 256 << 20;

/// The place of a repository, for the library.
#[derive(Debug)]
pub(in crate::remotes) struct Backend {
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
    gate: Arc<Gate>,
    /// The config file, which never changes, if it was read already.
    config: Option<Bytes>,
    /// What small files are decrypted with; `None` before the repository is open.
    key: Option<MasterKey>,
    /// The keys; the library asks for them more often than it needs them.
    keys: Mutex<Option<Vec<(Id, u32)>>>,
    /// What was read of packs.
    packs: Packs,
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
        let packs = Packs::new(cache.as_ref().map(|cache| cache.folder().to_owned()).unwrap_or_default());
        Backend {
            storage,
            cache,
            packs,
            uploads: Mutex::default(),
            held: Mutex::default(),
            holds: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            failure: Mutex::default(),
            gate: Arc::default(),
            config: None,
            key: None,
            keys: Mutex::default(),
        }
    }

    /// Uses a config file that was read already.
    pub(super) fn knowing(self, config: Bytes) -> Self {
        Backend { config: Some(config), ..self }
    }

    /// Shows the library no keys: it is given the master key.
    pub(super) fn without_keys(self) -> Self {
        Backend { keys: Mutex::new(Some(Vec::new())), ..self }
    }

    /// Knows the master key, and refuses files that unpack to more than files of a kind have.
    pub(super) fn opened_with(self, key: MasterKey) -> Self {
        Backend { key: Some(key), ..self }
    }

    /// Refuses what would take all memory. The library must not unpack it.
    fn refuse_large(&self, kind: FileType, file: &str, bytes: &[u8]) -> RusticResult<()> {
        let is_fit = match (kind, &self.key) {
            (FileType::Key, _) => is_payable(bytes),
            (FileType::Snapshot, Some(key)) => is_small(key, bytes, MAX_SNAPSHOT),
            (FileType::Index, Some(key)) => is_small(key, bytes, MAX_INDEX),
            _ => true,
        };
        let words = || format!("{file} would take more memory than any that dvol or restic writes");
        if is_fit { Ok(()) } else { Err(RusticError::new(ErrorKind::Backend, words())) }
    }

    /// Returns the gate that what reads a tree has to pass.
    pub(in crate::remotes) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// Takes the first failure of the place, if there was one.
    pub(super) fn take_failure(&self) -> Option<RemoteError> {
        self.gate.set_failed(false);
        lock(&self.failure).take()
    }

    /// Returns whether another process made the repository first.
    pub(super) fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Keeps the next snapshot file back until [`Backend::release`].
    pub(in crate::remotes) fn hold_snapshot(&self) {
        *lock(&self.held) = None;
        self.holds.store(true, Ordering::Relaxed);
    }

    /// Writes the snapshot file that was kept back, if `wanted`.
    pub(in crate::remotes) fn release(&self, wanted: bool) -> Result<(), RemoteError> {
        self.holds.store(false, Ordering::Relaxed);
        match lock(&self.held).take() {
            Some((key, bytes)) if wanted => self.storage.put(&key, &bytes),
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
        self.gate.set_failed(true);
        let words = error.to_string();
        lock(&self.failure).get_or_insert(error);
        RusticError::new(ErrorKind::Backend, words)
    }

    /// Fetches these pieces of packs with few requests, once the first is read.
    pub(in crate::remotes) fn plan(&self, pieces: impl IntoIterator<Item = (Id, u32, u32)>) {
        self.packs.plan(pieces);
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
        let (storage, gate) = (Arc::clone(&self.storage), Arc::clone(&self.gate));
        let under_way = gate.enter();
        let upload = thread::spawn(move || {
            let _under_way = under_way;
            // A pack is not copied: several of them fill most of the memory of a push.
            let put = storage.put_parts(&key, content.slice());
            drop(content);
            put.inspect_err(|_| gate.set_failed(true))?;
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
            if let Some(config) = &self.config {
                return Ok(vec![(Id::default(), size(config.len() as u64))]);
            }
            let config = self.storage.get("config").map_err(|error| self.fail(error))?;
            return Ok(config.map(|bytes| (Id::default(), size(bytes.len() as u64))).into_iter().collect());
        }
        if kind == FileType::Key
            && let Some(keys) = &*lock(&self.keys)
        {
            return Ok(keys.clone());
        }
        let objects = self.storage.list(kind.dirname()).map_err(|error| self.fail(error))?;
        let listed: Vec<(Id, u32)> = objects
            .into_iter()
            .filter_map(|object| Some((object.name.parse().ok()?, size(object.size))))
            .collect();
        self.trim_cache(kind, &listed);
        if kind == FileType::Key {
            *lock(&self.keys) = Some(listed.clone());
        }
        Ok(listed)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        if let Some(config) = self.config.as_ref().filter(|_| kind == FileType::Config) {
            return Ok(config.clone());
        }
        let name = id.to_hex();
        let place = self.cache.as_ref().zip(cached(kind));
        if let Some(bytes) = place.and_then(|(cache, folder)| cache.get(folder, name.as_str())) {
            return Ok(bytes.into());
        }
        let key = key(kind, id);
        let gone = || RusticError::new(ErrorKind::Backend, format!("{key} is missing"));
        let bytes = self.storage.get(&key).map_err(|error| self.fail(error))?.ok_or_else(gone)?;
        self.refuse_large(kind, &key, &bytes)?;
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
        let (key, offset, length) = (key(kind, id), u64::from(offset), length as usize);
        let bytes = match kind {
            FileType::Pack => self.packs.read(&self.storage, (id, &key), offset, length),
            _ => self.storage.get_range(&key, offset, length),
        };
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
                self.storage.put_new(&key, &bytes).map_err(|error| self.fail(error))?;
                // A store may have written it and its answer was lost; and some know no conditions.
                let is_there = self.storage.get(&key).map_err(|error| self.fail(error))?;
                self.lost.store(is_there.is_none_or(|there| there != bytes), Ordering::Relaxed);
            }
            FileType::Snapshot if self.holds.load(Ordering::Relaxed) => {
                *lock(&self.held) = Some((key, bytes));
            }
            _ => self.storage.put(&key, &bytes).map_err(|error| self.fail(error))?,
        }
        Ok(())
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.storage.check_interrupted().map_err(|error| self.fail(error))?;
        self.storage.delete(&key(kind, id)).map_err(|error| self.fail(error))
    }
}
