//! Reads a tree as a sequence of entries, each with its attributes and a handle of its content.
//!
//! Whatever sends a tree elsewhere takes it from here: archives, remotes. Entries come in the order
//! of a walk that sorts the names in a directory by their bytes: a directory before what it holds.
//! The tree belongs to a commit, or to a volume on a read-only disk: no process changes it. An
//! entry that has gone means that the tree is being deleted, and is an error.
//!
//! Each entry is reached from the handle of its directory. Each regular file is open when it is
//! handed out, so its content can be read by another thread, later, and whatever becomes of its
//! name.
//!
//! | file | what it does |
//! | --- | --- |
//! | `walk` | goes through the tree |
//! | `entry` | one entry, as it is handed out |
//! | `file` | reads the content of a regular file |

pub(super) mod entry;
pub(super) mod file;
pub(super) mod walk;
