//! `pool info`: where the pool lies, and how much space there is.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::mount::is_mounted;
use crate::error::Error;
use crate::model::ImageKind;
use crate::pool::Pool;
use crate::sys::error::At as _;
use crate::sys::image;
use crate::sys::{disk, tree};

/// The bytes of a block, as stat(2) counts them.
const BLOCK_BYTES: u64 = 512;

/// Where a pool lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolInfo {
    /// Its directory.
    pub pool: PathBuf,
    /// The file system in that directory, or the one that a pool there would be on; `None` if its
    /// type is unknown.
    pub file_system: Option<&'static str>,
    /// Whether it shares blocks between copies.
    pub shares_blocks: bool,
    /// The size of the file system, in bytes.
    pub size_bytes: u64,
    /// How much of it is free, in bytes.
    pub free_bytes: u64,
    /// The image that holds the file system.
    pub image: Option<ImageFacts>,
    /// What an earlier move kept.
    pub kept: Vec<KeptPool>,
}

/// A pool image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFacts {
    /// Its file.
    pub path: PathBuf,
    /// Its file system; `None` if it is none that dvol makes.
    pub kind: Option<ImageKind>,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// How much it takes of the host's file system now, in bytes.
    pub allocated_bytes: u64,
    /// Whether it is mounted.
    pub is_mounted: bool,
    /// Its loop device, while it is mounted.
    pub device: Option<PathBuf>,
    /// Whether the loop device goes past the host's page cache.
    pub direct_io: bool,
    /// Whether what is deleted gives its space back to the host.
    pub discard: bool,
    /// The host's file system.
    pub host_file_system: Option<&'static str>,
    /// How much of that is free, in bytes.
    pub host_free_bytes: u64,
}

/// What a move kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptPool {
    /// Where it lies.
    pub path: PathBuf,
    /// How much it takes, in bytes.
    pub bytes: u64,
}

/// Describes where the pool lies, or would lie.
///
/// # Errors
/// When the image cannot be looked at.
pub fn pool_info(pool: &Pool) -> Result<PoolInfo, Error> {
    let layout = pool.layout();
    let root = layout.root();
    let place = root.ancestors().find(|path| path.exists()).unwrap_or(root);
    Ok(PoolInfo {
        pool: root.to_owned(),
        file_system: disk::file_system(place),
        shares_blocks: disk::can_clone(place),
        size_bytes: tree::total_space(place).unwrap_or_default(),
        free_bytes: tree::free_space(place).unwrap_or_default(),
        image: layout.image().exists().then(|| facts(pool)).transpose()?,
        kept: kept(pool)?,
    })
}

fn facts(pool: &Pool) -> Result<ImageFacts, Error> {
    let path = pool.layout().image();
    let found = std::fs::metadata(&path).at("look at", &path)?;
    let attached = image::attached_at(&pool.layout().real_root());
    let host = path.parent().unwrap_or(Path::new("/"));
    Ok(ImageFacts {
        kind: image::kind_of(&path),
        size_bytes: found.len(),
        allocated_bytes: found.blocks() * BLOCK_BYTES,
        is_mounted: is_mounted(pool),
        direct_io: attached.as_ref().is_some_and(|attached| attached.is_direct),
        discard: attached.as_ref().is_some_and(|attached| attached.discards),
        device: attached.map(|attached| attached.device),
        host_file_system: disk::file_system(host),
        host_free_bytes: tree::free_space(host)?,
        path,
    })
}

fn kept(pool: &Pool) -> Result<Vec<KeptPool>, Error> {
    let (directory, file) = (pool.layout().pool_old(), pool.layout().image_old());
    let mut found = Vec::new();
    if directory.exists() {
        let bytes = tree::measure_tree(&directory).map(|usage| usage.blocks).unwrap_or_default();
        found.push(KeptPool { path: directory, bytes });
    }
    if let Ok(metadata) = std::fs::metadata(&file) {
        found.push(KeptPool { path: file, bytes: metadata.blocks() * BLOCK_BYTES });
    }
    Ok(found)
}

/// Returns how many bytes a file takes of its file system.
pub(super) fn allocated(file: &Path) -> Result<u64, Error> {
    Ok(std::fs::metadata(file).at("look at", file)?.blocks() * BLOCK_BYTES)
}
