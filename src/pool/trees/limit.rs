//! The limit `volume.max-size`: how large a working tree may be to be committed, and a tree to
//! become a volume.
//!
//! The limit holds where dvol copies trees. It does not stop a container from writing: only the
//! file system can. A tree is measured only if there is a limit. Nothing is locked meanwhile, so
//! what is written during the measurement may not count.

use std::path::Path;

use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::Pool;
use crate::pool::settings::{Setting, parse_size};
use crate::store::Rows;
use crate::sys::tree;

/// Key of the setting.
pub const MAX_SIZE: &str = "volume.max-size";

/// Returns the limit of `volume`, in bytes, or `None` for no limit. The volume need not exist yet.
///
/// # Errors
/// When the metadata cannot be read.
pub fn max_size(rows: &Rows<'_>, volume: &VolumeName) -> Result<Option<u64>, Error> {
    Ok(parse_size(&Setting::find(MAX_SIZE)?.value(rows, Some(volume))?))
}

impl Pool {
    /// Refuses the tree at `tree` if it is larger than `volume` may be. `own` is the limit that a
    /// new volume will have.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; and when the tree or the metadata cannot be read.
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
