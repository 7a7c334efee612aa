//! Builds a tree, entry by entry, in a directory that no other process writes to.
//!
//! Whatever brings a tree in from elsewhere builds it here: archives, remotes. What comes from
//! elsewhere may be hostile. An [`EntryPath`](path::EntryPath) has names only, each entry is
//! reached from the handles of its directories, and no symlink on the way is followed: nothing is
//! written outside of the tree. No entry takes the place of another: that is an error of kind
//! `AlreadyExists`.
//!
//! Labels of the host (SELinux, IMA, Smack) and attributes that Linux cannot store, such as those
//! of macOS, are left out and counted. Any other attribute that cannot be set is an error.
//!
//! | file | what it does |
//! | --- | --- |
//! | `path` | checks the names of entries |
//! | `places` | reaches the places of the new tree |
//! | `attributes` | puts owner, mode, attributes and times on a new entry |
//! | `new_file` | writes the content of one file |
//! | `builder` | makes the entries |

pub(super) mod attributes;
pub(super) mod builder;
pub(super) mod new_file;
pub(super) mod path;
mod places;
