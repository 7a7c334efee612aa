//! Starts other programs: git, the editor, the pager.

use std::path::Path;
use std::process::Command;

use super::{allocator, environment};

/// Where programs are, if `PATH` names no directory from the root.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns a command that looks for `program`, and for what that starts in turn, in directories
/// with a path from the root only. An entry such as `.` in `PATH` would run a file of the current
/// directory, which a container may have put there.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", path(environment::variable("PATH").as_deref()));
    allocator::leave_out(&mut command);
    command
}

fn path(set: Option<&str>) -> String {
    let kept = set.unwrap_or_default().split(':').filter(|folder| Path::new(folder).is_absolute());
    let kept = kept.collect::<Vec<_>>().join(":");
    if kept.is_empty() { USUAL_PATH.to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_program_comes_from_the_current_directory() {
        assert_eq!(path(Some(".:/bin::bin:/usr/bin:")), "/bin:/usr/bin");
        for none in [None, Some(""), Some("."), Some(":")] {
            assert_eq!(path(none), USUAL_PATH);
        }
    }
}
