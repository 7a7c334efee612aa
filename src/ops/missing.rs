//! Tells a pool that is missing from one that was never made: an empty directory may be the mount
//! point of a pool whose file system is not mounted.

use super::describe::is_bare;
use crate::error::Error;
use crate::pool::Pool;
use crate::sys::image::is_mount_point;
use crate::sys::mount_tables::{Unmounted, unmounted_above};

/// Refuses a pool whose image is not mounted, and an empty directory that is a mount point, or lies
/// beneath one, where nothing is mounted.
///
/// # Errors
/// [`Error::ImageNotMounted`], [`Error::PoolNotMounted`].
pub fn check_mounted(pool: &Pool) -> Result<(), Error> {
    let root = pool.layout().root();
    let image = pool.layout().image();
    // Whatever lies in the directory: an image that is not mounted has the pool.
    if image.exists() && !is_mount_point(&pool.layout().real_root()) {
        return Err(Error::ImageNotMounted { pool: root.to_owned(), image });
    }
    match is_bare(pool).then(|| unmounted_above(root)).flatten() {
        None => Ok(()),
        Some(Unmounted { at, table }) => Err(Error::PoolNotMounted { pool: root.to_owned(), at, table }),
    }
}

/// Refuses to make a pool where the engine has volumes of one: the driver remembers it.
///
/// # Errors
/// [`Error::PoolOfEngine`].
pub fn check_unknown_to_engine(pool: &Pool) -> Result<(), Error> {
    let root = pool.layout().root();
    if !is_bare(pool) || !pool.containers().is_enabled() {
        return Ok(());
    }
    // An engine that does not answer knows nothing.
    let volumes = pool.containers().volume_directories().unwrap_or_default();
    match volumes.into_iter().find(|(_, place)| place.starts_with(root)) {
        None => Ok(()),
        Some((volume, _)) => Err(Error::PoolOfEngine { pool: root.to_owned(), volume }),
    }
}
