//! Fuzz targets: each takes any bytes, and must neither panic nor give a wrong answer.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dvol::layout::Layout;
use dvol::model::Revision;
use dvol::store::{LoggedRecords, Store, StoreError};
use dvol::sys::tree::ArchiveReader;
use tempfile::TempDir;

fn home() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a directory can be made")
}

/// A pool in which `name` below `.dvol` holds `bytes`.
fn pool_with(name: &str, bytes: &[u8]) -> (TempDir, Store) {
    let home = home();
    let layout = Layout::new(home.path());
    dvol::sys::disk::ensure_directory(&layout.locks(), 0o700).expect("a directory can be made");
    std::fs::write(layout.private().join(name), bytes).expect("a file can be written");
    let store = Store::new(&layout, Duration::from_secs(5));
    (home, store)
}

fn volumes(store: &Store) -> Result<usize, StoreError> {
    store.read(|rows| Ok(rows.volumes()?.len()))
}

/// Reads a database of any bytes, which is sound, or damaged (or a later dvol's) and rebuilt.
pub fn metadata(bytes: &[u8]) {
    let (_home, store) = pool_with("metadata.redb", bytes);
    let read = volumes(&store);
    let examined = store.examine();
    for error in [read.err(), examined.err()].into_iter().flatten() {
        if matches!(error, StoreError::Newer { .. }) {
            return;
        }
        assert!(error.is_damage(), "{error}");
    }
    store.rebuild().expect("a pool without a second copy becomes an empty one");
    assert_eq!(volumes(&store).expect("it was rebuilt"), 0);
}

/// Reads a second copy of any bytes as far as it goes, and makes a database of that.
pub fn records(bytes: &[u8]) {
    LoggedRecords::read(bytes);
    let (_home, store) = pool_with("records.log", bytes);
    match store.rebuild() {
        Ok(_) => {
            // Records that are whole but none of ours are told.
            if let Err(error) = volumes(&store) {
                assert!(error.is_damage(), "{error}");
            }
        }
        Err(error) => assert!(error.is_damage() || matches!(error, StoreError::Newer { .. }), "{error}"),
    }
}

/// Parses a revision, which is refused, or means what it says.
pub fn revision(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(revision) = text.parse::<Revision>() {
        let again: Revision = revision.to_string().parse().expect("what was understood once is again");
        assert_eq!(revision, again);
    }
}

/// Unpacks an archive, or refuses it; writes nothing outside of its directory.
pub fn archive(bytes: &[u8]) {
    let home = home();
    let target = home.path().join("target");
    dvol::sys::disk::make_directory(&target, 0o700).expect("a directory can be made");
    let mut input = bytes;
    if let Ok(mut archive) = ArchiveReader::open(&mut input)
        && archive.text("dvol.json").is_ok()
    {
        let _ = archive.tree(&target, "", &AtomicBool::new(false));
    }
    let beside = std::fs::read_dir(home.path()).expect("it is there").count();
    assert_eq!(beside, 1, "something lies beside the directory");
    dvol::sys::tree::remove_tree(&target).expect("what was unpacked can be removed");
}
