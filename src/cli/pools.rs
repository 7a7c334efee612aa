//! Tells whether a directory lies in a pool. Containers decide what files are there, so dvol reads
//! none of them as its user's: no repository, no compose file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::layout::Layout;
use crate::sys::mounts;

/// Returns whether `directory` is a pool or lies in one: in the pool at `own`, or in any other that
/// this process sees, also through a mount of a part of it.
pub(super) fn holds(directory: &Path, own: &Path) -> bool {
    let own = fs::metadata(own).ok();
    let is_own = |above: &Path| {
        own.as_ref().is_some_and(|own| {
            fs::metadata(above).is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()))
        })
    };
    let paths = mounts::paths_of(directory);
    paths.iter().flat_map(|path| path.ancestors()).any(|above| is_own(above) || is_pool(above))
}

/// Returns whether `directory` looks like a pool. Only root may look into the private directory of
/// most pools.
fn is_pool(directory: &Path) -> bool {
    let layout = Layout::new(directory);
    let is_directory = |path: &Path| fs::symlink_metadata(path).map(|found| found.is_dir());
    let denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    is_directory(&layout.private()).unwrap_or(false) && is_directory(&layout.locks()).unwrap_or_else(denied)
}
