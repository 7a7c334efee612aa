//! Copies a tree: one thread walks it, several copy entries.
//!
//! A copy runs once, or in two passes: the first copies the bulk while containers still run, the
//! second takes those copies and makes the rest while no container writes.
//!
//! | file | what it does |
//! | --- | --- |
//! | `options` | says what a caller asks of a copy, and counts what it did |
//! | `tree` | starts a copy |
//! | `run`, `queue`, `directory` | hold what the threads of a copy share |
//! | `walker`, `worker` | are the threads: one makes directories, the others everything else |
//! | `content` | copies the bytes of one file by the cheapest way that works |
//! | `links` | keeps hard links inside a copy |
//! | `first_pass`, `patch` | copy files ahead, and bring such copies up to date |
//! | `reuse` | spares entries that are there already or that must not be copied |

pub(super) mod content;
pub(super) mod directory;
pub(super) mod first_pass;
pub(super) mod links;
pub(super) mod options;
pub(super) mod patch;
pub(super) mod queue;
pub(super) mod reuse;
pub(super) mod run;
pub(super) mod tree;
pub(super) mod walker;
pub(super) mod worker;
