//! Compose projects: their volumes, and the short names of these.
//!
//! A volume belongs to a project if compose made it for that project or a container of the project
//! uses it. If the engine knows no project for a volume, or is not asked, the volume belongs to the
//! project whose prefix `PROJECT_` its name has. Its short name is the one in the compose file. A
//! full name takes precedence over a short one.

use crate::containers::ComposeVolume;
use crate::error::Error;
use crate::model::{Operation, ProjectName, VolumeName};
use crate::pool::Pool;

/// How many operations of a deleted volume are searched for one of its project.
const RECENT: usize = 20;

impl Pool {
    /// Lists the volumes of a compose project, sorted.
    ///
    /// # Errors
    /// [`Error::NoProject`]; and when the engine does not answer or the metadata cannot be read.
    pub fn volumes_of_project(&self, project: &ProjectName) -> Result<Vec<VolumeName>, Error> {
        let known = self.containers().compose_volumes()?;
        let mut found = self.volume_names()?;
        found.retain(|volume| is_member(volume, project, &known));
        if found.is_empty() { Err(Error::NoProject(project.clone())) } else { Ok(found) }
    }

    /// Lists the volumes of a compose project and those that were deleted, sorted. The engine knows
    /// no project of a deleted volume: its name and the operation log decide.
    ///
    /// # Errors
    /// As [`Pool::volumes_of_project`].
    pub fn past_volumes_of_project(&self, project: &ProjectName) -> Result<Vec<VolumeName>, Error> {
        let mut found = match self.volumes_of_project(project) {
            Err(Error::NoProject(_)) => Vec::new(),
            other => other?,
        };
        self.store().read(|rows| {
            for name in rows.logged_volumes()? {
                if rows.volume(&name)?.is_some() {
                    continue;
                }
                let is_joint =
                    |operation: Operation| operation.joint.is_some_and(|joint| joint.project == *project);
                if name.as_str().starts_with(&project.volume_prefix())
                    || rows.operations(&name, RECENT)?.into_iter().any(is_joint)
                {
                    found.push(name);
                }
            }
            Ok::<_, Error>(())
        })?;
        found.sort();
        if found.is_empty() { Err(Error::NoProject(project.clone())) } else { Ok(found) }
    }

    /// Finds the volume that `project` knows by this short name. If the engine does not answer,
    /// names alone decide.
    ///
    /// # Errors
    /// [`Error::AmbiguousVolume`]; and when the metadata cannot be read.
    pub fn short_name(&self, name: &VolumeName, project: &ProjectName) -> Result<Option<VolumeName>, Error> {
        let mut candidates = self.volume_names()?;
        if candidates.is_empty() {
            return Ok(None);
        }
        let known = self.containers().compose_volumes().unwrap_or_default();
        candidates
            .retain(|volume| is_member(volume, project, &known) && is_called(volume, name, project, &known));
        match candidates.len() {
            0 | 1 => Ok(candidates.pop()),
            _ => Err(Error::AmbiguousVolume { name: name.clone(), project: project.clone(), candidates }),
        }
    }

    /// Lists the names of all volumes, sorted.
    pub(in crate::pool) fn volume_names(&self) -> Result<Vec<VolumeName>, Error> {
        Ok(self.store().read(|rows| rows.volumes())?.into_iter().map(|record| record.name).collect())
    }
}

/// Returns whether a volume belongs to a project.
fn is_member(volume: &VolumeName, project: &ProjectName, known: &[ComposeVolume]) -> bool {
    let mut owners = known.iter().filter(|one| one.volume == volume.as_str()).peekable();
    if owners.peek().is_none() {
        return volume.as_str().starts_with(&project.volume_prefix());
    }
    owners.any(|owner| owner.project == project.as_str())
}

/// Returns whether a project knows a volume by this short name.
fn is_called(volume: &VolumeName, name: &VolumeName, project: &ProjectName, known: &[ComposeVolume]) -> bool {
    let by_label = known.iter().any(|one| {
        one.volume == volume.as_str()
            && one.project == project.as_str()
            && one.key.as_deref() == Some(name.as_str())
    });
    by_label || volume.as_str().strip_prefix(&project.volume_prefix()) == Some(name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<ComposeVolume> {
        let volume = |volume: &str, project: &str, key: Option<&str>| ComposeVolume {
            volume: volume.to_owned(),
            project: project.to_owned(),
            key: key.map(str::to_owned),
        };
        vec![
            volume("shop_db", "shop", Some("db")),
            volume("shop_test_db", "shop_test", Some("db")),
            volume("frob_mysql", "shop", Some("mysql")),
            volume("shared", "shop", None),
            volume("shared", "blog", None),
        ]
    }

    fn members(project: &str, known: &[ComposeVolume]) -> Vec<&'static str> {
        let all = ["frob_mysql", "other", "shared", "shop_db", "shop_old", "shop_test_db", "shopping"];
        let project = project.parse().unwrap();
        all.into_iter().filter(|name| is_member(&name.parse().unwrap(), &project, known)).collect()
    }

    #[test]
    fn the_engines_answer_takes_precedence_over_the_name() {
        assert_eq!(members("shop", &known()), ["frob_mysql", "shared", "shop_db", "shop_old"]);
        assert_eq!(members("blog", &known()), ["shared"]);
        assert_eq!(members("shop", &[]), ["shop_db", "shop_old", "shop_test_db"]);
    }

    #[test]
    fn a_short_name_comes_from_the_compose_file_or_follows_the_prefix() {
        let is_called = |volume: &str, name: &str| {
            let (volume, name) = (volume.parse().unwrap(), name.parse().unwrap());
            is_called(&volume, &name, &"shop".parse().unwrap(), &known())
        };
        assert!(is_called("shop_db", "db") && is_called("frob_mysql", "mysql"));
        assert!(
            !is_called("shop_db", "shop_db") && !is_called("shop_db", "d") && !is_called("shared", "shared")
        );
    }
}
