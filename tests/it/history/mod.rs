//! History: what the log shows, what changed between commits, and how a commit is named.

mod diff;
mod log;
mod revisions;
