//! Which containers an operation would stop, kill or pause, before it begins.

use crate::error::Error;
use crate::model::{HoldMode, VolumeName};
use crate::pool::{Pool, Purpose};

/// A container that would be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldHold {
    /// Its name.
    pub container: String,
    /// How it would be held.
    pub how: HoldMode,
}

/// Lists the containers that an operation for `purpose` on `volume` would hold now, in the order in
/// which it would hold them.
///
/// # Errors
/// When the operation would be refused because of its containers, or the engine does not answer.
pub fn would_hold(pool: &Pool, volume: &VolumeName, purpose: Purpose) -> Result<Vec<WouldHold>, Error> {
    let found = pool.containers_to_hold(purpose, volume)?;
    Ok(found.into_iter().map(|(container, how)| WouldHold { container, how }).collect())
}
