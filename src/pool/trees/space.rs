//! Checking that copies will fit, before anything is touched.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::pool::Pool;
use crate::sys::{disk, tree};

/// How much of the host's file system an operation leaves alone, in bytes: its own log and metadata
/// take some megabytes of an image whose blocks are shared, and containers write meanwhile.
const HOST_RESERVE: u64 = 64 << 20;

impl Pool {
    /// Refuses to copy these trees into the pool if they do not all fit. If the file system shares
    /// blocks, a copy takes next to no space.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; and when a tree cannot be read.
    pub fn check_space<'s>(&self, sources: impl IntoIterator<Item = &'s Path>) -> Result<(), Error> {
        self.check_space_for(|| {
            let sizes = sources.into_iter().map(|source| Ok(tree::measure_tree(source)?.blocks));
            sizes.sum::<Result<u64, Error>>()
        })
    }

    /// Refuses to copy as many bytes into the pool as `measure` says if they do not fit.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; and those of `measure`.
    pub fn check_space_for(&self, measure: impl FnOnce() -> Result<u64, Error>) -> Result<(), Error> {
        let staging = self.layout.staging();
        if disk::can_clone(&staging) {
            return self.check_host_space(0);
        }
        let free = tree::free_space(&staging)?;
        // No copy can be larger than all that the file system holds, so measuring is not needed.
        if tree::used_space(&staging)? <= free {
            return Ok(());
        }
        let needed = measure()?;
        if needed > free { Err(Error::NoSpace { needed, free }) } else { Ok(()) }
    }

    /// Returns the directory of the pool's image, and how many bytes are free in its file system;
    /// `None` for a pool without an image.
    pub fn host_space(&self) -> Option<(PathBuf, u64)> {
        let image = self.layout.image();
        let host = image.exists().then(|| image.parent().map(Path::to_owned))??;
        let free = tree::free_space(&host).ok()?;
        Some((host, free))
    }

    /// Refuses to write `more` bytes into a pool whose image could not grow by that and a reserve:
    /// the image is sparse, and what its host cannot take is an error of the disk.
    ///
    /// # Errors
    /// [`Error::HostFull`].
    pub fn check_host_space(&self, more: u64) -> Result<(), Error> {
        match self.host_space() {
            Some((host, free)) if free < more.saturating_add(HOST_RESERVE) => {
                Err(Error::HostFull { host, needed: more.saturating_add(HOST_RESERVE), free })
            }
            _ => Ok(()),
        }
    }

    /// Makes sure that as many bytes as `measure` says can be copied into the pool: deletes the
    /// oldest trash if they do not fit. The trees `spared` stay.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when that does not suffice; and those of `measure`.
    pub fn find_space_for(
        &self,
        measure: impl FnOnce() -> Result<u64, Error>,
        spared: &[&Path],
    ) -> Result<(), Error> {
        match self.check_space_for(measure) {
            Err(Error::NoSpace { needed, .. }) => self.make_room(needed, spared),
            other => other,
        }
    }
}
