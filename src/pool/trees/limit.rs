//! `volume.max-size`: what a working tree may take to be committed, and a tree to become a volume's.
//!
//! It is kept where trees are copied. Who writes into a working tree is stopped by nobody but the file system. A tree is
//! measured only where there is a limit; nothing is locked for it, so what is written meanwhile may not count.

use std::path::Path;

use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::Pool;
use crate::pool::settings::{Setting, parse_size};
use crate::store::Rows;
use crate::sys::tree;

/// The key of the setting.
pub const MAX_SIZE: &str = "volume.max-size";

/// The limit in bytes of `volume`, which need not be there yet; none for no limit.
///
/// # Errors
/// When the metadata cannot be read.
pub fn max_size(rows: &Rows<'_>, volume: &VolumeName) -> Result<Option<u64>, Error> {
    Ok(parse_size(&Setting::find(MAX_SIZE)?.value(rows, Some(volume))?))
}

impl Pool {
    /// Refuses the tree at `tree` if it takes more than `volume` may; `own` is the limit that a new volume will have.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or a tree or metadata that cannot be read.
    pub fn check_size(&self, volume: &VolumeName, own: Option<&str>, tree: &Path) -> Result<(), Error> {
        let limit = match own {
            Some(own) => parse_size(own),
            None => self.store.read(|rows| max_size(&rows, volume))?,
        };
        let Some(limit) = limit else { return Ok(()) };
        let size = tree::measure_tree(tree)?.blocks;
        if size > limit {
            return Err(Error::TooLarge { volume: volume.clone(), size, limit });
        }
        Ok(())
    }
}
