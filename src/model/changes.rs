//! Changes of metadata as values, so that the journal can hold them and both directions are known.

use serde::{Deserialize, Serialize};

use super::{BranchRecord, CommitRecord, TagRecord, VolumeName, VolumeRecord};

/// One row of metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// A volume, under its name.
    Volume(VolumeRecord),
    /// A branch, under its volume and name.
    Branch(BranchRecord),
    /// A commit, under its volume and id.
    Commit(CommitRecord),
    /// A tag, under its volume and name.
    Tag(TagRecord),
    /// The current volume; there is one such row at most.
    CurrentVolume(VolumeName),
    /// A setting of one volume.
    Setting {
        /// The volume.
        volume: VolumeName,
        /// The setting.
        key: String,
        /// Its value.
        value: String,
    },
}

/// What one row was and becomes. At least one side is there, and both name the same row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// The row before; none where the change makes it.
    pub before: Option<Row>,
    /// The row after; none where the change deletes it.
    pub after: Option<Row>,
}

impl RowChange {
    /// Makes a row.
    pub fn insert(row: Row) -> Self {
        RowChange { before: None, after: Some(row) }
    }

    /// Replaces a row.
    pub fn update(before: Row, after: Row) -> Self {
        RowChange { before: Some(before), after: Some(after) }
    }

    /// Deletes a row.
    pub fn delete(row: Row) -> Self {
        RowChange { before: Some(row), after: None }
    }

    /// The way back.
    pub fn reversed(&self) -> Self {
        RowChange { before: self.after.clone(), after: self.before.clone() }
    }
}
