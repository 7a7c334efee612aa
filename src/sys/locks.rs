//! Kernel file locks: flock(2) through fs2, on files that are made once and never deleted.
//!
//! A lock belongs to its open file, so the kernel frees it however its holder dies. An exclusive
//! holder writes its pid and verb into the file; a waiter reads them to name the holder. A waiter
//! tries again and again, at first often and then every few milliseconds, until the limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::disk;
use super::error::{At as _, DiskError};

/// Mode of a folder of lock files that is made again.
const FOLDER_MODE: u32 = 0o700;
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);
/// Time of waiting after which the waiter is notified.
const NOTICE_AFTER: Duration = Duration::from_millis(500);

/// Explains why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock file cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another process held the lock until the limit.
    #[error("waited {}s for the lock on {what}, held by {holder}", waited.as_secs())]
    TimedOut {
        /// What the lock guards.
        what: String,
        /// The holder: pid and verb.
        holder: String,
        /// The time spent waiting.
        waited: Duration,
    },
    /// The caller ended the wait.
    #[error("interrupted")]
    Interrupted,
}

/// Says how to wait for a lock.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// What the lock guards, for messages: "volume frob".
    pub what: &'a str,
    /// The verb that wants the lock, written into the file for other waiters: "commit".
    pub verb: &'a str,
    /// The longest wait.
    pub limit: Duration,
    /// Called once when the wait becomes long, with the holder's pid and verb.
    pub notice: &'a dyn Fn(&str),
    /// Ends the wait when it is set.
    pub cancel: Option<&'a AtomicBool>,
}

/// A file that can be locked.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
}

/// Keeps a lock until it is dropped or the process ends.
#[must_use = "a lock that is not kept is given back at once"]
#[derive(Debug)]
pub struct LockGuard {
    // Closing the file frees the lock.
    _file: File,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Shared,
    Exclusive,
}

impl LockFile {
    /// Names the lock on `path`; the directory of `path` must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        LockFile { path: path.into() }
    }

    /// Takes the lock for this process alone, unless another process holds it.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn try_exclusive(&self, verb: &str) -> Result<Option<LockGuard>, LockError> {
        Ok(self.try_mode(Mode::Exclusive)?.map(|file| self.signed(file, verb)))
    }

    /// Takes the lock together with other shared holders, unless another process holds it alone.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn try_shared(&self) -> Result<Option<LockGuard>, LockError> {
        Ok(self.try_mode(Mode::Shared)?.map(|file| LockGuard { _file: file }))
    }

    fn try_mode(&self, mode: Mode) -> Result<Option<File>, LockError> {
        loop {
            let file = self.open()?;
            if !try_lock(&file, mode).at("lock", &self.path)? {
                return Ok(None);
            }
            if self.is_current(&file) {
                return Ok(Some(file));
            }
        }
    }

    /// Takes the lock for this process alone, and waits for other holders.
    ///
    /// # Errors
    /// When the file cannot be opened or locked, or the wait reaches its limit.
    pub fn exclusive(&self, wait: &Wait<'_>) -> Result<LockGuard, LockError> {
        Ok(self.signed(self.wait_for(Mode::Exclusive, wait)?, wait.verb))
    }

    /// Takes the lock together with other shared holders, and waits for an exclusive one.
    ///
    /// # Errors
    /// As [`LockFile::exclusive`].
    pub fn shared(&self, wait: &Wait<'_>) -> Result<LockGuard, LockError> {
        Ok(LockGuard { _file: self.wait_for(Mode::Shared, wait)? })
    }

    /// Takes the lock as [`LockFile::shared`] does, and writes the holder into the file. Of several
    /// holders, a waiter reads the one that came last.
    ///
    /// # Errors
    /// As [`LockFile::exclusive`].
    pub fn shared_signed(&self, wait: &Wait<'_>) -> Result<LockGuard, LockError> {
        Ok(self.signed(self.wait_for(Mode::Shared, wait)?, wait.verb))
    }

    fn wait_for(&self, mode: Mode, wait: &Wait<'_>) -> Result<File, LockError> {
        loop {
            let file = self.open()?;
            self.wait(&file, mode, wait)?;
            if self.is_current(&file) {
                return Ok(file);
            }
        }
    }

    /// Returns whether the path still leads to `file`. While this process waited, the pool may have
    /// moved to another file system, where other processes lock another file.
    fn is_current(&self, file: &File) -> bool {
        let (Ok(own), Ok(named)) = (file.metadata(), std::fs::metadata(&self.path)) else { return true };
        // Where no file can be made, the folder is locked.
        own.is_dir() || (own.dev(), own.ino()) == (named.dev(), named.ino())
    }

    fn open(&self) -> Result<File, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let folder = self.path.parent().unwrap_or(&self.path);
        let opened = match options.open(&self.path) {
            // A backup may leave out directories that are empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk::ensure_directory(folder, FOLDER_MODE)?;
                options.open(&self.path)
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                let beside = folder.parent().unwrap_or(folder);
                disk::rename_to_free(folder, beside, FOLDER_MODE, &name)?;
                disk::ensure_directory(folder, FOLDER_MODE)?;
                options.open(&self.path)
            }
            // On a read-only file system a lock needs no write access; where its file was never
            // made, the directory serves.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                File::open(&self.path).or_else(|_| File::open(folder))
            }
            other => other,
        };
        Ok(opened.at("open the lock file", &self.path)?)
    }

    fn wait(&self, file: &File, mode: Mode, wait: &Wait<'_>) -> Result<(), LockError> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        while !try_lock(file, mode).at("lock", &self.path)? {
            let waited = start.elapsed();
            if waited >= wait.limit {
                let what = wait.what.to_owned();
                return Err(LockError::TimedOut { what, holder: self.holder(), waited });
            }
            if wait.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                return Err(LockError::Interrupted);
            }
            if waited >= NOTICE_AFTER && !told {
                told = true;
                (wait.notice)(&self.holder());
            }
            sleep(pause.min(wait.limit - waited));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    /// Writes the holder into the file. This only helps waiters, so a failure is ignored.
    #[expect(clippy::unused_self, reason = "signing belongs to the lock file")]
    fn signed(&self, mut file: File, verb: &str) -> LockGuard {
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "pid {} ({verb})", std::process::id()));
        LockGuard { _file: file }
    }

    fn holder(&self) -> String {
        match read_short(&self.path) {
            Ok(text) if !text.is_empty() => text,
            _ => "another process".to_owned(),
        }
    }
}

fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(200).read_to_string(&mut text)?;
    Ok(text)
}

fn try_lock(file: &File, mode: Mode) -> io::Result<bool> {
    // Named in full: the standard library's `File` has methods of these names.
    let result = match mode {
        Mode::Shared => fs2::FileExt::try_lock_shared(file),
        Mode::Exclusive => fs2::FileExt::try_lock_exclusive(file),
    };
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(limit_ms: u64) -> Wait<'static> {
        Wait {
            what: "volume db",
            verb: "reset",
            limit: Duration::from_millis(limit_ms),
            notice: &|_| (),
            cancel: None,
        }
    }

    #[test]
    fn a_held_lock_is_refused_with_its_holders_name_and_freed_by_drop() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("db"));
        let held = lock.try_exclusive("commit").unwrap().unwrap();
        assert!(lock.try_exclusive("reset").unwrap().is_none());
        let error = lock.exclusive(&wait(30)).unwrap_err().to_string();
        assert!(error.contains("volume db") && error.contains("(commit)"), "{error}");
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(held);
        assert!(lock.try_exclusive("reset").unwrap().is_some());
    }

    #[test]
    fn shared_holders_do_not_exclude_each_other_but_keep_an_exclusive_one_out() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("gate"));
        let first = lock.shared(&wait(10)).unwrap();
        let second = lock.shared(&wait(10)).unwrap();
        assert!(lock.try_exclusive("commit").unwrap().is_none());
        drop((first, second));
        let alone = lock.try_exclusive("commit").unwrap().unwrap();
        assert!(lock.try_shared().unwrap().is_none());
        drop(alone);
        let _together = lock.shared_signed(&wait(10)).unwrap();
        assert!(lock.try_shared().unwrap().is_some());
        let error = lock.exclusive(&wait(30)).unwrap_err().to_string();
        assert!(error.contains("(reset)"), "{error}");
    }
}
