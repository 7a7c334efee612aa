//! `list`: list the volumes of the pool.

use serde::Serialize;

use crate::containers::Container;
use crate::error::Error;
use crate::model::{BranchName, CommitId, VolumeName};
use crate::pool::Pool;

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeEntry {
    /// Its name.
    pub volume: VolumeName,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// Whether it is the current volume.
    pub current: bool,
    /// The names of the containers that use it, running or not, sorted; `None` if the engine does
    /// not answer.
    pub containers: Option<Vec<String>>,
}

/// All volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by name.
    pub volumes: Vec<VolumeEntry>,
    /// Why the containers are unknown.
    pub no_containers: Option<String>,
}

/// Lists the volumes. An engine that does not answer is not an error.
///
/// # Errors
/// When the metadata cannot be read.
pub fn list(pool: &Pool) -> Result<Listing, Error> {
    let mut volumes = pool.store().read(|rows| {
        let current = rows.current_volume()?;
        let mut entries = Vec::new();
        for record in rows.volumes()? {
            let head = rows.branch(&record.name, &record.branch)?.and_then(|branch| branch.head);
            let current = current.as_ref() == Some(&record.name);
            entries.push(VolumeEntry {
                volume: record.name,
                branch: record.branch,
                head,
                current,
                containers: None,
            });
        }
        Ok::<_, Error>(entries)
    })?;
    if volumes.is_empty() {
        // No volume, so no question to the engine.
        return Ok(Listing { volumes, no_containers: None });
    }
    match pool.containers().users() {
        Ok(mut users) => {
            for entry in &mut volumes {
                let users = users.remove(entry.volume.as_str()).unwrap_or_default();
                entry.containers = Some(names_of(users));
            }
            Ok(Listing { volumes, no_containers: None })
        }
        Err(error) => Ok(Listing { volumes, no_containers: Some(error.to_string()) }),
    }
}

/// Sorts the names of containers: each engine lists them in an order of its own.
pub(super) fn names_of(containers: Vec<Container>) -> Vec<String> {
    let mut names: Vec<String> = containers.into_iter().map(|container| container.name).collect();
    names.sort();
    names
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
