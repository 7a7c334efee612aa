//! Containers that use a volume without the engine's knowing: through a bind mount of its
//! directory, or run by another engine. dvol can neither stop nor freeze them, so operations that
//! need that are refused.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::error::Error;
use crate::layout;
use crate::model::{VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::Rows;
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
        let watched = self.store.read(|rows| {
            volumes.iter().map(|name| Watched::of(self, &rows, name)).collect::<Result<Vec<_>, Error>>()
        })?;
        let directories: Vec<&Path> = watched.iter().flat_map(Watched::directories).collect();
        let mut lists = sharers(&directories)?.into_iter();
        let mut found: Vec<Sharer> = Vec::new();
        for one in &watched {
            let all = lists.next().unwrap_or_default();
            let own = lists.next().unwrap_or_default();
            let others: Vec<Sharer> = lists.by_ref().take(one.others.len()).flatten().collect();
            let is_in = |list: &[Sharer], sharer: &Sharer| list.iter().any(|other| other.pid == sharer.pid);
            let is_elsewhere = |sharer: &Sharer| is_in(&others, sharer) && !is_in(&own, sharer);
            found.extend(all.into_iter().filter(|sharer| !is_elsewhere(sharer)));
        }
        found.retain(|one| one.writes || !writing);
        if found.is_empty() {
            return Ok(found);
        }
        let users = self.containers().users()?;
        let users = watched.iter().flat_map(|one| &one.names).filter_map(|name| users.get(name.as_str()));
        let known: Vec<&str> = users.flatten().map(|user| user.id.as_str()).collect();
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

/// The directories where containers of one volume or worktree are looked for.
struct Watched {
    /// The directory of the volume.
    directory: PathBuf,
    /// The working tree of the current branch.
    own: PathBuf,
    /// The working trees that other worktrees of the volume have checked out: containers there use
    /// those.
    others: Vec<PathBuf>,
    /// The names under which the engine knows users of the volume.
    names: Vec<VolumeName>,
}

impl Watched {
    fn of(pool: &Pool, rows: &Rows<'_>, name: &VolumeName) -> Result<Self, Error> {
        let owner = rows.owner(name)?;
        let tree = |record: &VolumeRecord| pool.layout.full(&layout::working_tree(&owner, &record.branch));
        let places = rows.worktrees(&owner)?;
        let directory = pool.layout.full(&layout::volume(&owner));
        Ok(Watched {
            own: places.iter().find(|place| place.name == *name).map_or_else(|| directory.clone(), tree),
            others: places.iter().filter(|place| place.name != *name).map(tree).collect(),
            names: places.iter().map(|place| place.name.clone()).chain([name.clone()]).collect(),
            directory,
        })
    }

    fn directories(&self) -> impl Iterator<Item = &Path> {
        [&self.directory, &self.own].into_iter().chain(&self.others).map(AsRef::as_ref)
    }
}
