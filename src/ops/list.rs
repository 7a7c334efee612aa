//! `list`: list the volumes of the pool.

use serde::{Serialize, Serializer};

use crate::containers::{Container, State};
use crate::error::Error;
use crate::model::{BranchName, CommitId, Instant, ProjectName, VolumeName};
use crate::pool::Pool;

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeEntry {
    /// Its name.
    pub volume: VolumeName,
    /// The volume that it is a worktree of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree_of: Option<VolumeName>,
    /// When the worktree expires; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339_or_null", skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// When the head was made; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339_or_null")]
    pub date: Option<Instant>,
    /// Sum of the sizes of the head's files in bytes, holes included; `None` if it is not known.
    pub size: Option<u64>,
    /// Whether it is the current volume.
    pub current: bool,
    /// Whether the volume is protected.
    pub protected: bool,
    /// The compose project that it belongs to, by its containers or the caller's directory.
    pub project: Option<String>,
    /// The names of the containers that use it, running or not, sorted; `None` if the engine does
    /// not answer.
    pub containers: Option<Vec<String>>,
    /// The states of these containers, in the same order: running, paused or stopped.
    pub states: Option<Vec<State>>,
}

impl VolumeEntry {
    fn owner(&self) -> &VolumeName {
        self.worktree_of.as_ref().unwrap_or(&self.volume)
    }
}

/// All volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by name, each with its worktrees after it; those of the caller's project come first.
    pub volumes: Vec<VolumeEntry>,
    /// Why the containers are unknown.
    pub no_containers: Option<String>,
    /// The time now.
    pub now: Instant,
}

/// The compose project of the caller's directory.
#[derive(Debug, Clone)]
pub struct ProjectHere {
    /// Its name.
    pub project: ProjectName,
    /// The volumes of its compose file.
    pub volumes: Vec<VolumeName>,
}

/// Lists the volumes. An engine that does not answer is not an error. Its volumes are not asked
/// for: that takes half a minute where the driver does not answer.
///
/// # Errors
/// When the metadata cannot be read.
pub fn list(pool: &Pool, here: Option<&ProjectHere>) -> Result<Listing, Error> {
    let volumes = pool.store().read(|rows| {
        let current = rows.current_volume()?;
        let mut entries = Vec::new();
        for record in rows.volumes()? {
            let owner = record.owner();
            let head = rows.branch(owner, &record.branch)?.and_then(|branch| branch.head);
            let commit = head.as_ref().map(|head| rows.commit(owner, head)).transpose()?.flatten();
            let current = current.as_ref() == Some(&record.name);
            entries.push(VolumeEntry {
                protected: record.protected,
                volume: record.name,
                worktree_of: record.worktree_of,
                expires: record.expires,
                branch: record.branch,
                head,
                date: commit.as_ref().map(|commit| commit.date),
                size: commit.and_then(|commit| commit.size),
                current,
                project: None,
                containers: None,
                states: None,
            });
        }
        Ok::<_, Error>(entries)
    })?;
    let mut listing = Listing { volumes, no_containers: None, now: pool.now() };
    if listing.volumes.is_empty() {
        // No volume, so no question to the engine.
        return Ok(listing);
    }
    match pool.containers().users() {
        Ok(mut users) => {
            for entry in &mut listing.volumes {
                let users = sorted(users.remove(entry.volume.as_str()).unwrap_or_default());
                let mut services = users.iter().filter_map(|container| container.service.as_ref());
                entry.project = services.next().map(|service| service.project.clone());
                entry.states = Some(users.iter().map(|container| container.state).collect());
                entry.containers = Some(users.into_iter().map(|container| container.name).collect());
            }
        }
        Err(error) => listing.no_containers = Some(error.to_string()),
    }
    if let Some(here) = here {
        for entry in &mut listing.volumes {
            let is_named = here.volumes.contains(&entry.volume)
                || entry.volume.as_str().starts_with(&here.project.volume_prefix());
            if entry.project.is_none() && is_named {
                entry.project = Some(here.project.to_string());
            }
        }
    }
    sort(&mut listing.volumes, here);
    Ok(listing)
}

/// Sorts volumes by name, those of the caller's project first, and puts each worktree after its
/// volume.
fn sort(entries: &mut [VolumeEntry], here: Option<&ProjectHere>) {
    let is_here = |entry: &VolumeEntry| {
        here.is_some_and(|here| entry.project.as_deref() == Some(here.project.as_str()))
    };
    let first: Vec<VolumeName> =
        entries.iter().filter(|entry| is_here(entry)).map(|entry| entry.owner().clone()).collect();
    entries.sort_by_cached_key(|entry| {
        let owner = entry.owner();
        (!first.contains(owner), owner.clone(), entry.worktree_of.is_some(), entry.volume.clone())
    });
}

fn rfc3339_or_null<S: Serializer>(date: &Option<Instant>, serializer: S) -> Result<S::Ok, S::Error> {
    date.map(Instant::to_rfc3339).serialize(serializer)
}

/// Returns the names of containers, sorted.
pub(super) fn names_of(containers: Vec<Container>) -> Vec<String> {
    sorted(containers).into_iter().map(|container| container.name).collect()
}

/// Sorts containers by name: each engine lists them in an order of its own.
fn sorted(mut containers: Vec<Container>) -> Vec<Container> {
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    containers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::{State, Writes};

    #[test]
    fn names_of_containers_are_sorted() {
        let container = |name: &str| Container {
            id: name.repeat(2),
            name: name.to_owned(),
            state: State::Running,
            created: 0,
            mounts: 1,
            restarting: false,
            service: None,
            writes: Writes::default(),
        };
        assert_eq!(names_of(vec![container("web"), container("db")]), ["db", "web"]);
    }
}
