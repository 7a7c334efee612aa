//! Asks a list, one directory at a time, which entries its steps bring into a tree.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::list::{ListReader, ListRecord};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::names::NameList;

/// A list of steps, with the offsets of each directory's records. Keeps no names.
pub struct ListFilter {
    steps: Mutex<ListReader>,
    /// Keyed by the hash of a directory's path, so that memory does not grow with path lengths.
    records: HashMap<[u8; 32], Vec<u64>>,
}

impl ListFilter {
    pub(in crate::sys::tree) fn new(mut steps: ListReader) -> Result<Self, DiskError> {
        let mut records: HashMap<_, Vec<u64>> = HashMap::new();
        steps.rewind()?;
        loop {
            let offset = steps.offset()?;
            match steps.take()? {
                None => break,
                Some(ListRecord::Steps(directory, _)) => {
                    records.entry(key(&directory)).or_default().push(offset);
                }
                Some(ListRecord::Directory(_)) => {}
            }
        }
        Ok(ListFilter { steps: Mutex::new(steps), records })
    }

    /// Lists the names in a directory that its steps bring into the tree, sorted.
    pub(in crate::sys::tree) fn names(&self, directory: &Path) -> Result<NameList, DiskError> {
        let mut names = NameList::default();
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for offset in self.records.get(&key(directory)).into_iter().flatten() {
            steps.seek(*offset)?;
            let Some(ListRecord::Steps(_, listed)) = steps.take()? else { continue };
            for step in listed.iter().filter(|step| step.new.is_some()) {
                names.push(&step.name).at("list", directory)?;
            }
        }
        names.sort();
        Ok(names)
    }
}

fn key(directory: &Path) -> [u8; 32] {
    *blake3::hash(directory.as_os_str().as_bytes()).as_bytes()
}
