//! Lists of patterns for paths, as the setting `status.ignore` has them.

use std::path::Path;

use glob::{MatchOptions, Pattern};

/// How a pattern matches: `*` stays within a name, `**` goes through directories.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Patterns for paths of a volume.
#[derive(Debug, Clone, Default)]
pub struct Globs(Vec<Pattern>);

impl Globs {
    /// Parses patterns with commas or spaces between them; `None` if one is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        let pattern = |word: &str| {
            let word = word.trim_start_matches('/').trim_end_matches('/');
            // As in .gitignore: without a slash, it means a name in any directory.
            let anywhere = if word.contains('/') { word.to_owned() } else { format!("**/{word}") };
            Pattern::new(&anywhere).ok()
        };
        words.map(pattern).collect::<Option<_>>().map(Globs)
    }

    /// Returns whether a pattern matches `path` or a directory that it is in.
    pub fn matches(&self, path: &Path) -> bool {
        let is_one = |path: &Path| self.0.iter().any(|pattern| pattern.matches_path_with(path, OPTIONS));
        path.ancestors().filter(|above| !above.as_os_str().is_empty()).any(is_one)
    }

    /// Returns whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_gitignore() {
        let globs = Globs::parse("*.pid, /pg_stat/ base/*/pg_internal.init").unwrap();
        for (path, matches) in [
            ("postmaster.pid", true),
            ("a/b.pid", true),
            ("pg_stat", true),
            ("pg_stat/x", true),
            ("a/pg_stat/x", true),
            ("base/1/pg_internal.init", true),
            ("base/1/2/pg_internal.init", false),
            ("global/pg_internal.init", false),
            ("pid", false),
        ] {
            assert_eq!(globs.matches(Path::new(path)), matches, "{path}");
        }
        assert!(Globs::parse("a[").is_none() && Globs::parse(" ,").unwrap().is_empty());
    }
}
