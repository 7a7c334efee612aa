//! What a pool does with whole trees: stat indexes, checksums, copies, space, consistent reads.

mod alike;
pub(super) mod checksums;
pub(super) mod consistent_read;
pub(super) mod copy;
pub(super) mod index;
pub(super) mod learn;
pub(super) mod limit;
mod relate;
pub(super) mod space;
pub(super) mod started;
