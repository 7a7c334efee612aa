//! The second copy of the records: a log beside the database from which the database can be rebuilt.

pub(super) mod copies;
pub(super) mod entries;
pub(super) mod log;
pub(super) mod rebuild;
pub(super) mod snapshot;
