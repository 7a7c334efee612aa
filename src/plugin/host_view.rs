//! The pool's path on the host, which the driver tells the engine.
//!
//! Found before the first call is answered, where the engine answers by then. An engine that is
//! just starting this driver's container does not, so the driver asks again, at the latest when the
//! engine mounts.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::ops::{self, PoolPath};
use crate::pool::Pool;

/// How long a failure stands before the engine is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Finds the pool's path on the host, and remembers it.
#[derive(Debug, Default)]
pub(super) struct HostView {
    found: OnceLock<PoolPath>,
    /// Locked while the engine is asked: what came out last, when it is not for good.
    last: Mutex<Option<(Instant, Result<PoolPath, String>)>>,
}

impl HostView {
    /// Finds the path, unless it is known. `words` turns an error into what people are shown.
    pub(super) fn find(&self, pool: &Pool, words: impl FnOnce(&Error) -> String) -> Result<PoolPath, String> {
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        if let Some((since, outcome)) = &*last
            && since.elapsed() < ASK_AGAIN
        {
            return outcome.clone();
        }
        let outcome = ops::host_path(pool).map_err(|error| words(&error));
        let is_new = last.as_ref().is_none_or(|(_, before)| *before != outcome);
        if is_new {
            report(pool, &outcome);
        }
        match &outcome {
            Ok(path) if !path.is_guess() => drop(self.found.set(path.clone())),
            _ => *last = Some((Instant::now(), outcome.clone())),
        }
        outcome
    }

    /// Translates a path that is shown, not mounted: as it is here while the host's is unknown.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        self.found.get().map_or_else(|| path.to_owned(), |pool| pool.to_host(path))
    }
}

fn report(pool: &Pool, outcome: &Result<PoolPath, String>) {
    let here = pool.layout().root().display();
    match outcome {
        Ok(path) if path.is_guess() => {
            tracing::warn!(pool = %here, "the engine does not say where the host has the pool; taking the same path");
        }
        Ok(path) if path.differs() => {
            tracing::info!(pool = %here, host = %path.host().display(), "found the pool on the host");
        }
        Ok(_) => {}
        Err(error) => tracing::error!("containers cannot mount volumes: {error}"),
    }
}
