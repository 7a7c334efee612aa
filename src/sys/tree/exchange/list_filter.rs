//! Which entries a list of steps brings into a tree, asked a directory at a time.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::list::{ListReader, ListRecord};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::names::NameList;

/// A list of steps, with where in it those of each directory are. Names are not held.
pub struct ListFilter {
    steps: Mutex<ListReader>,
    /// By the hash of a directory's path: memory does not grow with its length.
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

    /// The names in a directory that the other tree had, sorted.
    pub(in crate::sys::tree) fn names(&self, directory: &Path) -> Result<NameList, DiskError> {
        let mut names = NameList::default();
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for offset in self.records.get(&key(directory)).into_iter().flatten() {
            steps.seek(*offset)?;
            let Some(ListRecord::Steps(_, listed)) = steps.take()? else { continue };
            for step in listed.iter().filter(|step| step.new.is_some()) {
                names.push(&step.name).at("hold the names of", directory)?;
            }
        }
        names.sort();
        Ok(names)
    }
}

fn key(directory: &Path) -> [u8; 32] {
    *blake3::hash(directory.as_os_str().as_bytes()).as_bytes()
}
