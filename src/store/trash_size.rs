//! The file `size` in a directory of trash: how much deleting the directory gives back.
//!
//! ```text
//! bytes
//!    20  time of modification of the directory when it was measured
//!     1  space
//!    20  bytes of disk
//!     1  line feed
//! ```
//!
//! The numbers are decimal, filled up with zeros on the left; the time is in microseconds since the
//! epoch. What an undo takes out of the directory changes that time. The file is never synced: one
//! that is missing, cut short or of another time means that the directory is to be measured.

use std::path::Path;

use crate::sys::disk;
use crate::sys::error::DiskError;

/// Name of the file.
const NAME: &str = "size";
/// Length of a number in the file, in bytes.
const NUMBER_BYTES: usize = 20;

/// Reads how much the directory takes, in bytes of disk; `None` if it must be measured. `modified`
/// is its time of modification.
pub fn read_trash_size(directory: &Path, modified: i64) -> Option<u64> {
    let text = std::fs::read_to_string(directory.join(NAME)).ok()?;
    let (time, bytes) = text.strip_suffix('\n')?.split_once(' ')?;
    let is_whole = time.len() == NUMBER_BYTES && bytes.len() == NUMBER_BYTES;
    (is_whole && time.parse() == Ok(modified)).then(|| bytes.parse().ok())?
}

/// Remembers how much the directory takes. Its time of modification stays.
///
/// # Errors
/// When the file cannot be written.
pub fn write_trash_size(directory: &Path, modified: i64, bytes: u64) -> Result<(), DiskError> {
    let text = format!("{modified:0NUMBER_BYTES$} {bytes:0NUMBER_BYTES$}\n");
    disk::write_over(&directory.join(NAME), text.as_bytes())?;
    disk::set_modified(directory, modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_holds_while_nothing_comes_or_goes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path();
        assert_eq!(read_trash_size(path, 7_000_000), None);
        write_trash_size(path, 7_000_000, 4096).unwrap();
        assert_eq!(disk::modified(path).unwrap(), 7_000_000);
        assert_eq!(read_trash_size(path, 7_000_000), Some(4096));
        assert_eq!(read_trash_size(path, 7_000_001), None);
        let text = std::fs::read_to_string(path.join(NAME)).unwrap();
        assert_eq!(text.len(), 2 * (NUMBER_BYTES + 1), "as the essay draws it");
        for length in 0..text.len() {
            std::fs::File::create(path.join(NAME)).unwrap();
            disk::write_over(&path.join(NAME), &text.as_bytes()[..length]).unwrap();
            assert_eq!(read_trash_size(path, 7_000_000), None, "{length}");
        }
    }
}
