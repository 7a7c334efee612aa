//! The trees of a pool beside what is recorded about them: stat indexes, checksums, copies, space.

pub(super) mod checksums;
pub(super) mod consistent_read;
pub(super) mod copy;
pub(super) mod index;
pub(super) mod limit;
pub(super) mod space;
