//! One SEED at a time: the lock of an `ensure`, and the process that it runs.
//!
//! The lock ends with dvol, but the SEED of a dvol that was killed may go on. So dvol writes down
//! which process that is, and the next one waits for it.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Pool;
use crate::error::Error;
use crate::layout;
use crate::model::{Verb, VolumeName};
use crate::sys::locks::{LockError, LockFile, LockGuard, Wait};
use crate::sys::{disk, processes};

/// How often a waiter looks whether a process still runs.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to seed a volume: no other `ensure` works on it.
#[must_use = "dropping it lets the next `ensure` go on"]
#[derive(Debug)]
pub struct SeedLock {
    process: PathBuf,
    _lock: LockGuard,
}

impl Pool {
    /// Waits until no other `ensure` works on the volume and no SEED of a killed one runs; without
    /// a limit for as long as that takes.
    ///
    /// # Errors
    /// When the wait exceeds its limit or is interrupted, or the lock cannot be used.
    pub fn lock_seed(&self, volume: &VolumeName, limit: Option<Duration>) -> Result<SeedLock, Error> {
        self.prepare_directories()?;
        let (what, since) = (format!("the seed of volume {volume}"), Instant::now());
        let limit = limit.unwrap_or(Duration::MAX);
        let waiting = |holder: &str| self.tell_waiting(&what, holder);
        let cancel = Some(self.options.interrupted.as_ref());
        let wait = Wait { what: &what, verb: &Verb::Ensure.to_string(), limit, notice: &waiting, cancel };
        let lock = LockFile::new(self.layout.ensure_lock(volume)).exclusive(&wait)?;
        let lock = SeedLock { process: self.layout.seed_process(volume), _lock: lock };
        let mut is_told = false;
        while let Some(pid) = lock.running() {
            self.check_interrupted()?;
            let (waited, holder) =
                (since.elapsed(), format!("pid {pid} (SEED of an ensure that was killed)"));
            if waited >= limit {
                return Err(LockError::TimedOut { what, holder, waited }.into());
            }
            if !is_told {
                waiting(&holder);
                is_told = true;
            }
            sleep(PAUSE);
        }
        Ok(lock)
    }
}

impl SeedLock {
    /// Writes down the process that runs SEED. Only the `ensure` after a killed one reads it,
    /// so a failure is no reason to end SEED.
    pub fn note(&self, pid: u32) {
        let Some(started) = processes::started(pid) else { return };
        // Of one length, so that it replaces what is there.
        let text = format!("{pid:<10} {started:<20}\n");
        let folder = self.process.parent().unwrap_or(&self.process);
        let _ = disk::ensure_directory(folder, layout::PRIVATE_MODE)
            .and_then(|()| disk::write_over(&self.process, text.as_bytes()));
    }

    /// Returns the process that a killed `ensure` left running.
    fn running(&self) -> Option<u32> {
        let text = std::fs::read_to_string(&self.process).ok()?;
        let mut words = text.split_whitespace();
        let pid = words.next()?.parse().ok()?;
        let started: u64 = words.next()?.parse().ok()?;
        (processes::started(pid) == Some(started)).then_some(pid)
    }
}
