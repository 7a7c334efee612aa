//! Checksums of commits: taken after a commit is made, so that they cost no downtime, and compared
//! by `fsck --deep`.
//!
//! They lie in files beside the metadata, one for each commit (`store::checksums` draws the
//! format), so that they outlive a damaged database and memory stays flat. An entry that the stat
//! index knows to be unchanged since the parent commit is not read again: it takes the parent's
//! checksum, so damage that came in between is still found.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, CommitRecord, Row, VolumeName};
use crate::pool::{Pool, Setting};
use crate::store::{ChecksumReader, ChecksumWriter, has_checksums};
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::locks::LockFile;
use crate::sys::tree::{EntrySums, Sum, sum_tree};

/// How an entry of a commit differs from its checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The entry is missing.
    Missing,
    /// The entry was added.
    Added,
    /// The content differs.
    Content,
    /// The mode, owner, time of modification or extended attributes differ.
    Attributes,
}

/// The result of comparing a commit with its checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The number of unchanged entries, and the entries that differ.
    Compared(u64, Vec<(PathBuf, Damage)>),
    /// The commit has no checksums yet.
    Unknown,
    /// The file of checksums is damaged itself.
    Unreadable,
}

pub(super) fn path_of(key: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// The checksums of a parent commit, looked up in the order of the child's entries.
struct ParentSums {
    reader: ChecksumReader,
    /// The next entry of the parent.
    at: Option<EntrySums>,
    /// The keys of the entries that the child may have changed.
    changed: HashSet<Vec<u8>>,
}

impl ParentSums {
    /// Returns the checksum of an entry's content, unless the child may have changed it.
    fn content(&mut self, key: &[u8]) -> io::Result<Option<Sum>> {
        while self.at.as_ref().is_some_and(|at| at.key.as_slice() < key) {
            self.at = self.reader.next_entry()?;
        }
        let known = self.at.as_ref().filter(|at| at.key == key && !self.changed.contains(key));
        Ok(known.map(|at| at.content))
    }
}

/// Takes, compares and deletes the checksums of a pool's commits.
pub struct Checksums<'p> {
    pool: &'p Pool,
}

impl Pool {
    /// Returns the checksums of the pool's commits.
    pub fn checksums(&self) -> Checksums<'_> {
        Checksums { pool: self }
    }
}

impl Checksums<'_> {
    /// Takes the checksums of all commits that have none yet, of one volume or the whole pool.
    /// Returns the number of commits; 0 if another process is taking checksums.
    ///
    /// # Errors
    /// When the metadata or a tree cannot be read, or the checksums cannot be written.
    pub fn take(&self, volume: Option<&VolumeName>) -> Result<usize, Error> {
        if !self.pool.store.is_there()? {
            return Ok(0);
        }
        self.pool.prepare_directories()?;
        let lock = LockFile::new(self.pool.layout.checksums_lock());
        let Some(_guard) = lock.try_exclusive("checksums")? else { return Ok(0) };
        let commits = self.pool.store.read(|rows| {
            let volumes = match volume {
                Some(volume) => vec![rows.owner(volume)?],
                None => rows.owners()?,
            };
            let mut commits = Vec::new();
            for volume in volumes {
                commits.extend(rows.commits(&volume)?);
            }
            Ok::<_, Error>(commits)
        })?;
        let mut missing: Vec<CommitRecord> = commits
            .iter()
            .filter(|commit| !commit.forgotten)
            .filter(|commit| !has_checksums(&self.pool.layout.checksums_of(&commit.volume, &commit.id)))
            .cloned()
            .collect();
        // Parents first, as far as dates tell, so that children can take over their checksums.
        missing.sort_by_key(|commit| commit.date);
        let mut taken = 0;
        for commit in &missing {
            self.pool.check_interrupted()?;
            taken += usize::from(self.take_one(commit)?);
        }
        Ok(taken)
    }

    /// Takes the checksums of one commit. Returns `false` if the commit is dropped meanwhile.
    fn take_one(&self, commit: &CommitRecord) -> Result<bool, Error> {
        let tree = self.pool.layout.full(&layout::commit_tree(&commit.volume, &commit.id));
        let place = self.pool.layout.checksums_of(&commit.volume, &commit.id);
        let fresh = self.pool.layout.checksums_new(&commit.volume, &commit.id);
        disk::ensure_directory(&self.pool.layout.checksums(), layout::PRIVATE_MODE)?;
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        let mut parent = self.parent_sums(commit)?;
        let mut writer = ChecksumWriter::new(disk::create_new(&fresh)?).at("write", &fresh)?;
        let mut known = |key: &[u8]| match &mut parent {
            Some(parent) => parent.content(key).at("read the checksums of the parent of", &tree),
            None => Ok(None),
        };
        let cancel = self.pool.interrupted();
        let summed =
            sum_tree(&tree, &cancel, &mut known, &mut |entry| writer.push(entry).at("write", &fresh));
        let is_there = |commit: &CommitRecord| {
            self.pool.store.read(|rows| {
                Ok::<_, Error>(rows.commit(&commit.volume, &commit.id)?.is_some_and(|now| !now.forgotten))
            })
        };
        if summed.is_err() || cancel.load(std::sync::atomic::Ordering::Relaxed) || !is_there(commit)? {
            disk::remove_file(&fresh)?;
            self.pool.check_interrupted()?;
            return match summed {
                Err(error) if is_there(commit)? => Err(error.into()),
                _ => Ok(false),
            };
        }
        fault::point("checksums.sync").at("sync", &fresh)?;
        writer.finish().at("sync", &fresh)?;
        disk::replace(&fresh, &place)?;
        Ok(true)
    }

    /// Opens the checksums of a commit's parent, if they are whole and the stat index knows what
    /// the commit changed.
    fn parent_sums(&self, commit: &CommitRecord) -> Result<Option<ParentSums>, Error> {
        let Some(id) = &commit.parent else { return Ok(None) };
        let changed = self.pool.store.read(|rows| rows.changed(&commit.volume, &commit.id))?;
        let (Some(changed), Ok(Some(mut reader))) =
            (changed, ChecksumReader::open(&self.pool.layout.checksums_of(&commit.volume, id)))
        else {
            return Ok(None);
        };
        if !matches!(self.verify_file(&commit.volume, id), Ok(true)) {
            return Ok(None);
        }
        let key = |path: &[u8]| path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect();
        let changed = changed.split(|byte| *byte == 0).map(key).collect();
        let at = reader.next_entry().unwrap_or_default();
        Ok(Some(ParentSums { reader, at, changed }))
    }

    /// Returns whether a commit has checksums; fails if their file is damaged.
    fn verify_file(&self, volume: &VolumeName, id: &CommitId) -> io::Result<bool> {
        let Some(mut reader) = ChecksumReader::open(&self.pool.layout.checksums_of(volume, id))? else {
            return Ok(false);
        };
        while reader.next_entry()?.is_some() {}
        Ok(true)
    }

    /// Compares a commit with its checksums, and names at most `most` entries that differ.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn verify(&self, volume: &VolumeName, id: &CommitId, most: usize) -> Result<Verified, Error> {
        let place = self.pool.layout.checksums_of(volume, id);
        match self.verify_file(volume, id) {
            Ok(true) => {}
            Ok(false) => return Ok(Verified::Unknown),
            Err(_) => return Ok(Verified::Unreadable),
        }
        let Some(mut stored) = ChecksumReader::open(&place).at("read", &place)? else {
            return Ok(Verified::Unknown);
        };
        let mut expected = stored.next_entry().at("read", &place)?;
        let (mut same, mut damaged) = (0, Vec::new());
        let tree = self.pool.layout.full(&layout::commit_tree(volume, id));
        let cancel = self.pool.interrupted();
        let mut note = |key: &[u8], damage| {
            if damaged.len() < most {
                damaged.push((path_of(key), damage));
            }
        };
        let mut each = |found: EntrySums| -> Result<(), DiskError> {
            while let Some(before) = &expected {
                match before.key.cmp(&found.key) {
                    Ordering::Less => note(&before.key, Damage::Missing),
                    Ordering::Equal => {
                        match (before.content == found.content, before.attributes == found.attributes) {
                            (true, true) => same += 1,
                            (false, _) => note(&before.key, Damage::Content),
                            (true, false) => note(&before.key, Damage::Attributes),
                        }
                        expected = stored.next_entry().at("read", &place)?;
                        return Ok(());
                    }
                    Ordering::Greater => break,
                }
                expected = stored.next_entry().at("read", &place)?;
            }
            note(&found.key, Damage::Added);
            Ok(())
        };
        sum_tree(&tree, &cancel, &mut |_| Ok(None), &mut each)?;
        self.pool.check_interrupted()?;
        while let Some(before) = expected {
            note(&before.key, Damage::Missing);
            expected = stored.next_entry().at("read", &place)?;
        }
        Ok(Verified::Compared(same, damaged))
    }

    /// Deletes the checksums of a commit, so that they are taken again.
    ///
    /// # Errors
    /// When the file cannot be deleted.
    pub fn forget(&self, volume: &VolumeName, id: &CommitId) -> Result<(), Error> {
        Ok(disk::remove_file(&self.pool.layout.checksums_of(volume, id))?)
    }

    /// Deletes the checksums of commits that no record names and trash does not hold.
    ///
    /// # Errors
    /// When the metadata cannot be read or a file cannot be deleted.
    pub fn forget_dropped(&self) -> Result<(), Error> {
        let folder = self.pool.layout.checksums();
        let names = disk::names_in(&folder)?;
        let lock = LockFile::new(self.pool.layout.checksums_lock());
        if names.is_empty() {
            return Ok(());
        }
        let Some(_guard) = lock.try_exclusive("checksums")? else { return Ok(()) };
        let file = |commit: &CommitRecord| self.pool.layout.checksums_of(&commit.volume, &commit.id);
        let is_known = |known: &BTreeSet<PathBuf>, name: &OsString| known.contains(&folder.join(name));
        let trash = self.pool.layout.trash();
        let known = self.pool.store.read(|rows| {
            let mut known = BTreeSet::new();
            for volume in rows.owners()? {
                known.extend(rows.commits(&volume)?.iter().map(file));
            }
            if names.iter().all(|name| is_known(&known, name)) {
                return Ok::<_, Error>(known);
            }
            // An undo can bring back what trash holds.
            rows.each_operation(&mut |operation| {
                if trash.join(operation.id.as_str()).exists() {
                    known.extend(operation.plan.rows().filter_map(|row| match row {
                        Row::Commit(commit) => Some(file(commit)),
                        _ => None,
                    }));
                }
            })?;
            Ok(known)
        })?;
        for name in names.iter().filter(|name| !is_known(&known, name)) {
            disk::remove_file(&folder.join(name))?;
        }
        Ok(())
    }

    /// Takes the checksums of the volumes whose setting `checksums` is not `off`.
    ///
    /// # Errors
    /// As [`Checksums::take`].
    pub fn take_wanted(&self) -> Result<(), Error> {
        if !self.pool.store.is_there()? {
            return Ok(());
        }
        let setting = Setting::find("checksums")?;
        let volumes = self.pool.store.read(|rows| {
            let mut wanted = Vec::new();
            for volume in rows.owners()? {
                if setting.value(&rows, Some(&volume))? != "off" {
                    wanted.push(volume);
                }
            }
            Ok::<_, Error>(wanted)
        })?;
        volumes.iter().try_for_each(|volume| self.take(Some(volume)).map(drop))?;
        self.forget_dropped()
    }
}
