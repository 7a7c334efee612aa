//! A crash at every step: each fault point of each verb that changes a pool is killed and made to
//! fail, and the pool must be as before or as after, with all containers as they were.

#![allow(clippy::disallowed_methods, reason = "a test stands outside the program and its doors")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod driver;
mod ensure;
mod entries;
mod forget;
mod gc;
mod held;
mod image;
mod model;
mod mount;
mod power;
mod projects;
mod remotes;
mod repair;
mod rollback;
mod spares;
mod sweep;
mod undo;
mod verbs;
mod workshop;
mod worktrees;
mod written;
