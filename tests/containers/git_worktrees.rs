//! Two git worktrees with a compose project each, as the example in tools/examples/worktrees has
//! them.

use std::path::Path;
use std::process::Command;

use support::containers::Engine;
use support::dvol;

use crate::compose::has_nothing_to_say;

#[test]
fn two_worktrees_of_git_are_up_at_once_and_no_git_touches_the_others_containers() {
    // It brings an engine of its own; this one tells whether the machine can run one.
    if Engine::shared().is_none() {
        return;
    }
    let walk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/examples/worktrees/walk");
    let output = Command::new(walk).env("DVOL", dvol()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    has_nothing_to_say(&format!("{out}{err}"));
}
