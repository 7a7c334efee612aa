//! The sizes of commits that are known without a look at their trees.

use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::Pool;

/// Sums up, for each volume by name, the sizes of the files of all its commits, holes and shared
/// blocks included. Forgotten commits, and those whose size is not known, do not count.
///
/// # Errors
/// When the metadata cannot be read.
pub fn commit_sizes(pool: &Pool) -> Result<Vec<(VolumeName, u64)>, Error> {
    pool.store().read(|rows| {
        let mut found = Vec::new();
        for volume in rows.owners()? {
            let mut sum = 0;
            rows.each_commit(&volume, &mut |commit| {
                sum += if commit.forgotten { 0 } else { commit.size.unwrap_or(0) };
            })?;
            found.push((volume, sum));
        }
        Ok(found)
    })
}
