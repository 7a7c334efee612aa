//! Whole outputs, kept in files.

use std::path::Path;

/// Compares an output with the file `tests/it/snapshots/NAME.txt`.
///
/// With `UPDATE_SNAPSHOTS` set, writes the file instead. Read what changed before you commit it.
#[track_caller]
pub(crate) fn snapshot(name: &str, actual: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs", path.display());
}
