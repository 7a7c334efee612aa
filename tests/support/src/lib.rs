//! What several test binaries share: engines, file systems, pools to try things on, and ways to
//! look at them.
//!
//! What only one binary needs lies in that binary: the harness of `tests/it` in `tests/it/harness`,
//! the sweeps in `tests/crash`. A helper comes here when a second binary needs it.

#![allow(clippy::disallowed_methods, reason = "a test stands outside the program and its doors")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod containers;
pub mod fake_engine;
pub mod fuzz;
mod loop_image;
pub mod opens;
pub mod page;
mod process;
mod program;
pub mod random;
pub mod scene;
mod skip;
mod state;
mod trace;

pub use loop_image::{LoopImage, is_mounted, unmount};
pub use process::{Outcome, eventually};
pub use program::dvol;
pub use skip::{has_program, is_root, skip};
pub use state::{difference, lasting, remains, state, tree_text};
pub use trace::steps;
