//! A tree as a tar archive, and back.

pub(super) mod entries;
pub(super) mod extract;
pub(super) mod file_writer;
pub(super) mod pax;
pub(super) mod write;
