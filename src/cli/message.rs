//! Where the message of a commit comes from: `-m`, `-F`, or an editor on a terminal.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;

use super::environment;
use super::output::Failure;
use crate::error::Error;

/// The flags that give a message.
#[derive(Debug, clap::Args)]
pub(super) struct Message {
    /// What the commit is; may be given several times, one paragraph each
    #[arg(short, long, value_name = "MESSAGE")]
    message: Vec<String>,
    /// Read the message from this file, - being standard input
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with = "message")]
    file: Option<PathBuf>,
}

impl Message {
    /// The message; with neither flag a person at a terminal is asked, with `before` to begin with.
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
        "{before}\n# {about}\n# Lines that begin with # are left out; an empty message ends it without a commit.\n"
    );
    file.write_all(comment.as_bytes()).map_err(failed)?;
    let editor =
        ["DVOL_EDITOR", "GIT_EDITOR", "VISUAL", "EDITOR"].into_iter().find_map(environment::variable);
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // As git does: the shell splits the editor's own flags.
    let status =
        Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg(&editor).arg(file.path()).status();
    if !status.map_err(failed)?.success() {
        return Err(Failure::Failed(format!("the editor '{editor}' failed; nothing was committed")));
    }
    // By its path: most editors write a new file.
    let text = std::fs::read_to_string(file.path()).map_err(failed)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    Ok(kept.join("\n").trim().to_owned())
}
