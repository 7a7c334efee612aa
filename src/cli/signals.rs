//! Signals: those that interrupt an operation, and the one that a file size limit sends.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

use super::output::Failure;
use crate::pool::Pool;

/// Returns the signals that interrupt dvol. A SIGHUP that was ignored when dvol started (`nohup`)
/// stays ignored. For a shell without job control, Ctrl-C is ignored by what runs in the
/// background, but a SIGINT that reaches dvol all the same is meant for it.
pub(super) fn interrupts() -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ends_at_hangup = !is_ignored(&status, SIGHUP);
    [SIGINT, SIGTERM].into_iter().chain(ends_at_hangup.then_some(SIGHUP)).collect()
}

/// Returns whether a signal is in the mask `SigIgn` of a process (proc(5)).
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}

/// Lets Ctrl-C, SIGTERM and SIGHUP undo the running operation. A second signal ends the process at
/// once; the next dvol on the volume then undoes the operation.
pub(super) fn catch_interrupts(pool: &Pool) -> Result<(), Failure> {
    let flag = pool.interrupted();
    for signal in interrupts() {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(Failure::Output)?;
    }
    Ok(())
}

/// Lets a write beyond the limit for files (`ulimit -f`) fail with an error, so that an operation
/// is undone. The programs that dvol starts are not affected.
pub(super) fn survive_file_limits() {
    // Without the handler the signal ends dvol, as it did before.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tdvol\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP));
        assert!(!is_ignored(status, SIGINT) && !is_ignored("", SIGHUP));
    }
}
