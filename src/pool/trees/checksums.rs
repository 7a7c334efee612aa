//! Checksums of commits: taken some time after a commit was made, so that it costs no downtime, and compared by
//! `fsck --deep`.
//!
//! They are in files beside the metadata, one for each commit, so that they outlive a damaged database and memory stays
//! flat. What a commit has in common with its parent, by the stat index, is not read again: it gets the sum that the
//! parent's has, which is what it ought to be.
//!
//! ```text
//! magic 8
//! for each entry: bytes in common with the key before 2 · length of the rest 2 · rest · attributes 16 · content 16
//! at the end: 0xffff 0xffff · hash of all before 32
//! ```

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, CommitRecord, Row, VolumeName};
use crate::pool::{Pool, Setting};
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::locks::LockFile;
use crate::sys::tree::{EntrySums, Sum, sum_tree};

const MAGIC: &[u8; 8] = b"dvolchk1";
const END: [u8; 4] = [0xff; 4];

/// How an entry of a commit is not what it was when its checksums were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is not there.
    Missing,
    /// It was not there.
    Added,
    /// Its bytes are others.
    Content,
    /// Its mode, owner, time or extended attributes are others.
    Attributes,
}

/// What comparing a commit with its checksums showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// So many entries are as they were; these are not.
    Compared(u64, Vec<(PathBuf, Damage)>),
    /// No checksums were taken yet.
    Unknown,
    /// The file of checksums is damaged itself.
    Unreadable,
}

/// The file of a commit's checksums. An id alone would not do: commits that were made together have one.
fn name_of(volume: &VolumeName, id: &CommitId) -> String {
    format!("{volume}.{id}")
}

fn path_of(key: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// Writes a file of checksums.
struct Writer {
    out: BufWriter<File>,
    hasher: blake3::Hasher,
    last: Vec<u8>,
}

impl Writer {
    fn new(file: File) -> io::Result<Self> {
        let mut writer =
            Writer { out: BufWriter::new(file), hasher: blake3::Hasher::new(), last: Vec::new() };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    fn entry(&mut self, entry: EntrySums) -> io::Result<()> {
        let common = self.last.iter().zip(&entry.key).take_while(|(a, b)| a == b).count().min(0xfffe);
        let rest = entry.key.len() - common;
        let number =
            |n: usize| u16::try_from(n).map(u16::to_le_bytes).map_err(|_| io::ErrorKind::InvalidInput);
        self.put(&number(common)?)?;
        self.put(&number(rest)?)?;
        self.put(&entry.key[common..])?;
        self.put(&entry.attributes)?;
        self.put(&entry.content)?;
        self.last = entry.key;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.put(&END)?;
        let hash = self.hasher.finalize();
        self.out.write_all(hash.as_bytes())?;
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// Reads one.
struct Reader {
    input: BufReader<File>,
    hasher: blake3::Hasher,
    last: Vec<u8>,
}

impl Reader {
    /// None when there is no such file.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut reader =
            Reader { input: BufReader::new(file), hasher: blake3::Hasher::new(), last: Vec::new() };
        if reader.take::<8>()? != *MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(reader))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    /// The next entry; none at the end of a file that is whole.
    fn next(&mut self) -> io::Result<Option<EntrySums>> {
        let head = self.take::<4>()?;
        if head == END {
            let expected = self.hasher.finalize();
            let mut hash = [0; 32];
            self.input.read_exact(&mut hash)?;
            return if expected == hash { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        let common = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let rest = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let mut key = self.last.get(..common).ok_or(io::ErrorKind::InvalidData)?.to_vec();
        key.resize(common + rest, 0);
        self.input.read_exact(&mut key[common..])?;
        self.hasher.update(&key[common..]);
        let (attributes, content) = (self.take::<16>()?, self.take::<16>()?);
        self.last.clone_from(&key);
        Ok(Some(EntrySums { key, attributes, content }))
    }
}

/// The sums of a parent, looked up in the order in which the child's entries are met.
struct Parent {
    reader: Reader,
    at: Option<EntrySums>,
    changed: HashSet<Vec<u8>>,
}

impl Parent {
    fn content(&mut self, key: &[u8]) -> io::Result<Option<Sum>> {
        while self.at.as_ref().is_some_and(|at| at.key.as_slice() < key) {
            self.at = self.reader.next()?;
        }
        let known = self.at.as_ref().filter(|at| at.key == key && !self.changed.contains(key));
        Ok(known.map(|at| at.content))
    }
}

impl Pool {
    fn checksums_of(&self, volume: &VolumeName, id: &CommitId) -> PathBuf {
        self.layout.checksums().join(name_of(volume, id))
    }

    /// Takes the checksums of all commits that have none yet, of the whole pool or one volume, unless somebody else is at
    /// it. Gives how many it took.
    ///
    /// # Errors
    /// When the metadata or a tree cannot be read, or the checksums cannot be written.
    pub fn take_checksums(&self, volume: Option<&VolumeName>) -> Result<usize, Error> {
        if !self.store.is_there()? {
            return Ok(0);
        }
        self.prepare_directories()?;
        let lock = LockFile::new(self.layout.locks().join("checksums"));
        let Some(_guard) = lock.try_exclusive("checksums")? else { return Ok(0) };
        let commits = self.store.read(|rows| {
            let volumes = match volume {
                Some(volume) => vec![volume.clone()],
                None => rows.volumes()?.into_iter().map(|volume| volume.name).collect(),
            };
            let mut commits = Vec::new();
            for volume in volumes {
                commits.extend(rows.commits(&volume)?);
            }
            Ok::<_, Error>(commits)
        })?;
        let mut missing: Vec<CommitRecord> = commits
            .iter()
            .filter(|commit| !self.checksums_of(&commit.volume, &commit.id).exists())
            .cloned()
            .collect();
        // Parents first, as far as dates tell: children need not be read whole then.
        missing.sort_by_key(|commit| commit.date);
        let mut taken = 0;
        for commit in &missing {
            self.check_interrupted()?;
            taken += usize::from(self.take_checksums_of(commit)?);
        }
        Ok(taken)
    }

    /// Takes those of one commit; false when it goes meanwhile.
    fn take_checksums_of(&self, commit: &CommitRecord) -> Result<bool, Error> {
        let tree = self.layout.full(&layout::commit_tree(&commit.volume, &commit.id));
        let place = self.checksums_of(&commit.volume, &commit.id);
        let fresh = self.layout.checksums().join(format!("{}.new", name_of(&commit.volume, &commit.id)));
        disk::ensure_directory(&self.layout.checksums(), layout::PRIVATE_MODE)?;
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        let mut parent = self.parent_of(commit)?;
        let mut writer = Writer::new(disk::create_new(&fresh)?).at("write", &fresh)?;
        let mut known = |key: &[u8]| match &mut parent {
            Some(parent) => parent.content(key).at("read the checksums of the parent of", &tree),
            None => Ok(None),
        };
        let cancel = self.interrupted();
        let summed =
            sum_tree(&tree, &cancel, &mut known, &mut |entry| writer.entry(entry).at("write", &fresh));
        let is_there = |commit: &CommitRecord| {
            self.store.read(|rows| Ok::<_, Error>(rows.commit(&commit.volume, &commit.id)?.is_some()))
        };
        if summed.is_err() || cancel.load(std::sync::atomic::Ordering::Relaxed) || !is_there(commit)? {
            disk::remove_file(&fresh)?;
            self.check_interrupted()?;
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

    fn parent_of(&self, commit: &CommitRecord) -> Result<Option<Parent>, Error> {
        let Some(id) = &commit.parent else { return Ok(None) };
        let changed = self.store.read(|rows| rows.changed(&commit.volume, &commit.id))?;
        let (Some(changed), Ok(Some(mut reader))) =
            (changed, Reader::open(&self.checksums_of(&commit.volume, id)))
        else {
            return Ok(None);
        };
        if !matches!(self.verify_file(&commit.volume, id), Ok(true)) {
            return Ok(None);
        }
        let key = |path: &[u8]| path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect();
        let changed = changed.split(|byte| *byte == 0).map(key).collect();
        let at = reader.next().unwrap_or_default();
        Ok(Some(Parent { reader, at, changed }))
    }

    /// Whether a file of checksums is whole.
    fn verify_file(&self, volume: &VolumeName, id: &CommitId) -> io::Result<bool> {
        let Some(mut reader) = Reader::open(&self.checksums_of(volume, id))? else { return Ok(false) };
        while reader.next()?.is_some() {}
        Ok(true)
    }

    /// Compares a commit with its checksums; names `most` of the entries that are not what they were.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn verify_checksums(
        &self,
        volume: &VolumeName,
        id: &CommitId,
        most: usize,
    ) -> Result<Verified, Error> {
        let place = self.checksums_of(volume, id);
        match self.verify_file(volume, id) {
            Ok(true) => {}
            Ok(false) => return Ok(Verified::Unknown),
            Err(_) => return Ok(Verified::Unreadable),
        }
        let Some(mut stored) = Reader::open(&place).at("read", &place)? else { return Ok(Verified::Unknown) };
        let mut expected = stored.next().at("read", &place)?;
        let (mut same, mut damaged) = (0, Vec::new());
        let tree = self.layout.full(&layout::commit_tree(volume, id));
        let cancel = self.interrupted();
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
                        expected = stored.next().at("read", &place)?;
                        return Ok(());
                    }
                    Ordering::Greater => break,
                }
                expected = stored.next().at("read", &place)?;
            }
            note(&found.key, Damage::Added);
            Ok(())
        };
        sum_tree(&tree, &cancel, &mut |_| Ok(None), &mut each)?;
        self.check_interrupted()?;
        while let Some(before) = expected {
            note(&before.key, Damage::Missing);
            expected = stored.next().at("read", &place)?;
        }
        Ok(Verified::Compared(same, damaged))
    }

    /// Forgets a file of checksums that is damaged: they are taken anew.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub fn forget_checksums_of(&self, volume: &VolumeName, id: &CommitId) -> Result<(), Error> {
        Ok(disk::remove_file(&self.checksums_of(volume, id))?)
    }

    /// Deletes the checksums of commits that neither a record nor anything in trash knows.
    ///
    /// # Errors
    /// When the metadata cannot be read, or a file not be deleted.
    pub fn forget_old_checksums(&self) -> Result<(), Error> {
        let names = disk::names_in(&self.layout.checksums())?;
        let lock = LockFile::new(self.layout.locks().join("checksums"));
        if names.is_empty() {
            return Ok(());
        }
        let Some(_guard) = lock.try_exclusive("checksums")? else { return Ok(()) };
        let is_known = |known: &BTreeSet<String>, name: &std::ffi::OsString| {
            name.to_str().is_some_and(|name| known.contains(name))
        };
        let trash = self.layout.trash();
        let known = self.store.read(|rows| {
            let mut known = BTreeSet::new();
            for volume in rows.volumes()? {
                known.extend(
                    rows.commits(&volume.name)?.into_iter().map(|commit| name_of(&commit.volume, &commit.id)),
                );
            }
            if names.iter().all(|name| is_known(&known, name)) {
                return Ok::<_, Error>(known);
            }
            // What trash holds can come back.
            rows.each_operation(&mut |operation| {
                if trash.join(operation.id.as_str()).exists() {
                    let rows =
                        operation.plan.changes.iter().flat_map(|change| [&change.before, &change.after]);
                    known.extend(rows.filter_map(|row| match row {
                        Some(Row::Commit(commit)) => Some(name_of(&commit.volume, &commit.id)),
                        _ => None,
                    }));
                }
            })?;
            Ok(known)
        })?;
        for name in names.iter().filter(|name| !is_known(&known, name)) {
            disk::remove_file(&self.layout.checksums().join(name))?;
        }
        Ok(())
    }

    /// Takes checksums in the background, where the settings say so.
    ///
    /// # Errors
    /// As [`Pool::take_checksums`].
    pub fn take_checksums_behind(&self) -> Result<(), Error> {
        if !self.store.is_there()? {
            return Ok(());
        }
        let setting = Setting::find("checksums")?;
        let volumes = self.store.read(|rows| {
            let mut wanted = Vec::new();
            for volume in rows.volumes()? {
                if setting.value(&rows, Some(&volume.name))? != "off" {
                    wanted.push(volume.name);
                }
            }
            Ok::<_, Error>(wanted)
        })?;
        volumes.iter().try_for_each(|volume| self.take_checksums(Some(volume)).map(drop))?;
        self.forget_old_checksums()
    }
}
