//! One entry of a tree: its handle, its attributes, the names in a directory.

pub(super) mod attributes;
pub(super) mod codec;
pub(super) mod directory_attributes;
pub(super) mod handle;
pub(super) mod names;
