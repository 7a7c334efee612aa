//! `ls-tree` and `show REVISION:PATH`: read single entries of a commit without touching it.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::diff::{DiffSide, side};
use super::paths::{printable, shown};
use crate::error::Error;
use crate::model::{CommitId, Revision, VolumeName};
use crate::pool::{Pool, existing};
use crate::sys::tree::{Entry, EntryKind, TreeEntry};

/// An entry of a commit's tree, as a person names it.
#[derive(Debug, Clone)]
pub struct TreePath {
    /// The volume; `None` means the one that the revision names, or the current one.
    pub volume: Option<VolumeName>,
    /// The commit.
    pub revision: Revision,
    /// The path in the volume; empty for the root.
    pub path: PathBuf,
}

/// An entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedEntry {
    /// The volume.
    pub volume: VolumeName,
    /// The commit.
    pub commit: CommitId,
    /// Its path in the volume; "." is the root itself.
    #[serde(serialize_with = "printable")]
    pub path: PathBuf,
    /// Its type and attributes.
    #[serde(flatten)]
    pub side: DiffSide,
}

/// An entry of a commit, held open: another process may delete the commit meanwhile.
pub struct OpenedEntry {
    /// Its path, type and attributes.
    pub listed: ListedEntry,
    found: TreeEntry,
}

/// Opens an entry of a commit.
///
/// # Errors
/// [`Error::NoPath`] when the commit has no such entry; and when the commit does not exist or trash
/// no longer has its data.
pub fn open_entry(pool: &Pool, wanted: &TreePath) -> Result<OpenedEntry, Error> {
    let volume = match (&wanted.volume, &wanted.revision.volume) {
        (None, Some(named)) => named.clone(),
        (volume, _) => pool.select(volume.as_ref())?,
    };
    pool.read_again_if_moved(&volume, || {
        let found =
            pool.store().read(|rows| pool.resolve(&rows, &existing(&rows, &volume)?, &wanted.revision))?;
        let (volume, commit) = (found.commit.volume.clone(), found.commit.id.clone());
        let missing =
            || Error::NoPath { path: shown(&wanted.path), volume: volume.clone(), id: commit.clone() };
        let path = inside(&wanted.path).ok_or_else(missing)?;
        let entry = TreeEntry::find(&pool.layout().full(&found.tree), &path)?.ok_or_else(missing)?;
        let named = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
        let side = side(entry.entry.clone());
        Ok(OpenedEntry { listed: ListedEntry { volume, commit, path: named, side }, found: entry })
    })
}

/// Normalizes a path in a volume; `None` if it leads out of it. A leading slash is the volume's
/// root, where containers mount it.
pub(super) fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}

impl OpenedEntry {
    /// Returns whether this is a file that no terminal should show.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_binary(&self) -> Result<bool, Error> {
        Ok(self.listed.side.kind == EntryKind::File && self.found.has_nul()?)
    }

    /// Writes the content of a file, or the target of a symlink, byte by byte.
    ///
    /// # Errors
    /// [`Error::NoContent`] when the entry has none; when it cannot be read; and when `out` cannot
    /// be written.
    pub fn write_content(&self, out: &mut dyn Write) -> Result<(), Error> {
        let ListedEntry { volume, commit, path, side } = &self.listed;
        match side.kind {
            EntryKind::File | EntryKind::Symlink => Ok(self.found.write_content(out)?),
            _ => Err(Error::NoContent { path: shown(path), volume: volume.clone(), id: commit.clone() }),
        }
    }

    /// Calls `visit` with what this directory holds, or with the entry itself if it is none, until
    /// it breaks. Goes into directories if `deep`.
    ///
    /// # Errors
    /// When an entry cannot be looked at.
    pub fn list(
        &self,
        deep: bool,
        visit: &mut dyn FnMut(ListedEntry) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if self.listed.side.kind != EntryKind::Directory {
            let _ = visit(self.listed.clone());
            return Ok(());
        }
        let ListedEntry { volume, commit, path, .. } = &self.listed;
        let path = if path.as_os_str() == "." { Path::new("") } else { path };
        self.found.list(deep, &mut |relative, entry: Entry| {
            let (volume, commit) = (volume.clone(), commit.clone());
            visit(ListedEntry { volume, commit, path: path.join(relative), side: side(entry) })
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_volume() {
        for (typed, path) in [("a/b/", "a/b"), ("/a", "a"), ("./a//b", "a/b"), ("", ""), ("/", "")] {
            assert_eq!(inside(Path::new(typed)).as_deref(), Some(Path::new(path)), "{typed}");
        }
        assert_eq!(inside(Path::new("a/../../b")), None);
    }
}
