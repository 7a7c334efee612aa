//! Trees of files: copied exactly, compared, exchanged, measured, archived, removed.
//!
//! A tree may belong to a container that is hostile and that writes at the same time. So the engine
//! reaches each entry from the handle of its directory, by one name, and never by a path: it
//! follows no symlink and crosses no mount point (a mount point inside a tree is an error that
//! names it), and `PATH_MAX` is no limit. It first opens an entry as a bare handle (`O_PATH`),
//! which has no effect on the entry; only when that very inode turns out to be a regular file or a
//! directory does it open it for reading. It never opens FIFOs and devices.
//!
//! An entry that vanishes between the listing of its directory and its opening is skipped, as if
//! the listing had come a little later. So is a file that has become a directory meanwhile.
//!
//! A copy is exact: names as bytes, modes with setuid, setgid and sticky bits, owners, access and
//! modification times in nanoseconds, extended attributes with ACLs and capabilities, hard links
//! inside the tree, holes, symlinks, FIFOs, sockets, devices, and flags of chattr(1) that say how
//! data is stored (`entry::flags` lists them). A copy leaves out the times of change and birth (the
//! kernel sets them), and labels that belong to the host (`entry::attributes` lists them).
//!
//! Limits: one open handle for each level of depth (two in a copy or a comparison), so the hard
//! limit on open files bounds the depth; the engine raises the soft limit to it. Memory grows
//! neither with the number of entries nor with the size of one directory, except for inodes with
//! several names in a comparison or a measurement.
//!
//! | room or file | what it does |
//! | --- | --- |
//! | `entry` | opens one entry, reads and sets its attributes, lists a directory |
//! | `copy` | copies a tree: one thread walks, several copy |
//! | `exchange` | makes a tree equal to another by exchanging the entries that differ |
//! | `spare` | makes large files that left a tree serve for the next exchange |
//! | `compare` | finds what differs between two trees |
//! | `source` | gives the entries of a tree one after the other |
//! | `build` | builds a tree from entries that come from elsewhere |
//! | `archive` | writes a tree as a tar archive and reads it back |
//! | `index` | recognizes entries that nothing has touched, without reading them |
//! | `times` | times of files, and from when on they prove anything |
//! | `sums` | takes checksums of all entries |
//! | `measure`, `extents` | measures space: of a tree, of a file system, shared between files |
//! | `mapped_stores` | tests whether stores through mappings show in times |
//! | `remove` | removes a tree |
//! | `share` | lets two trees share the blocks of what they have in common |
//! | `side_by_side` | walks two trees at the same time |
//! | `browse` | looks up one entry by its path, reads it, lists what it holds |
//! | `beside` | names the temporary directories beside a tree |

mod archive;
mod beside;
mod browse;
mod build;
mod compare;
mod copy;
mod entry;
mod exchange;
mod extents;
mod index;
mod mapped_stores;
mod measure;
mod remove;
mod share;
mod side_by_side;
mod source;
mod spare;
mod sums;
mod times;

#[cfg(test)]
mod tests;

pub use archive::error::{Compression, ExtractError};
pub use archive::extract::ArchiveReader;
pub use archive::write::{ArchiveStats, ArchiveWriter};
pub use browse::{MARK_HASH_BYTES, TreeEntry, mark_of};
pub use build::builder::{LeftOut, SpecialKind, TreeBuilder};
pub use build::new_file::NewFile;
pub use build::path::EntryPath;
pub use compare::alike::measure_alike;
pub use compare::diff::{Content, Difference, Entry, EntryKind, TEXT_MAX, diff_trees};
pub use compare::difference::ChangeKind;
pub use compare::index_diff::{Learn, learn_equal};
pub use compare::path_set::PathSet;
pub use compare::walk::{Change, Compare, compare_trees, compare_with};
pub use copy::first_pass::{FirstPass, MarkedCopies};
pub use copy::options::{ByWay, CopyOptions, CopyStats, CopyWay, Progress, Rung, Stop};
pub use copy::reuse::{Keep, Update};
pub use copy::tree::{copy_first_pass, copy_tree, discard_first_pass, update_tree};
pub use entry::flags::{Flags, RefusedFlags};
pub use entry::values::EntryAttributes;
pub use exchange::apply::{ListState, exchange_entries, list_state};
pub use exchange::index_update::{IndexDelta, IndexScan, scan_exchanged};
pub use exchange::lost::move_to_lost;
pub use exchange::stage::{Retarget, copy_before, measure_before, replace_paths};
pub use exchange::undo::{is_untouched, return_entries};
pub use exchange::written::keep_written;
pub use index::{DirectoryIndex, Index, ScanEvent, ScanVisitor, scan_tree};
pub use mapped_stores::sync_and_test_stores;
pub use measure::{
    Usage, free_space, measure_tree, measure_unshared, sync_filesystem, total_space, used_space,
};
pub use remove::{LeftBehind, remove_tree, remove_what_goes};
pub use share::share_blocks;
pub use source::entry::{InodeNames, SourceEntry, SourceKind};
pub use source::file::{FileReader, SourceFile};
pub use source::walk::{OpenTree, TreeSource};
pub use spare::LeftTree;
pub use spare::prepare::{Making, PREPARE_SPARES, may_have_spares, prepare_spares};
pub use sums::{EntrySums, Sum, sum_tree};
pub use times::{Bounds, FileTime};
