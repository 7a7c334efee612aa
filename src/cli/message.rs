//! Gets the message of a commit: from `-m`, `-F`, or an editor on a terminal.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use super::output::Failure;
use super::{environment, programs};
use crate::error::Error;

/// The flags `-m` and `-F`.
#[derive(Debug, clap::Args)]
pub(super) struct Message {
    /// Message; repeat for further paragraphs
    #[arg(short, long, value_name = "MESSAGE")]
    message: Vec<String>,
    /// Read the message from a file; - is standard input
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with = "message")]
    file: Option<PathBuf>,
}

impl Message {
    /// Returns the message. Without a flag, opens an editor on a terminal: `before` is the initial
    /// text, `about` a comment below it.
    pub(super) fn get(&self, before: &str, about: &str) -> Result<String, Failure> {
        if !self.message.is_empty() {
            return Ok(self.message.join("\n\n"));
        }
        match &self.file {
            Some(path) if path.as_os_str() == "-" => {
                let mut text = String::new();
                io::stdin()
                    .read_to_string(&mut text)
                    .map_err(|error| unreadable("standard input", &error))?;
                Ok(text)
            }
            Some(path) => {
                std::fs::read_to_string(path).map_err(|error| unreadable(&path.display().to_string(), &error))
            }
            None if io::stdin().is_terminal() && io::stdout().is_terminal() => edit(before, about),
            None => Err(Error::NoMessage.into()),
        }
    }
}

fn unreadable(what: &str, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot read the message from {what}: {error}"))
}

fn edit(before: &str, about: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("cannot edit the message: {error}"));
    let mut file =
        tempfile::Builder::new().prefix("DVOL_MESSAGE-").suffix(".txt").tempfile().map_err(failed)?;
    let comment = format!(
        "{before}\n# {about}\n# Lines that start with # are ignored; an empty message cancels the commit.\n"
    );
    file.write_all(comment.as_bytes()).map_err(failed)?;
    let editor =
        ["DVOL_EDITOR", "GIT_EDITOR", "VISUAL", "EDITOR"].into_iter().find_map(environment::variable);
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // Like git, let the shell split the editor's own arguments.
    let mut shell = programs::command("sh");
    let status = shell.arg("-c").arg(format!("{editor} \"$@\"")).arg(&editor).arg(file.path()).status();
    if !status.map_err(failed)?.success() {
        return Err(Failure::Failed(format!("cannot edit the message: the editor '{editor}' failed")));
    }
    // Open the path again: most editors replace the file.
    let text = std::fs::read_to_string(file.path()).map_err(failed)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    Ok(kept.join("\n").trim().to_owned())
}
