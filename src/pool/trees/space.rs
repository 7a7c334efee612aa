//! Checking that copies will fit, before anything is touched.

use std::path::Path;

use crate::error::Error;
use crate::pool::Pool;
use crate::sys::{disk, tree};

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
            return Ok(());
        }
        let free = tree::free_space(&staging)?;
        // No copy can be larger than all that the file system holds, so measuring is not needed.
        if tree::used_space(&staging)? <= free {
            return Ok(());
        }
        let needed = measure()?;
        if needed > free { Err(Error::NoSpace { needed, free }) } else { Ok(()) }
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
