//! JSON lines. Fields are only ever added.

use std::io::{self, Write};

use serde::Serialize;

use crate::fsck::Report;
use crate::ops::{
    BranchList, CheckedOut, Committed, Created, DeletedBranch, DeletedTag, Listing, LogEntry, Removed,
    ResetDone, SettingEntry, Status, TagEntry, Tagged,
};

/// Something that is written as one JSON object a line.
pub trait Lines {
    /// Writes all lines.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;
}

fn line(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    writeln!(out)
}

fn lines<T: Serialize>(out: &mut dyn Write, objects: &[T]) -> io::Result<()> {
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
    CheckedOut,
    Committed,
    Created,
    DeletedBranch,
    DeletedTag,
    Removed,
    ResetDone,
    SettingEntry,
    Status,
    Tagged
);

impl Lines for Listing {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.volumes)
    }
}

impl Lines for BranchList {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.branches)
    }
}

impl Lines for Vec<LogEntry> {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, self)
    }
}

impl Lines for Vec<TagEntry> {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, self)
    }
}

impl Lines for Vec<SettingEntry> {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, self)
    }
}

impl Lines for Report {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.findings)
    }
}
