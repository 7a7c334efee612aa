//! Traces of fault points.

use std::path::Path;

/// Returns the fault points in a trace in the order in which they are counted. Leaves out redb's
/// own, which are counted apart.
pub fn steps(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).expect("a debug build writes its trace");
    text.lines().filter(|name| !name.starts_with("redb.")).map(str::to_owned).collect()
}
