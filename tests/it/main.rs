//! Behaviour through the binary and the driver's socket: a folder a subject, a file a journey.

#![allow(clippy::disallowed_methods, reason = "tests set up and read files of their own")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod branches;
mod command_line;
mod commits;
mod driver;
mod engine;
#[path = "../support/src/fake_engine.rs"]
#[allow(dead_code, reason = "the crash tests use more of it")]
mod fake_engine;
mod formats;
mod harness;
mod history;
#[path = "../support/src/loop_image.rs"]
mod loop_image;
mod recovery;
#[path = "../support/src/scene.rs"]
#[allow(dead_code, reason = "the crash tests use more of it")]
mod scene;
mod sources;
#[path = "../support/src/state.rs"]
#[allow(dead_code, reason = "the crash tests use more of it")]
mod state;
#[path = "../support/src/trace.rs"]
mod trace;
mod volumes;
