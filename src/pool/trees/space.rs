//! Whether a copy will fit, asked before anything is touched.

use std::path::Path;

use crate::error::Error;
use crate::pool::Pool;
use crate::sys::{disk, tree};

impl Pool {
    /// Refuses copies of these trees into the pool that cannot fit all. Where the file system shares blocks
    /// a copy takes next to none.
    ///
    /// # Errors
    /// [`Error::NoSpace`], or a tree that cannot be read.
    pub fn check_space<'s>(&self, sources: impl IntoIterator<Item = &'s Path>) -> Result<(), Error> {
        let staging = self.layout.staging();
        if disk::can_clone(&staging) {
            return Ok(());
        }
        let free = tree::free_space(&staging)?;
        // Trees are not larger than all that is there, so an emptier file system need not be asked further.
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
