//! What every journey stands on: a pool of its own, the program run on it, and the driver beside
//! it.
//!
//! Each run of the program has a fixed time, a minute after the run before it, and ids that count
//! up. So whole outputs can be compared with files in `tests/it/snapshots`.

mod driver;
mod pool;
mod said;
mod snapshot;
mod standing;

pub(crate) use driver::Driver;
pub(crate) use pool::{Pool, commit_trees, hold};
pub(crate) use said::{Said, json, json_lines};
pub(crate) use snapshot::snapshot;
pub(crate) use standing::{go_on, stand_still};
