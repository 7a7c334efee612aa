//! The extents of a file that no other file shares, as FIEMAP tells them.

use std::io;
use std::os::fd::BorrowedFd;

use fiemap::{Fiemap, FiemapExtentFlags, FiemapFlags};
use rustix::io::Errno;

/// Sums up the bytes of the regular file `file` that lie in extents of its own. Writes out first
/// what is still in memory. Returns `None` where the file system does not tell. The sum may be less
/// than `st_blocks`, where XFS counts what it reserves for later writes.
pub(super) fn own_bytes(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let mut own = 0;
    for extent in Fiemap::with_flags(file, FiemapFlags::SYNC) {
        match extent {
            Ok(extent) if extent.fe_flags.contains(FiemapExtentFlags::SHARED) => {}
            Ok(extent) => own += extent.fe_length,
            Err(error) => {
                return match Errno::from_io_error(&error) {
                    Some(Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS) => Ok(None),
                    _ => Err(error),
                };
            }
        }
    }
    Ok(Some(own))
}
