//! `pool remove`: delete the image with all of its volumes, or what an earlier move kept.

use serde::Serialize;

use super::info::KeptPool;
use super::mount::{is_mounted, require_image};
use crate::error::Error;
use crate::ops::check_unused;
use crate::pool::Pool;
use crate::sys::{disk, image, tree};

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedImage {
    /// The files and directories.
    pub removed: Vec<KeptPool>,
}

/// Deletes the image and the pool in it.
///
/// # Errors
/// When the pool has no image, or it is in use.
pub fn remove_image(pool: &Pool) -> Result<RemovedImage, Error> {
    require_image(pool)?;
    for volume in pool.store().read(|rows| rows.volumes())? {
        check_unused(pool, &volume.name)?;
    }
    let path = pool.layout().image();
    let _lock = pool.lock_image("pool remove")?;
    if is_mounted(pool) {
        image::unmount(&pool.layout().real_root())?;
    } else if !image::is_free(&path) {
        return Err(image::ImageError::InUse { image: path, place: None }.into());
    }
    let bytes = super::info::allocated(&path)?;
    disk::remove_file(&path)?;
    Ok(RemovedImage { removed: vec![KeptPool { path, bytes }] })
}

/// Deletes what an earlier move kept.
///
/// # Errors
/// When there is nothing, or it cannot be deleted.
pub fn remove_kept(pool: &Pool) -> Result<RemovedImage, Error> {
    let _lock = pool.lock_image("pool remove")?;
    let kept = super::pool_info(pool)?.kept;
    if kept.is_empty() {
        return Err(Error::NoOldPool(pool.layout().root().to_owned()));
    }
    for one in &kept {
        if disk::is_directory(&one.path)? {
            tree::remove_tree(&one.path)?;
        } else {
            disk::remove_file(&one.path)?;
        }
    }
    Ok(RemovedImage { removed: kept })
}
