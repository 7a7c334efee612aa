//! `pool check`: the file system in the image, with the programs of that file system.

use std::path::PathBuf;

use serde::Serialize;

use super::mount::{is_mounted, mount_locked, require_image};
use crate::error::Error;
use crate::model::ImageKind;
use crate::pool::Pool;
use crate::sys::image;

/// What a check of the image found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedImage {
    /// The image.
    pub image: PathBuf,
    /// Its file system.
    pub kind: ImageKind,
    /// Whether it was mounted meanwhile.
    pub is_online: bool,
    /// Whether there is no error.
    pub is_clean: bool,
    /// The program that looked.
    pub program: &'static str,
    /// What the program said.
    pub output: String,
}

/// Checks the file system in the image and changes nothing. Where it is mounted, checks it as it
/// is, or with `offline` unmounts it for that time.
///
/// # Errors
/// When the program that checks is missing or cannot check a file system that is mounted, or with
/// `offline` something in the image is in use.
pub fn check_image(pool: &Pool, offline: bool) -> Result<CheckedImage, Error> {
    require_image(pool)?;
    let (path, root) = (pool.layout().image(), pool.layout().real_root());
    let kind = image::kind_of(&path).ok_or_else(|| image::ImageError::NotAnImage(path.clone()))?;
    let was_mounted = is_mounted(pool);
    let found = if was_mounted && !offline {
        let found = image::check_online(kind, &root)?;
        if !found.could_check {
            return Err(Error::NotOnline { image: path, program: found.program, words: found.words });
        }
        found
    } else {
        let _lock = pool.lock_image("pool check")?;
        if was_mounted {
            image::unmount(&root)?;
        }
        let found = image::check_offline(&path);
        if was_mounted {
            mount_locked(pool)?;
        }
        found?
    };
    Ok(CheckedImage {
        image: path,
        kind,
        is_online: was_mounted && !offline,
        is_clean: found.is_clean,
        program: found.program,
        output: found.words,
    })
}
