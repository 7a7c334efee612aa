//! Traces of fault points.

use std::path::Path;

/// The fault points in a trace, one a line, in the order in which they are counted: without redb's
/// own, which are counted apart.
pub(crate) fn steps(trace: &Path) -> String {
    let text = std::fs::read_to_string(trace).expect("a debug build writes its trace");
    text.lines().filter(|name| !name.starts_with("redb.")).flat_map(|name| [name, "\n"]).collect()
}
