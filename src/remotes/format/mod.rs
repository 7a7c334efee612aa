//! A repository in restic's format: what `rustic_core` is given, what it does not return, and what
//! is read and written without it.
//!
//! `repository` makes and opens one. `backend` is a place as the library wants it, with `gate` to
//! hold reading back, `cache` for files that were read before and `packs` for those that are read
//! piece by piece. `panics` and `warnings` hear what the library does not return as an error.
//! `seal` and `blobs` open what is encrypted, with limits. `lock` has restic's locks.

pub(super) mod backend;
pub(super) mod blobs;
pub(super) mod cache;
pub(super) mod gate;
pub(super) mod lock;
mod packs;
mod panics;
pub(super) mod repository;
pub(super) mod seal;
pub(super) mod warnings;
