//! Writes the content of one new file.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::ftruncate;
use rustix::io::pwrite;

use super::attributes::{NewEntry, apply};
use super::builder::Tally;
use super::path::EntryPath;
use crate::sys::tree::entry::values::EntryAttributes;

/// A new file on its way. Any thread may write it, in any order. What is never written is a hole.
#[must_use = "a file has no attributes until it is finished"]
pub struct NewFile {
    file: OwnedFd,
    path: EntryPath,
    attributes: EntryAttributes,
    tally: Arc<Tally>,
    /// Whether flags are left that only a whole file can have.
    has_more_flags: bool,
}

impl NewFile {
    pub(super) fn new(
        file: OwnedFd,
        path: EntryPath,
        attributes: EntryAttributes,
        tally: Arc<Tally>,
    ) -> io::Result<Self> {
        let has_more_flags = match &tally.flags {
            Some(_) => attributes.flags.begin(&file)?,
            None => false,
        };
        Ok(NewFile { file, path, attributes, tally, has_more_flags })
    }

    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// When the disk refuses them.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            done += pwrite(&self.file, &bytes[done..], offset + done as u64)?;
        }
        Ok(())
    }

    /// Gives the file its size, a hole at its end included, and its attributes.
    ///
    /// # Errors
    /// When the size or an attribute cannot be set.
    pub fn finish(self, size: u64) -> io::Result<()> {
        ftruncate(&self.file, size)?;
        if let Some(refused) = self.tally.flags.as_ref().filter(|_| self.has_more_flags) {
            self.attributes.flags.put(&self.file, refused)?;
        }
        apply(&self.attributes, NewEntry::Open(&self.file), &self.path, &self.tally)
    }
}
