//! Spares: large files that left a tree, made equal to the source's files again for the next
//! exchange.
//!
//! Without shared blocks, a large file of which little changed costs a copy of all of it. The file
//! that an exchange takes out of the tree lies in trash then, and differs from the source's file in
//! what changed, no more. So it is turned into a spare: what differs is written down as a *delta*,
//! the file moves away, and what differs is overwritten. The next exchange moves the spare into
//! place. An undo makes the old file again, from the source's file and the delta. Of a file that is
//! written anew each time, such as a log's, a copy becomes the spare, and the old file stays.
//!
//! No file of a tree is ever written into. At any moment:
//!
//! 1. until the delta has its name, the file in trash is whole, and a delta without its name means
//!    nothing;
//! 2. from then on the delta counts, which is durable before, and the file is waste;
//! 3. once the file is equal to the source's, and durable, it gets the name of a spare.
//!
//! A copied spare has no delta, and takes its name once it is durable.
//!
//! A process that still has the file open would write into the next tree. So nothing is done with a
//! file that a process holds ([`OpenFiles`](crate::sys::open_files::OpenFiles)). No process can
//! open it later: only dvol reaches trash. Another dvol that prepares spares does not count: it
//! writes only while it keeps all others away, and looks then whether the file is still there.
//!
//! ```text
//! <folder>/<hash of the path>         the delta
//! <folder>/<hash of the path>.new     a delta that is not whole
//! <folder>/<hash of the path>.part    the file while it is made equal
//! <folder>/<hash of the path>.spare   the spare
//! <folder>/<hash of the path>.unlike  nothing: too much differs for a delta
//! ```
//!
//! | file | what it does |
//! | --- | --- |
//! | `differing` | finds the bytes in which two files differ |
//! | `delta` | writes a delta, and makes the old file again |
//! | `prepare` | turns files in trash into spares |
//! | `old_files` | makes the old files again, for an undo |

pub(super) mod delta;
pub(super) mod differing;
pub(super) mod old_files;
pub(super) mod prepare;

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Size in bytes from which on a file gets a spare: copying a smaller one takes no longer than
/// making its delta durable.
pub(super) const SPARE_MIN_BYTES: u64 = 16 * 1024 * 1024;

/// What an exchange left of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftTree {
    /// The entries that left.
    pub tree: PathBuf,
    /// The list of the steps.
    pub list: PathBuf,
    /// The folder for deltas and spares; where there is none, none are made.
    pub spares: PathBuf,
}

/// Returns the place of the delta of the file at `path`, relative to the root of its tree.
fn delta_of(folder: &Path, path: &Path) -> PathBuf {
    folder.join(blake3::hash(path.as_os_str().as_bytes()).to_hex().as_str())
}

/// Returns the place of the spare of the file at `path`, relative to the root of its tree.
pub(super) fn spare_of(folder: &Path, path: &Path) -> PathBuf {
    delta_of(folder, path).with_extension("spare")
}

/// Returns the name that says that too much differs for the delta at this place.
fn unlike_of(delta: &Path) -> PathBuf {
    delta.with_extension("unlike")
}
