//! `--project`: works on all volumes of a compose project as one.

use super::output::{Failure, say};
use super::session::Session;
use crate::model::{ProjectName, VolumeName};

/// The flag `--project`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ProjectArg {
    /// Work on all volumes of a compose project as one, all or none; . is the project of this
    /// directory
    #[arg(long, value_name = "NAME", add = super::complete::projects())]
    project: Option<String>,
}

impl ProjectArg {
    /// Returns the project, if one is named. `volume` is the operand that excludes it.
    pub(super) fn read(
        &self,
        session: &Session,
        volume: Option<&VolumeName>,
    ) -> Result<Option<ProjectName>, Failure> {
        let Some(text) = &self.project else { return Ok(None) };
        if let Some(volume) = session.globals.volume.as_ref().or(volume) {
            return Err(Failure::Usage(format!(
                "--project covers all volumes of the project: remove {volume} or --project"
            )));
        }
        let project = match text.as_str() {
            "." => session.compose().map(|compose| compose.project.clone()).ok_or_else(|| {
                Failure::Usage("no compose file in this directory or above: name the project".to_owned())
            })?,
            text => text.parse()?,
        };
        Ok(Some(project))
    }
}

/// Prints which volumes an operation on a project covered.
pub(super) fn note<'v>(
    session: &Session,
    project: &ProjectName,
    volumes: impl Iterator<Item = &'v VolumeName>,
) {
    if !session.globals.quiet {
        let names: Vec<&str> = volumes.map(VolumeName::as_str).collect();
        say("note", &format!("volumes of project {project}: {}", names.join(", ")));
    }
}
