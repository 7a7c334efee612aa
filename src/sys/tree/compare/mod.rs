//! What differs between two trees.

pub(super) mod diff;
pub(super) mod difference;
pub(super) mod index_diff;
pub(super) mod walk;
