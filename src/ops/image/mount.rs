//! `pool mount`, `pool unmount`: the image's file system at the pool.

use std::path::Path;

use super::create::sync_folder;
use super::info::{PoolInfo, pool_info};
use crate::error::Error;
use crate::layout;
use crate::pool::Pool;
use crate::sys::image::{self, ImageError};
use crate::sys::{disk, own_container, tree};

/// Mounts the pool's image unless it is mounted.
///
/// # Errors
/// When the pool has no image, or it cannot be mounted.
pub fn mount_image(pool: &Pool) -> Result<PoolInfo, Error> {
    require_image(pool)?;
    if !is_mounted(pool) {
        let _lock = pool.lock_image("pool mount")?;
        mount_locked(pool)?;
    }
    pool_info(pool)
}

/// Mounts the pool's image if it has one that is not mounted and this is root; others may only read
/// what is mounted.
///
/// # Errors
/// When it cannot be mounted.
pub fn mount_image_if_root(pool: &Pool) -> Result<(), Error> {
    if !pool.layout().image().exists() || is_mounted(pool) || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let _lock = pool.lock_image("pool mount")?;
    mount_locked(pool)
}

/// Unmounts the pool's image.
///
/// # Errors
/// When the pool has no image, or something in it is in use.
pub fn unmount_image(pool: &Pool) -> Result<PoolInfo, Error> {
    require_image(pool)?;
    let _lock = pool.lock_image("pool unmount")?;
    if is_mounted(pool) {
        image::unmount(&pool.layout().real_root())?;
    }
    pool_info(pool)
}

/// Refuses a pool without an image.
pub(super) fn require_image(pool: &Pool) -> Result<(), Error> {
    if pool.layout().image().exists() { Ok(()) } else { Err(Error::NoImage(pool.layout().root().to_owned())) }
}

/// Returns whether something is mounted at the pool.
pub(super) fn is_mounted(pool: &Pool) -> bool {
    image::is_mount_point(&pool.layout().real_root())
}

/// Mounts the image unless it is mounted, and finishes a move that died. The caller holds the lock.
pub(super) fn mount_locked(pool: &Pool) -> Result<(), Error> {
    let layout = pool.layout();
    // Another process may have moved the pool out of it meanwhile.
    if is_mounted(pool) || !layout.image().exists() {
        return Ok(());
    }
    let root = layout.real_root();
    require_seen(pool, &layout.image())?;
    if layout.private().exists() {
        set_aside(pool)?;
    } else if !disk::names_in(&root)?.is_empty() {
        return Err(Error::NotEmpty(root));
    }
    disk::ensure_directory(&root, layout::POOL_MODE)?;
    image::mount(&layout.image(), &root)?;
    if !layout.private().exists()
        && let Err(error) = disk::set_mode(&root, layout::POOL_MODE)
    {
        image::unmount(&root)?;
        return Err(error.into());
    }
    Ok(())
}

/// Moves away what lies in the directory of a pool whose image is not mounted: the pool as it was
/// before a move into the image, or the copy of a move out of it that never came to its end.
fn set_aside(pool: &Pool) -> Result<(), Error> {
    let layout = pool.layout();
    let place = if layout.moved_out().exists() { layout.pool_new() } else { layout.pool_old() };
    if place.exists() {
        if place == layout.pool_old() {
            return Err(Error::OldPool(place));
        }
        tree::remove_tree(&place)?;
    }
    disk::rename(&layout.real_root(), &place)?;
    sync_folder(&place)
}

/// Refuses to mount where the engine's containers would not see it: in a container or a service
/// whose mounts stay inside.
pub(super) fn require_seen(pool: &Pool, file: &Path) -> Result<(), Error> {
    let at = pool.layout().real_root();
    if image::is_seen_outside(&at) || is_engine_inside(pool) {
        return Ok(());
    }
    Err(ImageError::Hidden { image: file.to_owned() }.into())
}

/// Returns whether the engine runs in the same container as this process, because it does not know
/// that container.
fn is_engine_inside(pool: &Pool) -> bool {
    let ids = own_container::ids();
    !ids.is_empty() && ids.iter().all(|id| matches!(pool.containers().mounts_of(id), Ok(None)))
}
