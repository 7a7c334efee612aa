//! A repository in restic's format, version 2: made, opened, and read and written through the
//! library of the format.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use bytesize::ByteSize;
use rustic_core::repofile::{Chunker, MasterKey, SnapshotFile, SnapshotId};
use rustic_core::{
    ConfigOptions, Credentials, ErrorKind, IndexedFullStatus, KeyOptions, OpenStatus, RepositoryBackends,
    RepositoryOptions, RusticError,
};

use super::backend::Backend;
use super::cache::Cache;
use super::lock::{self, Holder, Lock, Waiting};
use super::panics::caught;
use crate::model::RemoteUrl;
use crate::remotes::error::RemoteError;
use crate::remotes::places::credentials::CloudAccess;
use crate::remotes::places::storage::Storage;
use crate::remotes::places::transport::NAME_LENGTH;

/// Size of the pieces that files are cut into: what a push of a database sends is the pieces that
/// changed, and each costs memory and an entry in the index.
const CHUNK: u64 = 32 << 10;
/// Size of the pieces for volumes from [`LARGE`] bytes on.
pub(in crate::remotes) const LARGE_CHUNK: u64 = 128 << 10;
const LARGE: u64 = 50 << 30;
/// Size of a pack.
const PACK: u64 = 16 << 20;
/// The most bytes of a config file: what so few can unpack to fits into memory.
const MAX_CONFIG: usize = 8 << 10;
/// How many small files are read at once.
const READERS: usize = 20;

/// What each repository has a plain text file about, beside restic's own folders.
const README: &str = "This is a repository of dvol, in the format of restic (version 2).

restic can read it without dvol, with the same password:
  restic -r THIS_DIRECTORY snapshots
  restic -r THIS_DIRECTORY restore latest --host VOLUME --tag heads/BRANCH --target DIRECTORY
The volume's files are in the directory data of each snapshot.

Do not run restic forget or restic prune here while anybody may push: dvol keeps its branches and
tags as snapshots too.
";

/// What opens a repository: its password, or the master key that was kept in a file. Never printed.
#[derive(Clone)]
pub struct Secret {
    /// `None` if only the kept key is there.
    password: Option<String>,
    /// The file for the master key, if that is to be kept.
    kept: Option<PathBuf>,
}

impl Secret {
    /// Wraps a password; `None` if it is empty.
    pub fn new(password: String) -> Option<Self> {
        (!password.is_empty()).then_some(Secret { password: Some(password), kept: None })
    }

    /// Takes the master key that an earlier run kept in a file.
    pub fn kept(file: PathBuf) -> Self {
        Secret { password: None, kept: Some(file) }
    }

    /// Keeps the master key in a file that only its owner may read.
    #[must_use]
    pub fn keeping(self, file: Option<PathBuf>) -> Self {
        Secret { kept: file, ..self }
    }

    /// Opens the repository, and keeps its key if that is asked for.
    fn open(&self, backend: &Arc<Backend>, url: &str) -> Result<Open, RemoteError> {
        let Some(password) = &self.password else {
            let kept = self.kept.as_deref().and_then(|file| fs::read(file).ok());
            let key = kept.and_then(|text| serde_json::from_slice::<MasterKey>(&text).ok());
            let failed = || RemoteError::KeptKey(url.to_owned());
            let key = key.ok_or_else(failed)?;
            let opened = library(backend, |repository| repository.open(&Credentials::Masterkey(key)));
            return opened.map_err(|_| backend.take_failure().unwrap_or_else(failed));
        };
        let opened = library(backend, |repository| repository.open(&Credentials::password(password)));
        let opened = opened.map_err(|error| failure(backend, "open", url, &error))?;
        if let Some(file) = &self.kept {
            let text = serde_json::to_vec(&opened.key()).expect("a key has string keys only");
            keep(file, &text).map_err(|source| RemoteError::Storage {
                action: "keep",
                what: format!("the key in {}", file.display()),
                url: url.to_owned(),
                source,
            })?;
        }
        Ok(opened)
    }
}

/// Writes a file for its owner alone, whole or not at all.
fn keep(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.persist(file).map(drop).map_err(|error| error.error)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The library's repository, opened.
pub(in crate::remotes) type Open = rustic_core::Repository<OpenStatus>;
/// The library's repository with its index.
pub(in crate::remotes) type Indexed = rustic_core::Repository<IndexedFullStatus>;

/// An open repository.
pub struct Repository {
    pub(in crate::remotes) storage: Arc<Storage>,
    pub(in crate::remotes) backend: Arc<Backend>,
    pub(in crate::remotes) key: MasterKey,
    pub(in crate::remotes) open: Open,
}

impl Repository {
    /// Returns whether a repository lies at `url`.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn is_at(url: &RemoteUrl, cloud: &CloudAccess) -> Result<bool, RemoteError> {
        Ok(Storage::new(url, cloud)?.get("config")?.is_some())
    }

    /// Opens the repository at `url`. Files that were read once are kept in `cache`.
    ///
    /// # Errors
    /// When there is none, the password is wrong, or the place cannot be read.
    pub fn open(
        url: &RemoteUrl,
        cloud: &CloudAccess,
        secret: &Secret,
        cache: &Path,
    ) -> Result<Self, RemoteError> {
        let storage = Arc::new(Storage::new(url, cloud)?);
        // The library says little where there is none.
        match storage.get("config")? {
            Some(config) => Self::unlock(storage, config.into(), secret, cache),
            None => Err(RemoteError::NoRepository(url.to_string())),
        }
    }

    /// Opens the repository at `url`, or makes one where nothing lies yet. A volume of
    /// `volume_bytes` decides into how large pieces files are cut.
    ///
    /// # Errors
    /// As [`Repository::open`]; and when other files lie there.
    pub fn open_or_make(
        url: &RemoteUrl,
        cloud: &CloudAccess,
        secret: &Secret,
        cache: &Path,
        volume_bytes: u64,
    ) -> Result<Self, RemoteError> {
        let storage = Arc::new(Storage::new(url, cloud)?);
        let mut config = storage.get("config")?;
        if config.is_none() {
            make(&storage, secret, volume_bytes)?;
            config = storage.get("config")?;
        }
        let config = config.ok_or_else(|| RemoteError::NoRepository(url.to_string()))?;
        Self::unlock(storage, config.into(), secret, cache)
    }

    fn unlock(
        storage: Arc<Storage>,
        config: Bytes,
        secret: &Secret,
        cache: &Path,
    ) -> Result<Self, RemoteError> {
        if config.len() > MAX_CONFIG {
            let (url, reason) = (storage.url().to_owned(), "its config file is too large".to_owned());
            return Err(RemoteError::Repository { action: "open", url, reason });
        }
        let plain = Backend::new(Arc::clone(&storage), None).knowing(config.clone());
        let plain = if secret.password.is_none() { plain.without_keys() } else { plain };
        let opened = secret.open(&Arc::new(plain), storage.url())?;
        let key = opened.key();
        let cache = Cache::new(cache, opened.config().id.to_hex().as_str());
        let backend = Backend::new(Arc::clone(&storage), Some(cache)).knowing(config).without_keys();
        let backend = Arc::new(backend.opened_with(key.clone()));
        let open = library(&backend, |repository| repository.open(&Credentials::Masterkey(key.clone())));
        let open = open.map_err(|error| failure(&backend, "open", storage.url(), &error))?;
        Ok(Repository { storage, backend, key, open })
    }

    /// Returns the repository's address.
    pub fn url(&self) -> &str {
        self.storage.url()
    }

    /// Returns how many bytes and packs were written, and how many bytes were read.
    pub fn traffic(&self) -> Traffic {
        let counts = &self.storage.counts;
        Traffic {
            sent: counts.sent.load(Ordering::Relaxed),
            packs: counts.packs.load(Ordering::Relaxed),
            received: counts.received.load(Ordering::Relaxed),
            requests: counts.requests.load(Ordering::Relaxed),
        }
    }

    /// Runs a call of the library, and gives its errors words.
    pub(in crate::remotes) fn run<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&Open) -> Result<T, Box<RusticError>>,
    ) -> Result<T, RemoteError> {
        match caught(|| call(&self.open)) {
            Ok(result) => result.map_err(|error| failure(&self.backend, action, self.url(), &error)),
            Err(panic) => Err(self.panicked(action, panic)),
        }
    }

    fn panicked(&self, action: &'static str, reason: String) -> RemoteError {
        let url = self.url().to_owned();
        self.backend.take_failure().unwrap_or(RemoteError::Repository { action, url, reason })
    }

    /// Makes the error of a call of the library.
    pub(in crate::remotes) fn failed(&self, action: &'static str, error: &RusticError) -> RemoteError {
        failure(&self.backend, action, self.url(), error)
    }

    /// Opens the repository once more, with nothing of its index read.
    pub(in crate::remotes) fn fresh(&self) -> Result<Open, RemoteError> {
        let open = |repository: rustic_core::Repository<()>| {
            repository.open(&Credentials::Masterkey(self.key.clone()))
        };
        library(&self.backend, open).map_err(|error| self.failed("open", &error))
    }

    /// Reads the whole index as it is now.
    pub(in crate::remotes) fn indexed(&self) -> Result<Indexed, RemoteError> {
        let fresh = self.fresh()?;
        match caught(|| fresh.to_indexed()) {
            Ok(indexed) => indexed.map_err(|error| self.failed("read", &error)),
            Err(panic) => Err(self.panicked("read", panic)),
        }
    }

    /// Takes a lock that other processes may have too; or, if `exclusive`, one that none may.
    ///
    /// # Errors
    /// [`RemoteError::Locked`] when another process goes on having one that excludes it.
    pub fn lock(&self, holder: &Holder, exclusive: bool, waiting: &Waiting) -> Result<Lock, RemoteError> {
        lock::take(&self.storage, &self.key, holder, exclusive, waiting)
    }

    /// Takes a lock that other processes may have too; `None` where this machine may only read.
    ///
    /// # Errors
    /// As [`Repository::lock`].
    pub fn lock_to_read(&self, holder: &Holder, waiting: &Waiting) -> Result<Option<Lock>, RemoteError> {
        lock::take_to_read(&self.storage, &self.key, holder, waiting)
    }

    /// Lists the snapshot files.
    pub(in crate::remotes) fn snapshot_ids(&self) -> Result<BTreeSet<SnapshotId>, RemoteError> {
        self.run("list", |open| Ok(open.list::<SnapshotId>()?.collect()))
    }

    /// Reads snapshot files, many at once. Passes over those that are gone meanwhile.
    pub(in crate::remotes) fn snapshots(
        &self,
        ids: &[SnapshotId],
    ) -> Result<Vec<(SnapshotId, SnapshotFile)>, RemoteError> {
        let next = AtomicUsize::new(0);
        let read = || {
            let mut found = Vec::new();
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.run("read", |open| open.get_file::<SnapshotFile>(id)) {
                    Ok(snapshot) => found.push((*id, snapshot)),
                    Err(RemoteError::Repository { reason, .. }) => {
                        tracing::warn!("snapshot {} of {}: {reason}", id.to_hex().as_str(), self.url());
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        };
        let readers = ids.len().min(READERS);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..readers).map(|_| scope.spawn(read)).collect();
            let mut all = Vec::new();
            for reader in readers {
                all.extend(reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(all)
        })
    }
}

/// What went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Traffic {
    /// Bytes written.
    pub sent: u64,
    /// Packs written.
    pub packs: u64,
    /// Bytes read.
    pub received: u64,
    /// Requests of all kinds.
    pub requests: u64,
}

fn library<T>(
    backend: &Arc<Backend>,
    open: impl FnOnce(rustic_core::Repository<()>) -> Result<T, Box<RusticError>>,
) -> Result<T, Box<RusticError>> {
    let mut options = RepositoryOptions::default();
    options.no_cache = true;
    let backends = RepositoryBackends::new(Arc::clone(backend) as Arc<_>, None);
    let call = || open(rustic_core::Repository::new(&options, &backends)?);
    caught(call).unwrap_or_else(|panic| Err(RusticError::new(ErrorKind::Internal, panic)))
}

fn failure(backend: &Backend, action: &'static str, url: &str, error: &RusticError) -> RemoteError {
    if let Some(failure) = backend.take_failure() {
        return failure;
    }
    let text = error.display_log();
    if text.contains("password") {
        return RemoteError::WrongPassword(url.to_owned());
    }
    RemoteError::Repository { action, url: url.to_owned(), reason: in_words(&text) }
}

/// Takes from a message of the library, for a log, what is for people.
pub(in crate::remotes) fn in_words(text: &str) -> String {
    let text = text.split(" (kind: ").next().unwrap_or(text).replace("Error: ", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// Returns the size of the pieces that files are cut into, in a repository that is made for a
/// volume of so many bytes.
pub(in crate::remotes) fn piece_for(volume_bytes: u64) -> u64 {
    if volume_bytes < LARGE { CHUNK } else { LARGE_CHUNK }
}

/// Makes a repository where nothing lies. Of several processes that do so at once, one wins, and
/// the others use its repository.
fn make(storage: &Arc<Storage>, secret: &Secret, volume_bytes: u64) -> Result<(), RemoteError> {
    // A process that died while it made one may have left a key, which opens nothing.
    let others = storage.list("")?.into_iter().find(|object| object.name.len() != NAME_LENGTH);
    if let Some(other) = others {
        return Err(RemoteError::NotEmpty { url: storage.url().to_owned(), found: other.name });
    }
    let mut options = ConfigOptions::default();
    options.set_version = Some(2);
    options.set_chunker = Some(Chunker::FixedSize);
    options.set_chunk_size = Some(ByteSize(piece_for(volume_bytes)));
    options.set_datapack_size = Some(ByteSize(PACK));
    options.set_datapack_growfactor = Some(0);
    options.set_treepack_growfactor = Some(0);
    let mut keys = KeyOptions::default();
    keys.hostname = Some("dvol".to_owned());
    keys.username = Some("dvol".to_owned());
    let backend = Arc::new(Backend::new(Arc::clone(storage), None));
    let password = secret.password.as_ref().ok_or_else(|| RemoteError::KeptKey(storage.url().to_owned()))?;
    let credentials = Credentials::password(password);
    let made = library(&backend, |repository| repository.init(&credentials, &keys, &options));
    let made = made.map_err(|error| failure(&backend, "make", storage.url(), &error))?;
    match made.key_id() {
        Some(key) if backend.has_lost() => storage.delete(&format!("keys/{}", key.to_hex().as_str())),
        _ => storage.put("dvol/README", README.as_bytes()),
    }
}
