//! The pool image: a file system in a file, mounted at the pool.

mod full_host;
mod mounts;
mod moves;
mod sizes;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{LoopImage, has_program, is_root, skip, unmount};

use crate::harness::{Pool, json};

/// A pool that may have an image, which is unmounted at the end.
struct Imaged(Pool);

impl std::ops::Deref for Imaged {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.0
    }
}

impl Imaged {
    /// A pool that has no image yet. Skips the test where none can be mounted.
    #[track_caller]
    fn none_yet() -> Option<Self> {
        can_have_images().then(|| Imaged(Pool::empty()))
    }

    /// A pool that has no image yet, on an ext4 of its own of so many MB. Skips the test where none
    /// can be mounted.
    #[track_caller]
    fn on_ext4(megabytes: u64) -> Option<(LoopImage, Self)> {
        if !can_have_images() {
            return None;
        }
        let host = LoopImage::new("ext4", &["-q", "-F", "-m", "0"], megabytes)?;
        let pool = Imaged(Pool::inside(&host.path()));
        Some((host, pool))
    }

    /// A pool in a new image.
    #[track_caller]
    fn new(kind: &str) -> Option<Self> {
        let pool = Self::none_yet()?;
        pool.ok(["pool", "create", "--size", "400M", "--fs", kind]);
        Some(pool)
    }

    /// The image.
    fn image(&self) -> PathBuf {
        self.dir().join("pool.img")
    }

    /// What `pool info` says.
    #[track_caller]
    fn info(&self) -> Value {
        json(&self.ok(["pool", "info", "--format", "json"]))
    }
}

impl Drop for Imaged {
    fn drop(&mut self) {
        unmount(&self.root());
    }
}

#[track_caller]
fn can_have_images() -> bool {
    if !is_root() || !Path::new("/dev/loop-control").exists() {
        skip("it needs root and loop devices");
        return false;
    }
    has_program("mkfs.xfs") && has_program("mkfs.btrfs")
}
