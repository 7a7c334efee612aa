//! A run of the program that stands still in the middle of its work.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::Said;

/// Runs a command until it stands still at its step number `step`; returns what it said if it ends
/// before.
pub(crate) fn stand_still(command: &mut Command, step: usize) -> Result<Child, Said> {
    command.env("DVOL_FAULT", format!("{step}:stop")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // Who waits for its output finds out how it ended.
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(Pid::from_child(&child)), options).unwrap().unwrap();
    if status.stopped() { Ok(child) } else { Err(Said::from(child.wait_with_output().unwrap())) }
}

/// Lets a run that stands still go on to its end.
pub(crate) fn go_on(child: Child) -> Said {
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    Said::from(child.wait_with_output().unwrap())
}
