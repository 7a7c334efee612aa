//! Behaviour through the binary and the driver's socket: a folder a subject, a file a journey.

#![allow(clippy::disallowed_methods, reason = "a test stands outside the program and its doors")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archives;
mod branches;
mod command_line;
mod commits;
mod driver;
mod engine;
mod formats;
mod harness;
mod history;
mod image;
mod page;
mod recovery;
mod remotes;
mod sources;
mod volumes;
mod worktrees;
