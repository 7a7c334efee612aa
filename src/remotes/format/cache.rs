//! Files of repositories that were read before: index files and records. Each is named by the
//! checksum of its bytes and never changes, so a file in the cache is right or damaged, never old.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The cache of one repository. A failure of it only costs time.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    /// The folder of all caches; without it, nothing is kept.
    all: PathBuf,
    directory: PathBuf,
}

impl Cache {
    /// Uses the folder `repository` in `directory`. Where that does not exist, as where there is no
    /// pool, nothing is kept.
    pub(in crate::remotes) fn new(directory: &Path, repository: &str) -> Self {
        Cache { all: directory.to_owned(), directory: directory.join(repository) }
    }

    /// Returns the folder of all caches.
    pub(in crate::remotes) fn folder(&self) -> &Path {
        &self.all
    }

    fn place(&self, kind: &str, id: &str) -> PathBuf {
        self.directory.join(kind).join(id)
    }

    /// Returns the file if it is there and whole.
    pub(in crate::remotes) fn get(&self, kind: &str, id: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.place(kind, id)).ok()?;
        (hash(&bytes) == id).then_some(bytes)
    }

    /// Keeps a file. One that is torn by a power cut is not whole, and is read again.
    pub(in crate::remotes) fn put(&self, kind: &str, id: &str, bytes: &[u8]) {
        let place = self.place(kind, id);
        let Some(folder) = place.parent().filter(|_| self.all.is_dir()) else { return };
        let _ = make_folders(folder);
        if let Ok(mut file) = tempfile::NamedTempFile::new_in(folder)
            && std::io::Write::write_all(&mut file, bytes).is_ok()
        {
            let _ = file.persist(&place);
        }
    }

    /// Deletes the files of a kind that are not in `kept`.
    pub(super) fn keep_only(&self, kind: &str, kept: &dyn Fn(&str) -> bool) {
        let Ok(entries) = fs::read_dir(self.directory.join(kind)) else { return };
        for entry in entries.flatten() {
            if !entry.file_name().to_str().is_some_and(kept) {
                let _ = remove(&entry.path());
            }
        }
    }
}

/// Returns the name of a file with these bytes.
pub(in crate::remotes) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Writes bytes as hex digits.
pub(in crate::remotes) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "a cache is no part of any operation")]
fn make_folders(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[expect(clippy::disallowed_methods, reason = "a cache is no part of any operation")]
fn remove(path: &Path) -> std::io::Result<()> {
    fs::remove_file(path)
}
