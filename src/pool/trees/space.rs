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
        let staging = self.layout.staging();
        if disk::can_clone(&staging) {
            return Ok(());
        }
        let free = tree::free_space(&staging)?;
        // The trees cannot be larger than all that the file system holds, so measuring them is not
        // needed.
        if tree::used_space(&staging)? <= free {
            return Ok(());
        }
        let mut needed = 0_u64;
        for source in sources {
            needed = needed.saturating_add(tree::measure_tree(source)?.blocks);
        }
        if needed > free { Err(Error::NoSpace { needed, free }) } else { Ok(()) }
    }
}
