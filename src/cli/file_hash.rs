//! Hashes files by their paths and contents, for `ensure --files`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::output::Failure;

/// How many hex digits of the hash are used.
const DIGITS: usize = 16;

/// How a shell reads a pattern: `*` stays in its directory and takes no hidden file.
const LIKE_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Hashes the files in `directory` that these patterns match: their paths in it, and their
/// contents. A directory stands for all the files in it. The order of the patterns, and whether
/// several of them match a file, make no difference.
pub(super) fn hash(directory: &Path, patterns: &[String]) -> Result<String, Failure> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let found = matches(directory, pattern)?;
        if found.is_empty() {
            return Err(Failure::Usage(format!("--files: no file matches '{pattern}'")));
        }
        files.extend(found);
    }
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    for path in files {
        let content = content_hash(&directory.join(&path)).map_err(|error| unreadable(&path, &error))?;
        add(path.as_os_str().as_bytes());
        add(content.as_bytes());
    }
    Ok(hasher.finalize().to_hex()[..DIGITS].to_owned())
}

fn content_hash(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("--files: cannot read {}: {error}", path.display()))
}

/// Lists the files that a pattern matches, relative to `directory` where they lie in it.
fn matches(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let bad = |error: glob::PatternError| Failure::Usage(format!("--files: '{pattern}': {error}"));
    // What the directory is called is no pattern.
    let base = Pattern::escape(&directory.to_string_lossy());
    let whole =
        if Path::new(pattern).is_absolute() { pattern.to_owned() } else { format!("{base}/{pattern}") };
    let mut files = Vec::new();
    for found in glob::glob_with(&whole, LIKE_A_SHELL).map_err(bad)? {
        let found = found.map_err(|error| unreadable(error.path(), error.error()))?;
        add_files(&found, &mut files)?;
    }
    let relative = |path: PathBuf| path.strip_prefix(directory).map(Path::to_owned).unwrap_or(path);
    Ok(files.into_iter().map(relative).collect())
}

/// Adds a file, or the files in a directory.
fn add_files(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: io::Error| unreadable(path, &error);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link to a directory may lead back to this one.
        let is_loop = entry.file_type().map_err(failed)?.is_symlink() && entry.path().is_dir();
        if !is_loop {
            add_files(&entry.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test stands outside the program and its doors")]
mod tests {
    use super::*;

    fn hash_of(directory: &Path, patterns: &[&str]) -> String {
        hash(directory, &patterns.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_hash_follows_paths_and_contents_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a [b]");
        fs::create_dir_all(path.join("sql/more")).unwrap();
        fs::write(path.join("sql/1.sql"), "one").unwrap();
        fs::write(path.join("sql/2.sql"), "two").unwrap();
        fs::write(path.join("sql/more/3.sql"), "three").unwrap();
        fs::write(path.join("sql/.1.sql.swp"), "hidden").unwrap();
        let all = hash_of(&path, &["sql/*.sql"]);
        assert_eq!(all.len(), DIGITS);
        assert_eq!(all, hash_of(&path, &["sql/2.sql", "sql/1.sql", "sql/*.sql"]));
        assert_ne!(all, hash_of(&path, &["sql/1.sql"]));
        assert_ne!(all, hash_of(&path, &["sql/**/*.sql"]));
        assert_eq!(hash_of(&path, &["sql/**/*.sql"]), hash_of(&path, &["sql/*.sql", "sql/more"]));
        // The checkout may lie anywhere.
        let moved = directory.path().join("moved");
        #[allow(clippy::disallowed_methods, reason = "a test")]
        fs::rename(&path, &moved).unwrap();
        assert_eq!(all, hash_of(&moved, &["sql/*.sql"]));
        assert_eq!(all, hash_of(&moved, &[moved.join("sql/*.sql").to_str().unwrap()]));
        fs::write(moved.join("sql/2.sql"), "TWO").unwrap();
        let changed = hash_of(&moved, &["sql/*.sql"]);
        assert_ne!(all, changed);
        fs::rename(moved.join("sql/2.sql"), moved.join("sql/4.sql")).unwrap();
        assert_ne!(changed, hash_of(&moved, &["sql/*.sql"]));
    }

    #[test]
    fn a_pattern_without_a_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for pattern in ["*.sql", "***", "/nowhere/*"] {
            let said = hash(directory.path(), &[pattern.to_owned()]).unwrap_err();
            assert!(matches!(&said, Failure::Usage(text) if text.contains(pattern)), "{said:?}");
        }
    }
}
