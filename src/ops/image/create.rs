//! `pool create`: make an image for a pool that is not there yet.

use std::path::Path;

use super::info::{PoolInfo, pool_info};
use super::mount::{is_mounted, mount_locked, require_seen};
use crate::error::Error;
use crate::model::ImageKind;
use crate::pool::Pool;
use crate::sys::{disk, image, tree};

/// The image to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageRequest {
    /// Its file system.
    pub kind: ImageKind,
    /// Its size in bytes, which it takes from the host only as it fills.
    pub bytes: u64,
}

/// Makes an image beside the pool, mounts it, and makes an empty pool in it.
///
/// # Errors
/// When there is a pool or an image already, or the image cannot be made or mounted; nothing is
/// left then.
pub fn create_image(pool: &Pool, request: ImageRequest) -> Result<PoolInfo, Error> {
    let layout = pool.layout();
    let root = layout.real_root();
    if let Some(parent) = root.parent() {
        disk::ensure_directory(parent, 0o711)?;
    }
    let _lock = pool.lock_image("pool create")?;
    let place = layout.image();
    if place.exists() {
        return Err(Error::ImageExists(place));
    }
    if image::is_mount_point(&root) {
        return Err(Error::OtherMount(root));
    }
    if !disk::names_in(&root)?.is_empty() {
        return Err(Error::NotEmpty(root));
    }
    make_beside(pool, request)?;
    disk::rename(&layout.image_new(), &place)?;
    sync_folder(&place)?;
    let prepare = || {
        mount_locked(pool)?;
        pool.prepare_directories()?;
        Ok::<_, Error>(tree::sync_filesystem(&root)?)
    };
    if let Err(error) = prepare() {
        // There is nothing in it yet.
        if is_mounted(pool) {
            image::unmount(&root)?;
        }
        disk::remove_file(&place)?;
        return Err(error);
    }
    pool_info(pool)
}

/// Makes a new image at its place beside the pool, and clears what a dead process left there.
pub(super) fn make_beside(pool: &Pool, request: ImageRequest) -> Result<(), Error> {
    let ImageRequest { kind, bytes } = request;
    if bytes < kind.min_bytes() {
        return Err(Error::ImageTooSmall { kind, bytes, least: kind.min_bytes() });
    }
    let fresh = pool.layout().image_new();
    require_seen(pool, &fresh)?;
    if fresh.exists() {
        disk::remove_file(&fresh)?;
    }
    let made = image::make(&fresh, kind, bytes);
    if made.is_err() && fresh.exists() {
        disk::remove_file(&fresh)?;
    }
    Ok(made?)
}

/// Makes the names beside the pool durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    Ok(disk::sync_directory(path.parent().unwrap_or(Path::new("/")))?)
}
