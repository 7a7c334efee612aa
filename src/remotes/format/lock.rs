//! Locks in restic's own form: restic honours ours, and we honour its.
//!
//! A process that writes data or reads trees holds a shared lock, so that `restic prune` refuses. A
//! process that deletes data holds the lock alone. A lock that was not refreshed for 30 minutes is
//! one of a dead process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use rustic_core::repofile::MasterKey;
use serde::{Deserialize, Serialize};

use super::cache::hash;
use super::seal::{NONCE_BYTES, seal, unseal};
use crate::model::Instant;
use crate::remotes::error::RemoteError;
use crate::remotes::places::storage::Storage;
use crate::remotes::places::transport::pause;
use crate::sys::clock::Clock;

const FOLDER: &str = "locks";
/// The most bytes of a lock.
const MAX_BYTES: u64 = 1 << 20;
/// The mean time between two tries.
const PAUSE: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// After this time a lock counts no more, in milliseconds of the place's clock.
const STALE_MS: i64 = 30 * 60 * 1000;

/// What a lock file says, in restic's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    time: String,
    exclusive: bool,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
}

/// The person and the host that ask for a lock.
#[derive(Clone)]
pub struct Holder {
    /// The host.
    pub host: String,
    /// The person.
    pub user: String,
    /// Tells the time, for people.
    pub clock: Arc<dyn Clock>,
}

impl Holder {
    /// Returns the time now.
    pub(in crate::remotes) fn now(&self) -> Instant {
        let (micros, offset) = self.clock.now();
        Instant { micros, offset }
    }
}

/// Hears once which repository a process waits for, and who has locked it.
type Tell = dyn Fn(&str, &str) + Send + Sync;

/// How long to wait for others.
#[derive(Clone)]
pub struct Waiting {
    /// At most so long.
    pub limit: Duration,
    /// Ends the waiting when it is set.
    pub cancel: Arc<AtomicBool>,
    /// Hears whom a process waits for.
    pub tell: Arc<Tell>,
}

/// A lock on a repository, refreshed until it is dropped.
#[derive(Debug)]
#[must_use = "a lock that is not kept is given back at once"]
pub struct Lock {
    /// When it was taken, by the place's clock: milliseconds since 1970.
    taken: i64,
    end: Option<mpsc::Sender<()>>,
    refresher: Option<JoinHandle<()>>,
}

fn text_of(holder: &Holder, exclusive: bool) -> Vec<u8> {
    let note = Note {
        time: holder.now().to_zoned().strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string(),
        exclusive,
        hostname: holder.host.clone(),
        username: holder.user.clone(),
        pid: std::process::id(),
        uid: 0,
        gid: 0,
    };
    serde_json::to_vec(&note).expect("a lock has string keys only")
}

fn put(storage: &Storage, key: &MasterKey, text: &[u8]) -> Result<String, RemoteError> {
    let file = seal(key, text, uuid_bytes());
    let name = format!("{FOLDER}/{}", hash(&file));
    storage.put(&name, &file)?;
    Ok(name)
}

/// Makes a nonce.
#[expect(clippy::disallowed_methods, reason = "a nonce must differ each time, in tests too")]
pub(in crate::remotes) fn uuid_bytes() -> [u8; NONCE_BYTES] {
    // 122 random bits: no two of one key are ever equal.
    uuid::Uuid::new_v4().into_bytes()
}

/// Takes a lock on the repository. Waits while another process has it alone, or, if `exclusive`, at
/// all.
///
/// # Errors
/// [`RemoteError::Locked`] when the other process goes on having it.
pub(in crate::remotes) fn take(
    storage: &Arc<Storage>,
    key: &MasterKey,
    holder: &Holder,
    exclusive: bool,
    waiting: &Waiting,
) -> Result<Lock, RemoteError> {
    waiting.until(|| try_to_take(storage, key, holder, exclusive))
}

/// Takes a lock to read trees. Where this machine may not write, it only waits for those that have
/// the repository alone.
pub(super) fn take_to_read(
    storage: &Arc<Storage>,
    key: &MasterKey,
    holder: &Holder,
    waiting: &Waiting,
) -> Result<Option<Lock>, RemoteError> {
    match take(storage, key, holder, false, waiting) {
        Err(RemoteError::Storage { source, .. })
            if matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            waiting.until(|| refuse_others(storage, key, None, false, holder)).map(|_| None)
        }
        taken => taken.map(Some),
    }
}

impl Waiting {
    /// Tries until no other process is in the way.
    fn until<T>(&self, mut attempt: impl FnMut() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        let (begun, mut is_told) = (std::time::Instant::now(), false);
        loop {
            match attempt() {
                Err(RemoteError::Locked { url, user, host, pid, .. }) if begun.elapsed() < self.limit => {
                    if !std::mem::replace(&mut is_told, true) {
                        let holder = format!("{user} on {host} (process {pid})");
                        (self.tell)(&format!("the repository at {url}"), &holder);
                    }
                }
                other => return other,
            }
            // Two that step back for each other must not meet again.
            if !pause(&self.cancel, PAUSE.mul_f64(0.5 + f64::from(uuid_bytes()[0]) / 512.0)) {
                return Err(RemoteError::Interrupted);
            }
        }
    }
}

fn try_to_take(
    storage: &Arc<Storage>,
    key: &MasterKey,
    holder: &Holder,
    exclusive: bool,
) -> Result<Lock, RemoteError> {
    let mut name = put(storage, key, &text_of(holder, exclusive))?;
    let taken = refuse_others(storage, key, Some(&name), exclusive, holder).inspect_err(|_| {
        let _ = storage.delete(&name);
    })?;
    let (end, ended) = mpsc::channel();
    let (storage, key, holder) = (Arc::clone(storage), key.clone(), holder.clone());
    let refresher = thread::spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(REFRESH) {
            // A lock that cannot be written again is still good for 25 minutes.
            if let Ok(fresh) = put(&storage, &key, &text_of(&holder, exclusive)) {
                let _ = storage.delete(&std::mem::replace(&mut name, fresh));
            }
        }
        let _ = storage.delete(&name);
    });
    Ok(Lock { taken, end: Some(end), refresher: Some(refresher) })
}

/// Returns the time of the own lock by the place's clock, unless another lock excludes it.
fn refuse_others(
    storage: &Storage,
    key: &MasterKey,
    own: Option<&str>,
    exclusive: bool,
    holder: &Holder,
) -> Result<i64, RemoteError> {
    let locks = storage.list(FOLDER)?;
    let is_own = |name: &str| own.is_some_and(|own| own.ends_with(name));
    let own_clock = holder.now().micros / 1000;
    let now = locks.iter().find(|lock| is_own(&lock.name)).map_or(own_clock, |lock| lock.modified);
    for lock in locks.iter().filter(|lock| !is_own(&lock.name) && now - lock.modified < STALE_MS) {
        let Some(bytes) = storage.get(&format!("{FOLDER}/{}", lock.name))? else { continue };
        let note = unseal(key, &bytes, MAX_BYTES).and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        // What cannot be read is of no use to any other process either.
        let Some(note) = note.filter(|note| note.exclusive || exclusive) else { continue };
        let since = Timestamp::from_millisecond(lock.modified).unwrap_or_default();
        return Err(RemoteError::Locked {
            url: storage.url().to_owned(),
            user: note.username,
            host: note.hostname,
            pid: note.pid,
            since: since.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        });
    }
    Ok(now)
}

/// Deletes the locks of dead processes.
pub(in crate::remotes) fn sweep_locks(storage: &Storage, now: i64) -> Result<(), RemoteError> {
    storage.delete_older(FOLDER, first_live(now))
}

/// Counts the locks of dead processes.
pub(in crate::remotes) fn count_stale(storage: &Storage, now: i64) -> Result<usize, RemoteError> {
    storage.count_older(FOLDER, first_live(now))
}

/// Returns the earliest time of a lock that still counts.
fn first_live(now: i64) -> i64 {
    now - STALE_MS + 1
}

impl Lock {
    /// Returns when the lock was taken, by the place's clock.
    pub(in crate::remotes) fn taken(&self) -> i64 {
        self.taken
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(refresher) = self.refresher.take() {
            let _ = refresher.join();
        }
    }
}
