//! Whether a copy will fit, asked before anything is touched.

use std::path::Path;

use super::{Error, Pool};
use crate::sys::{disk, tree};

impl Pool {
    /// Refuses a copy of `tree` into the pool that cannot fit. Where the file system shares blocks
    /// a copy takes next to none.
    ///
    /// # Errors
    /// [`Error::NoSpace`], or a tree that cannot be read.
    pub fn check_space(&self, source: &Path) -> Result<(), Error> {
        let staging = self.layout.staging();
        if disk::can_clone(&staging) {
            return Ok(());
        }
        let free = tree::free_space(&staging)?;
        // No tree is larger than all that is there, so an emptier file system need not be asked further.
        if tree::used_space(&staging)? <= free {
            return Ok(());
        }
        let needed = tree::measure_tree(source)?.blocks;
        if needed > free { Err(Error::NoSpace { needed, free }) } else { Ok(()) }
    }
}
