//! The memory of a push.
//!
//! To send a tree, the library of the repository's format takes and frees large buffers from many
//! threads. Once glibc has freed one, it takes buffers of that size from its heap from then on
//! (mallopt(3), `M_MMAP_THRESHOLD`), and the heap grows: what is small and stays lies between them.
//! A push of 4.8 GB took up to 158 MiB, where it takes 99 with limits that do not move. glibc reads
//! such limits only when a program starts, so dvol starts itself again with them.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::environment;

/// The variable with what glibc is to do (the manual of glibc, "Tunables").
const TUNABLES: &str = "GLIBC_TUNABLES";
/// From 4 MiB on, a buffer has pages of its own, and the heap ends in at most 8 MiB of free pages.
/// The least that costs no time: to pack a piece takes up to 4 MiB, which are freed each time.
const LIMITS: &str = "glibc.malloc.mmap_threshold=4194304:glibc.malloc.trim_threshold=8388608";

/// Starts this program again with these limits. Returns if it has them, if the user has said what
/// glibc is to do, and if it fails.
pub(super) fn limit() {
    if !cfg!(target_env = "gnu") || environment::variable(TUNABLES).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut words = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    let _ = command.args(words).env(TUNABLES, LIMITS).exec();
}

/// Leaves these limits out of what another program gets.
pub(super) fn leave_out(command: &mut Command) {
    if environment::variable(TUNABLES).as_deref() == Some(LIMITS) {
        command.env_remove(TUNABLES);
    }
}
