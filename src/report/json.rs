//! JSON lines. Fields are only ever added.

use std::io::{self, Write};

use serde::Serialize;

use crate::fsck::Report;
use crate::model::CommitId;
use crate::ops::{
    Amended, Check, CheckedOut, Cloned, Collected, Committed, Created, CreatedBranch, DeletedBranch,
    DeletedTag, Exported, Imported, Inspection, Listing, MetadataLine, ReflogEntry, Removed, Renamed,
    RenamedBranch, ResetDone, SettingEntry, TagEntry, Tagged, Undone,
};

/// What `rev-parse` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parsed {
    /// The id, or as much of it as was asked for, or the branch.
    pub name: Option<String>,
    /// The whole id.
    pub commit: Option<CommitId>,
}

/// Something that is written as one JSON object a line.
pub trait Lines {
    /// Writes all lines.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;
}

pub(super) fn line(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    writeln!(out)
}

pub(super) fn lines<T: Serialize>(out: &mut dyn Write, objects: &[T]) -> io::Result<()> {
    objects.iter().try_for_each(|object| line(out, object))
}

macro_rules! one_line {
    ($($report:ty),*) => {$(
        impl Lines for $report {
            fn json(&self, out: &mut dyn Write) -> io::Result<()> {
                line(out, self)
            }
        }
    )*};
}
one_line!(
    Amended,
    CheckedOut,
    Cloned,
    CreatedBranch,
    Renamed,
    RenamedBranch,
    Committed,
    Created,
    DeletedBranch,
    DeletedTag,
    Exported,
    Imported,
    Parsed,
    Removed,
    ResetDone,
    SettingEntry,
    Tagged,
    Collected,
    Undone
);

impl Lines for Listing {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.volumes)
    }
}

macro_rules! one_line_each {
    ($($report:ty),*) => {$(
        impl Lines for Vec<$report> {
            fn json(&self, out: &mut dyn Write) -> io::Result<()> {
                lines(out, self)
            }
        }
    )*};
}
one_line_each!(
    Check,
    CheckedOut,
    Committed,
    Inspection,
    MetadataLine,
    ReflogEntry,
    ResetDone,
    SettingEntry,
    TagEntry,
    Undone
);

impl Lines for Report {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.findings)
    }
}
