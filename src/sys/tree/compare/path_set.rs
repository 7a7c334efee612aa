//! Names the entries of a tree that an exchange may touch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Paths relative to the root of a tree; each stands for everything beneath it as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathSet(BTreeSet<PathBuf>);

impl PathSet {
    /// Collects paths; an empty one is the root, and so the whole tree.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        PathSet(paths.into_iter().collect())
    }

    /// Returns whether `path` is one of these, or beneath one.
    pub(in crate::sys::tree) fn covers(&self, path: &Path) -> bool {
        path.ancestors().any(|above| self.0.contains(above))
    }

    /// Returns whether one of these is beneath `path`.
    pub(in crate::sys::tree) fn leads_through(&self, path: &Path) -> bool {
        self.0.range(path.to_path_buf()..).next().is_some_and(|next| next.starts_with(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_all_beneath_it_and_for_nothing_beside_it() {
        let set = PathSet::new(["a/b".into(), "c".into(), "a-b".into()]);
        for (path, covers, leads) in [
            ("a", false, true),
            ("a/b", true, true),
            ("a/b/d", true, false),
            ("a/bc", false, false),
            ("c/d", true, false),
            ("", false, true),
            ("b", false, false),
        ] {
            let path = Path::new(path);
            assert_eq!((set.covers(path), set.leads_through(path)), (covers, leads), "{path:?}");
        }
        assert!(PathSet::new([PathBuf::new()]).covers(Path::new("x/y")));
    }
}
