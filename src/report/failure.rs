//! The JSON of a failure, for programs that run dvol.

use serde::Serialize;

use super::json::json_line;

/// What to do after a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Says what the command does; without a command, the whole hint.
    pub text: String,
    /// The command to run; words in capitals stand for values.
    pub command: Option<String>,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// Its code, which never changes.
    pub error: &'static str,
    /// The message that people read.
    pub message: String,
    /// What to do, the most likely first.
    pub hints: Vec<Advice>,
    /// The exit code.
    pub exit: u8,
}

/// The programs that the commands of hints run.
const PROGRAMS: [&str; 9] = ["btrfs", "chattr", "docker", "dvol", "git", "gunzip", "mount", "sudo", "umount"];

impl Advice {
    /// Takes a hint apart: an imperative, a colon, the command.
    pub fn of(hint: &str) -> Self {
        let is_command = |text: &str| {
            let program = text.split_whitespace().next().unwrap_or_default();
            // A line for a script, such as a hook's, is not one to run.
            PROGRAMS.contains(&program) && !text.contains("$@")
        };
        match hint.split_once(": ") {
            Some((text, command)) if is_command(command) => {
                Advice { text: text.to_owned(), command: Some(command.to_owned()) }
            }
            _ => Advice { text: hint.to_owned(), command: None },
        }
    }
}

json_line!(FailureReport);

#[cfg(test)]
mod tests {
    use super::Advice;

    #[test]
    fn a_hint_has_its_command_apart() {
        let taken = Advice::of("list the volumes: dvol list");
        assert_eq!(taken.text, "list the volumes");
        assert_eq!(taken.command.as_deref(), Some("dvol list"));
        let line = "add this line to .git/hooks/post-checkout: dvol hook post-checkout -- \"$@\"";
        assert_eq!(Advice::of(line).command, None);
        let whole = "wait longer: --lock-timeout SECONDS";
        assert_eq!(Advice::of(whole), Advice { text: whole.to_owned(), command: None });
    }
}
