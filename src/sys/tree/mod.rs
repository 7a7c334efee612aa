//! Trees of files: copied exactly, compared, measured, removed.
//!
//! A tree may belong to a container that is hostile and that is writing. So each entry is reached
//! from the handle of its directory, by one name, and never by a path: no symlink is followed, no
//! mount point is crossed (one inside a tree is an error that names it), and `PATH_MAX` is no limit.
//! An entry is first opened as a bare handle (`O_PATH`), which does nothing to it; only when that
//! very inode turns out to be a regular file or a directory is it opened for reading. FIFOs and
//! devices are never opened.
//!
//! What vanishes between the listing of its directory and its opening is passed over in silence: it
//! is as if the listing had come a little later. So is a file that has become a directory meanwhile.
//!
//! A copy is exact: names as bytes, modes with setuid, setgid and sticky, owners, access and
//! modification times in nanoseconds, extended attributes with ACLs and capabilities, hard links
//! inside the tree, holes, symlinks, FIFOs, sockets, devices. Not copied: the time of change and of birth
//! (the kernel sets them), inode flags as of chattr(1), and labels that belong to the host
//! (`attributes` says which).
//!
//! Limits: one open handle a level of depth (two in a copy or a comparison), so the hard limit on
//! open files bounds the depth; the soft limit is raised to it. Memory does not grow with the number
//! of entries, nor with that of one directory, but
//! for inodes with several links there and in `measure_tree`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `handle` | opening an entry beneath its directory; what the kernel says about it |
//! | `names` | lists of names in one block of memory; reading directories in pieces |
//! | `options` | what a caller asks of a copy, and what it is told |
//! | `copy`, `run`, `walker`, `worker`, `queue`, `directory` | the copy: one thread walks, several work |
//! | `content` | the copy ladder for the bytes of one file |
//! | `attributes` | owner, mode, extended attributes, times |
//! | `links` | hard links inside a copy |
//! | `index` | marks by which an entry is known to be unchanged |
//! | `early`, `revise` | a first pass over a tree that is being written to, and what the second does with its copies |
//! | `reuse` | copies that build on what is there |
//! | `search`, `stage`, `steps`, `listed`, `exchange`, `metadata`, `bytes` | a tree becomes another by an exchange of what differs |
//! | `reindex` | what is known of it then |
//! | `linked`, `refill` | trees in trash as earlier versions left them |
//! | `compare`, `difference` | what differs between two trees, and two entries |
//! | `diff` | the same told in full, with the texts |
//! | `archive`, `entries`, `extract` | a tree as a tar archive, and back |
//! | `sums` | checksums of all that is in a tree |
//! | `remove`, `measure`, `shared` | the rest of what is done to whole trees |

mod archive;
mod compare;
mod copy;
mod entry;
mod exchange;
mod extents;
mod index;
mod measure;
mod remove;
mod sums;

#[cfg(test)]
mod tests;

pub use archive::extract::{ExtractError, Headed, extract_archive, take_head};
pub use archive::write::{ArchiveStats, ArchiveWriter};
pub use compare::diff::{Content, Difference, Entry, EntryKind, TEXT_MAX, diff_trees};
pub use compare::difference::ChangeKind;
pub use compare::walk::{Change, Compare, compare_trees, compare_with};
pub use copy::first_pass::EarlyCopies;
pub use copy::options::{CopyOptions, CopyStats, Progress, Rung, Stop};
pub use copy::refill::refill_tree;
pub use copy::reuse::{Keep, Update};
pub use copy::tree::{copy_early, copy_tree, discard_early, update_tree};
pub use exchange::apply::{ListState, exchange_entries, list_state, return_entries};
pub use exchange::index_update::{IndexDelta, IndexScan, scan_exchanged};
pub use exchange::linked::strip_linked;
pub use exchange::stage::{Retarget, copy_before};
pub use index::{Bounds, DirectoryIndex, FileTime, Index, ScanEvent, ScanVisitor, scan_tree};
pub use measure::{
    Usage, free_space, marks_mapped_stores, measure_tree, measure_unshared, sync_filesystem, used_space,
};
pub use remove::remove_tree;
pub use sums::{EntrySums, Sum, sum_tree};
