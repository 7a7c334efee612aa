//! History: what the log shows, what changed between commits, and how a commit is named.

mod diff;
mod entries;
mod log;
mod revisions;
