//! Containers on a volume that dvol's engine does not know to be there: on its directory by a bind mount, or run by
//! another engine. They can be neither stopped nor frozen, so what needs that is refused.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::Pool;
use crate::sys::mounts::{Sharer, sharers};

/// How long a container that is just starting or ending may be known to the engine or the kernel alone.
const SETTLING: Duration = Duration::from_millis(500);
/// Digits of an id that people are shown.
const SHORT: usize = 12;

impl Pool {
    /// The names, as far as there are some, of the containers that have one of these volumes mounted and that
    /// the engine does not list as users of one; with `writing` those alone that can write there. Nobody where no engine
    /// is asked.
    ///
    /// # Errors
    /// When the engine does not answer, or the mounts cannot be read.
    pub fn unmanaged_containers(&self, volumes: &[&VolumeName], writing: bool) -> Result<Vec<String>, Error> {
        if !self.containers().is_enabled() || volumes.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.look_for_outsiders(volumes, writing)?;
        if !found.is_empty() {
            sleep(SETTLING);
            let again = self.look_for_outsiders(volumes, writing)?;
            found.retain(|one| again.iter().any(|other| other.containers == one.containers));
        }
        Ok(found.iter().map(|one| self.name_of(one)).collect())
    }

    fn look_for_outsiders(&self, volumes: &[&VolumeName], writing: bool) -> Result<Vec<Sharer>, Error> {
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

    fn name_of(&self, outsider: &Sharer) -> String {
        let own = outsider.containers.iter().rev().find_map(|id| self.containers().name_of(id));
        own.unwrap_or_else(|| {
            let id = outsider.containers.last().map_or("", |id| id.get(..SHORT).unwrap_or(id));
            format!("{id} (process {})", outsider.pid)
        })
    }
}
