//! The machine beneath: disk calls, locks, clock, ids, the tree walker and copier.
//!
//! Nothing here knows a noun of dvol; each file is the one door to its kind of side effect.

pub mod clock;
pub mod disk;
pub mod error;
pub mod fault;
pub mod ids;
pub mod locks;
pub mod mounts;
pub mod spool;
pub mod tree;
