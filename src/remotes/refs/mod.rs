//! Branches and tags of a repository.
//!
//! `records` reads and writes what a repository says of commits and moves. `fold` makes refs of
//! moves, and `moves` moves one while other machines do, too.

pub(super) mod fold;
pub(super) mod moves;
pub(super) mod records;
