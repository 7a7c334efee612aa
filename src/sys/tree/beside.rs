//! Names of the directories that the tree engine makes beside a tree while it works on it.
//!
//! No other file spells these names. They end in a suffix, so a caller that owns the directory of
//! the tree can tell whose they are; only a killed process leaves one behind.

use std::path::{Path, PathBuf};

use crate::sys::disk;

/// Returns the directory of the copies that a first pass makes for the tree `destination`.
pub(super) fn first_pass(destination: &Path) -> PathBuf {
    disk::beside(destination, ".early")
}

/// Returns the directory of hard links to the inodes with several names of a copy.
pub(super) fn links(destination: &Path) -> PathBuf {
    disk::beside(destination, ".links")
}

/// Returns the directory where entries wait while `tree` exchanges entries with a staged tree.
pub(super) fn aside(tree: &Path) -> PathBuf {
    disk::beside(tree, ".aside")
}
