//! Remotes: pools that share volumes through a directory.

mod cheap;
mod flaky;
mod follow;
mod forge;
mod forged;
mod hostile;
mod interrupted;
mod kept_key;
mod killed;
mod lying;
mod made_on;
mod manners;
mod memory;
mod partial;
mod places;
mod projects;
mod public;
mod random;
mod received;
mod requests;
mod several;
mod shared;
mod standing;
mod states;
mod upkeep;
mod warned;
mod with_restic;

use std::fs;
use std::path::PathBuf;

use crate::harness::Pool;

/// A directory for a repository, with its password, and two pools that use it.
pub(crate) struct Team {
    dir: tempfile::TempDir,
    /// The pool that has the volume `db` with the commits `one` and `two`.
    pub(crate) here: Pool,
    /// A pool without a volume.
    pub(crate) there: Pool,
}

impl Team {
    /// A team whose repository is there, without a volume.
    pub(crate) fn new() -> Self {
        let team = Team::without_repository();
        cheap::lay(&team.repository());
        team
    }

    /// A team whose first push makes the repository.
    pub(crate) fn without_repository() -> Self {
        let team = Team {
            dir: tempfile::tempdir().unwrap(),
            here: Pool::with_commits(&["one", "two"]),
            there: Pool::elsewhere(3),
        };
        fs::write(team.password(), cheap::PASSWORD).unwrap();
        for pool in [&team.here, &team.there] {
            pool.ok(["remote", "add", "origin", &team.url(), "--password-file", &team.password()]);
        }
        team
    }

    /// A team whose `db` was pushed by one and cloned by the other.
    pub(crate) fn with_clone() -> Self {
        let team = Team::new();
        team.here.ok(["push", "-y", "-u", "origin", "master"]);
        team.there.ok(["clone", &team.volume("db")]);
        team.there.ok(["switch", "db"]);
        team
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.dir.path().join("catalog")
    }

    pub(crate) fn url(&self) -> String {
        self.repository().to_str().unwrap().to_owned()
    }

    pub(crate) fn volume(&self, name: &str) -> String {
        format!("{}/{name}", self.url())
    }

    pub(crate) fn password(&self) -> String {
        self.dir.path().join("password").to_str().unwrap().to_owned()
    }
}
