//! Where pools are swept.

use std::path::PathBuf;

use tempfile::TempDir;

use support::LoopImage;
use support::scene::workshop;

/// A directory for pools, in memory or on a file system that writes to a disk: only of that is
/// anything known.
pub(crate) enum Workshop {
    Memory(TempDir),
    Image(LoopImage),
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Workshop::Memory(workshop())
    }

    pub(crate) fn on_disk() -> Self {
        match LoopImage::fast("ext4", &["-q", "-F"], 400) {
            Some(image) => Workshop::Image(image),
            None => Workshop::Memory(TempDir::new().unwrap()),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Workshop::Memory(directory) => directory.path().to_owned(),
            Workshop::Image(image) => image.path(),
        }
    }
}
