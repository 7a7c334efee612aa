//! The base verbs through the binary, on plain directories: one file a subject.

#![allow(clippy::disallowed_methods, reason = "tests set up and read files of their own")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checkout;
mod commit_reset;
mod config;
mod cycles;
mod driver;
mod exact;
mod failure;
mod fsck;
mod harness;
mod locks;
#[path = "../support/loop_image.rs"]
mod loop_image;
mod memory;
mod older;
mod space;
mod systemd;
mod trash;
mod unchanged;
mod words;
