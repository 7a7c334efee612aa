//! `--project`: all volumes of a compose project, for the verbs that can.

use super::output::{Failure, say};
use super::session::Session;
use crate::model::{ProjectName, VolumeName};

/// The flag.
#[derive(Debug, clap::Args)]
pub(super) struct ProjectArg {
    /// Work on all volumes of a compose project as one: all or none. A dot is the project of this directory
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
}

impl ProjectArg {
    /// The project, where one is named. `volume` is the operand that cannot be beside it.
    pub(super) fn read(
        &self,
        session: &Session,
        volume: Option<&VolumeName>,
    ) -> Result<Option<ProjectName>, Failure> {
        let Some(text) = &self.project else { return Ok(None) };
        if let Some(volume) = session.globals.volume.as_ref().or(volume) {
            return Err(Failure::Usage(format!(
                "--project means all volumes of the project: leave out {volume}, or --project"
            )));
        }
        let project = match text.as_str() {
            "." => session.compose().map(|compose| compose.project.clone()).ok_or_else(|| {
                Failure::Usage("there is no compose file here: name the project".to_owned())
            })?,
            text => text.parse()?,
        };
        Ok(Some(project))
    }
}

/// Says which volumes an operation on a project was made on.
pub(super) fn note<'v>(
    session: &Session,
    project: &ProjectName,
    volumes: impl Iterator<Item = &'v VolumeName>,
) {
    if !session.globals.quiet {
        let names: Vec<&str> = volumes.map(VolumeName::as_str).collect();
        say("note", &format!("the volumes of project {project} are {}", names.join(", ")));
    }
}
