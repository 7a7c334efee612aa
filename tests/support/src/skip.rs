//! Tests that a machine cannot run: they say so and pass, except on CI.

use std::io::Write as _;
use std::path::Path;

/// Reports that the running test is skipped for `reason`. Fails on CI (`CI=true`), which must run
/// every test.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must run every test, but {reason}");
    let thread = std::thread::current();
    // Past the capture of test output.
    let _ = writeln!(std::io::stderr(), "skipped: {}: {reason}", thread.name().unwrap_or_default());
}

/// Returns whether the test runs as root; skips it if not.
#[track_caller]
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("it needs root");
    }
    is_root
}

/// Returns whether `program` is installed; skips the test if not.
#[track_caller]
pub fn has_program(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let is_there = path.split(':').any(|dir| Path::new(dir).join(program).exists());
    if !is_there {
        skip(&format!("it needs {program}"));
    }
    is_there
}
