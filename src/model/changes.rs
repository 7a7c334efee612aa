//! Changes of metadata as values: the journal stores them, and each can be reversed.

use serde::{Deserialize, Serialize};

use super::{BranchRecord, CommitRecord, TagRecord, VolumeName, VolumeRecord};

/// One row of metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// A volume; its key is the name.
    Volume(VolumeRecord),
    /// A branch; its key is volume and name.
    Branch(BranchRecord),
    /// A commit; its key is volume and id.
    Commit(CommitRecord),
    /// A tag; its key is volume and name.
    Tag(TagRecord),
    /// The current volume; there is at most one such row.
    CurrentVolume(VolumeName),
    /// A setting of one volume.
    Setting {
        /// The volume.
        volume: VolumeName,
        /// The setting's key.
        key: String,
        /// The setting's value.
        value: String,
    },
}

impl Row {
    /// Returns the same row for the volume `to`, if it is one of the volume `from`.
    pub fn of_volume(&self, from: &VolumeName, to: &VolumeName) -> Option<Row> {
        let volume = to.clone();
        Some(match self.clone() {
            Row::Volume(row) if row.name == *from => Row::Volume(VolumeRecord { name: volume, ..row }),
            Row::Branch(row) if row.volume == *from => Row::Branch(BranchRecord { volume, ..row }),
            Row::Commit(row) if row.volume == *from => Row::Commit(CommitRecord { volume, ..row }),
            Row::Tag(row) if row.volume == *from => Row::Tag(TagRecord { volume, ..row }),
            Row::Setting { volume: of, key, value } if of == *from => Row::Setting { volume, key, value },
            _ => return None,
        })
    }
}

/// The change of one row. At least one side is present, and both name the same row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// The row before; `None` if the change makes it.
    pub before: Option<Row>,
    /// The row after; `None` if the change deletes it.
    pub after: Option<Row>,
}

impl RowChange {
    /// Makes the change that inserts a row.
    pub fn insert(row: Row) -> Self {
        RowChange { before: None, after: Some(row) }
    }

    /// Makes the change that replaces a row.
    pub fn update(before: Row, after: Row) -> Self {
        RowChange { before: Some(before), after: Some(after) }
    }

    /// Makes the change that deletes a row.
    pub fn delete(row: Row) -> Self {
        RowChange { before: Some(row), after: None }
    }

    /// Returns the commit whose data this change forgets, as it was before.
    pub fn forgets(&self) -> Option<&CommitRecord> {
        match (&self.before, &self.after) {
            (Some(Row::Commit(before)), Some(Row::Commit(after))) if after.forgotten => {
                Some(before).filter(|before| !before.forgotten)
            }
            _ => None,
        }
    }

    /// Makes the change that takes this one back.
    pub fn reversed(&self) -> Self {
        RowChange { before: self.after.clone(), after: self.before.clone() }
    }
}
