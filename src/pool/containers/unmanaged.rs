//! Containers that use a volume without the engine's knowing: through a bind mount of its
//! directory, or run by another engine. dvol can neither stop nor freeze them, so operations that
//! need that are refused.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::Pool;
use crate::sys::mounts::{Sharer, sharers};

/// How long a container that is just starting or ending may be known to the engine or to the kernel
/// alone.
const RECHECK_AFTER: Duration = Duration::from_millis(500);
/// Number of digits of an id that people are shown.
const SHORT_ID_DIGITS: usize = 12;

impl Pool {
    /// Names the containers that have one of these volumes mounted and that the engine does not
    /// list as users; with `writing`, only those that can write there. Gives none where no engine
    /// is asked.
    ///
    /// # Errors
    /// When the engine does not answer, or the mounts cannot be read.
    pub fn unmanaged_containers(&self, volumes: &[&VolumeName], writing: bool) -> Result<Vec<String>, Error> {
        if !self.containers().is_enabled() || volumes.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.find_unmanaged(volumes, writing)?;
        if !found.is_empty() {
            sleep(RECHECK_AFTER);
            let again = self.find_unmanaged(volumes, writing)?;
            found.retain(|one| again.iter().any(|other| other.containers == one.containers));
        }
        Ok(found.iter().map(|one| self.name_of(one)).collect())
    }

    fn find_unmanaged(&self, volumes: &[&VolumeName], writing: bool) -> Result<Vec<Sharer>, Error> {
        let directories: Vec<_> =
            volumes.iter().map(|volume| self.layout.full(&layout::volume(volume))).collect();
        let directories: Vec<&Path> = directories.iter().map(AsRef::as_ref).collect();
        let mut found: Vec<Sharer> = sharers(&directories)?.into_iter().flatten().collect();
        found.retain(|one| one.writes || !writing);
        if found.is_empty() {
            return Ok(found);
        }
        let users = self.containers().users()?;
        let users = volumes.iter().filter_map(|volume| users.get(volume.as_str())).flatten();
        let known: Vec<&str> = users.map(|user| user.id.as_str()).collect();
        found.retain(|one| !one.containers.iter().any(|id| known.contains(&id.as_str())));
        found.dedup_by(|one, other| one.containers == other.containers);
        Ok(found)
    }

    fn name_of(&self, unmanaged: &Sharer) -> String {
        let own = unmanaged.containers.iter().rev().find_map(|id| self.containers().name_of(id));
        own.unwrap_or_else(|| {
            let id = unmanaged.containers.last().map_or("", |id| id.get(..SHORT_ID_DIGITS).unwrap_or(id));
            format!("{id} (process {})", unmanaged.pid)
        })
    }
}
