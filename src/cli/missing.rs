//! Refuses to take the mount point of a pool for a pool that was never made.

use super::commands::Verb;
use super::environment;
use super::session::Session;
use crate::error::Error;
use crate::ops;
use crate::plugin;

/// Returns an error if the pool's directory is empty though there is a pool: its file system is not
/// mounted, or the driver remembers volumes of it.
pub(super) fn check(session: &Session) -> Result<(), Error> {
    let pool = &session.pool;
    ops::mount_image_if_root(pool)?;
    ops::check_mounted(pool)?;
    // Nothing else is read where there is a pool.
    if !ops::is_bare(pool) {
        return Ok(());
    }
    let root = pool.layout().root();
    match plugin::list_of(&environment::state_directory(), root) {
        Some(list) => Err(Error::PoolMissing { pool: root.to_owned(), list }),
        None => Ok(()),
    }
}

/// Checks as [`check`] does, and asks the engine too: for verbs that would make a pool.
pub(super) fn check_before_making(session: &Session) -> Result<(), Error> {
    check(session)?;
    ops::check_unknown_to_engine(&session.pool)
}

/// Imports a pool of the older layout; refuses a pool that is not there unless the verb makes it.
pub(super) fn find_pool(verb: &Verb, session: &Session) -> Result<(), Error> {
    match verb {
        // What the user typed tells whether a new pool is wanted.
        Verb::Init(_) => {}
        // Its exit code is another one.
        Verb::Fsck(_) if check(session).is_err() => return Ok(()),
        verb if verb.makes_pool() => check_before_making(session)?,
        _ => check(session)?,
    }
    let root = session.pool.layout().root();
    if !verb.makes_pool() && matches!(root.try_exists(), Ok(false)) {
        // A remote that is named by its address can be listed from anywhere.
        if matches!(verb, Verb::LsRemote(_)) {
            return Ok(());
        }
        return Err(Error::NoPool(root.to_owned()));
    }
    session.pool.import_legacy().map(drop)
}
