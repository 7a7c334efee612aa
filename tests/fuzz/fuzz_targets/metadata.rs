#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, clippy::disallowed_methods, reason = "one of several; it sets up files of its own")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::metadata(bytes));
