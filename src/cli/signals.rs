//! Signals that interrupt an operation.

use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::output::Failure;
use crate::pool::Pool;

/// Lets Ctrl-C, SIGTERM and SIGHUP undo the running operation. A second signal ends the process at
/// once; the next dvol on the volume then undoes the operation.
pub(super) fn catch_interrupts(pool: &Pool) -> Result<(), Failure> {
    let flag = pool.interrupted();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(Failure::Output)?;
    }
    Ok(())
}
