//! `pool grow`, `pool shrink`: the size of the image.

use super::info::{PoolInfo, pool_info};
use super::mount::{mount_image, require_image};
use crate::error::Error;
use crate::model::ImageKind;
use crate::pool::Pool;
use crate::sys::error::At as _;
use crate::sys::image;

/// Makes the image `bytes` large, and its file system with it, while everything goes on. With the
/// size that it has, finishes what a dead process began.
///
/// # Errors
/// When the image is larger already, or its file system cannot be made larger.
pub fn grow_image(pool: &Pool, bytes: u64) -> Result<PoolInfo, Error> {
    mount_image(pool)?;
    let _lock = pool.lock_image("pool grow")?;
    let (path, root) = (pool.layout().image(), pool.layout().real_root());
    let now = std::fs::metadata(&path).at("look at", &path)?.len();
    if bytes < now {
        return Err(cannot_shrink(pool)?);
    }
    let attached = image::attached_at(&root).ok_or(Error::OtherMount(root.clone()))?;
    image::fit(&path, &attached.device, &root, bytes)?;
    pool_info(pool)
}

/// Refuses to make the image smaller, with the reason.
///
/// # Errors
/// Always.
pub fn shrink_image(pool: &Pool) -> Result<PoolInfo, Error> {
    require_image(pool)?;
    Err(cannot_shrink(pool)?)
}

fn cannot_shrink(pool: &Pool) -> Result<Error, Error> {
    let image = pool.layout().image();
    let bytes = std::fs::metadata(&image).at("look at", &image)?.len();
    let kind = image::kind_of(&image).unwrap_or(ImageKind::Xfs);
    Ok(Error::CannotShrink { image, kind, bytes })
}
