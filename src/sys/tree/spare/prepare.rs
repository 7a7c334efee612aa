//! Turns large files that left a tree into spares.

use std::any::Any;
use std::ffi::OsStr;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags, ftruncate, openat, renameat_with};

use super::delta::write_delta;
use super::differing::differing;
use super::{LeftTree, SPARE_MIN_BYTES, delta_of, spare_of, unlike_of};
use crate::sys::error::{At as _, DiskError};
use crate::sys::open_files::OpenFiles;
use crate::sys::tree::copy::content::{BUFFER_BYTES, CopyFailure, Ladder, next_data, write_at};
use crate::sys::tree::copy::options::CopyOptions;
use crate::sys::tree::copy::patch::{make_hole, read_at};
use crate::sys::tree::copy::queue::workers;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Node, Stat, descend};
use crate::sys::tree::entry::values::EntryAttributes;
use crate::sys::tree::exchange::list::{ListReader, ListRecord, Step};
use crate::sys::{disk, fault};

/// The part of a file that may differ at most; of a file that differs in more, a copy serves
/// better.
const LARGEST_PART: u64 = 4;
/// Size in bytes up to which a file is copied to be a spare. Those that databases write anew, and
/// not in places, are not larger: the files of a log.
const COPIED_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The verb of processes that prepare spares.
pub const PREPARE_SPARES: &str = "prepare-spares";

/// How spares are made.
pub struct Making<'a> {
    /// How files are copied.
    pub options: &'a CopyOptions,
    /// Asked now and then; returns false to end the work. A file that is moved already is finished.
    pub goes_on: &'a (dyn Fn() -> bool + Sync),
    /// Keeps other processes away from the trees while a spare is made of a file that was compared
    /// before. Returns `None` if the trees are not to be touched any more.
    pub enter: &'a dyn Fn() -> Option<Box<dyn Any>>,
    /// How many bytes of the source may be copied: of files that have no old file which differs in
    /// little.
    pub copied_max: u64,
}

/// Turns the large files that left a tree by exchanges with copies of `source` into spares: files
/// equal to those of `source`, one for each path. The last exchange comes first. Leaves files as
/// they are that a process holds. Copies those of which much differs, and those that the tree did
/// not have any more. Returns how many spares were made.
///
/// # Errors
/// When a file cannot be read or written. Old files and deltas are whole then as well.
pub fn prepare_spares(source: &Path, exchanges: &[LeftTree], making: &Making<'_>) -> Result<u64, DiskError> {
    let mut preparing = Preparing {
        source,
        exchanges,
        threads: workers(making.options.workers),
        making,
        copied_max: making.copied_max,
        open: None,
    };
    let mut made = 0;
    for left in exchanges {
        if !disk::is_directory(&left.spares)? {
            continue;
        }
        let (some, end) = preparing.exchange(left)?;
        made += some;
        if end {
            break;
        }
    }
    Ok(made)
}

/// Returns whether an exchange with `source` moved files that are large enough for spares.
///
/// # Errors
/// When the list of its steps cannot be read.
pub fn may_have_spares(source: &Path, left: &LeftTree) -> Result<bool, DiskError> {
    if !disk::is_directory(&left.spares)? {
        return Ok(false);
    }
    let Some(mut steps) = ListReader::open(&left.list)? else { return Ok(false) };
    while let Some(record) = steps.take()? {
        let ListRecord::Steps(directory, steps) = record else { continue };
        let mut from = None;
        for step in steps.iter().filter(|step| step.new.is_some() && !step.new_is_directory) {
            let from = match &from {
                Some(from) => from,
                None => from.insert(descend(source, &directory)?),
            };
            if Stat::of_name(OwnedFd::as_fd(from), &step.name).is_ok_and(|stat| is_single(&stat)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Returns whether a file may be or have a spare.
fn is_single(stat: &Stat) -> bool {
    stat.kind == FileType::RegularFile && stat.links == 1 && stat.size >= SPARE_MIN_BYTES
}

/// What became of a file.
enum Made {
    Spare,
    Nothing,
    /// The trees are not to be touched any more.
    End,
}

struct Preparing<'a> {
    source: &'a Path,
    exchanges: &'a [LeftTree],
    threads: usize,
    making: &'a Making<'a>,
    /// How many bytes may still be copied.
    copied_max: u64,
    /// What processes hold; looked up for the first file, before this process opens it.
    open: Option<Option<OpenFiles>>,
}

/// An old file, and the source's file that it becomes equal to.
struct Both {
    path: PathBuf,
    like: OwnedFd,
    like_stat: Stat,
    old: OwnedFd,
    old_stat: Stat,
}

impl Preparing<'_> {
    /// Makes the spares of the files that one exchange moved. Returns how many, and whether the
    /// trees are not to be touched any more.
    fn exchange(&mut self, left: &LeftTree) -> Result<(u64, bool), DiskError> {
        let mut made = 0;
        let Some(mut steps) = ListReader::open(&left.list)? else { return Ok((made, false)) };
        while let Some(record) = steps.take()? {
            let ListRecord::Steps(directory, steps) = record else { continue };
            let is_file =
                |step: &&Step| step.new.is_some() && !step.new_is_directory && !step.old_is_directory;
            let mut handles = None;
            for step in steps.iter().filter(is_file) {
                let handles = match &handles {
                    Some(handles) => handles,
                    None => {
                        handles.insert((descend(self.source, &directory)?, descend(&left.tree, &directory)?))
                    }
                };
                if !(self.making.goes_on)() {
                    return Ok((made, true));
                }
                match self.file(left, &directory, step, handles)? {
                    Made::Spare => made += 1,
                    Made::Nothing => {}
                    Made::End => return Ok((made, true)),
                }
            }
        }
        Ok((made, false))
    }

    /// Makes the spare of one file.
    fn file(
        &mut self,
        left: &LeftTree,
        directory: &Path,
        step: &Step,
        handles: &(OwnedFd, OwnedFd),
    ) -> Result<Made, DiskError> {
        // Most files are small: one look at each is enough.
        if !Stat::of_name(handles.0.as_fd(), &step.name).is_ok_and(|stat| is_single(&stat)) {
            return Ok(Made::Nothing);
        }
        let path = directory.join(OsStr::from_bytes(step.name.to_bytes()));
        let delta = delta_of(&left.spares, &path);
        // A delta: the file is that of the next exchange, or waste.
        if disk::inode(&delta)?.is_some() || self.has_spare(&path)? {
            return Ok(Made::Nothing);
        }
        let Ok(like) = Node::open(handles.0.as_fd(), &step.name) else { return Ok(Made::Nothing) };
        if disk::inode(&unlike_of(&delta))?.is_none()
            && let Some(both) = self.open(path.clone(), &like, step, &handles.1)
        {
            match self.patch(left, &both, step, handles)? {
                Made::Nothing => {}
                other => return Ok(other),
            }
        }
        self.copy(left, &path, &like)
    }

    /// Returns whether an exchange keeps a spare of the file at `path`.
    fn has_spare(&self, path: &Path) -> Result<bool, DiskError> {
        for left in self.exchanges {
            if disk::inode(&spare_of(&left.spares, path))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes a spare of an old file, unless much of it differs.
    fn patch(
        &self,
        left: &LeftTree,
        both: &Both,
        step: &Step,
        handles: &(OwnedFd, OwnedFd),
    ) -> Result<Made, DiskError> {
        let Both { path, like, like_stat, old, old_stat } = both;
        let (like_path, old_path) = (self.source.join(path), left.tree.join(path));
        let delta = delta_of(&left.spares, path);
        let named = |failure| match failure {
            CopyFailure::Source(error) => DiskError::new("read", &like_path, error),
            other => DiskError::new("read", &old_path, other),
        };
        let most = like_stat.size / LARGEST_PART;
        let size = like_stat.size.max(old_stat.size);
        let ranges = match differing([like, old], (size, most), self.threads, self.making.goes_on) {
            Ok(Some(ranges)) => ranges,
            Ok(None) => {
                let Some(_inside) = self.enter(left)? else { return Ok(Made::End) };
                disk::create_new(&unlike_of(&delta))?;
                return Ok(Made::Nothing);
            }
            Err(CopyFailure::Stopped) => return Ok(Made::End),
            Err(failure) => return Err(named(failure)),
        };
        let Some(_inside) = self.enter(left)? else { return Ok(Made::End) };
        if Stat::of_name(handles.1.as_fd(), &step.name).ok().map(|now| now.inode) != Some(old_stat.inode) {
            return Ok(Made::End);
        }
        let mut scratch = Scratch::default();
        let mut attributes = |file: &OwnedFd, stat: &Stat, path: &Path| {
            EntryAttributes::of(file.as_fd(), stat, &mut scratch).at("read the attributes of", path)
        };
        let (before, after) =
            (attributes(old, old_stat, &old_path)?, attributes(like, like_stat, &like_path)?);

        let [new, part] = self.free_names(&delta)?;
        let written = write_delta(&new, (path, old), (old_stat.size, &before), &ranges)?;
        fault::point("tree.sync").at("sync", &new)?;
        written.sync_data().at("sync", &new)?;
        disk::rename(&new, &delta)?;
        disk::sync_directory(&left.spares)?;

        // From here on the delta is the old file.
        fault::point("tree.rename").at("move", &old_path)?;
        renameat_with(&handles.1, &step.name, CWD, &part, RenameFlags::NOREPLACE).at("move", &old_path)?;
        fault::point("tree.patch").at("write", &part)?;
        overwrite(like, old, like_stat.size, &ranges).map_err(|failure| match failure {
            CopyFailure::Source(error) => DiskError::new("read", &like_path, error),
            other => DiskError::new("write", &part, other),
        })?;
        after
            .put(old, &mut scratch, &self.making.options.refused_flags)
            .at("set the attributes of", &part)?;
        fault::point("tree.sync").at("sync", &part)?;
        rustix::fs::fsync(old).at("sync", &part)?;
        disk::rename(&part, &spare_of(&left.spares, path))?;
        Ok(Made::Spare)
    }

    /// Copies a file of the source to be a spare. The old file, if there is one, stays as it is.
    fn copy(&mut self, left: &LeftTree, path: &Path, like: &Node) -> Result<Made, DiskError> {
        let (from, stat) = (self.source.join(path), &like.stat);
        if stat.size > COPIED_MAX_BYTES || stat.allocated > self.copied_max {
            return Ok(Made::Nothing);
        }
        let Some(_inside) = self.enter(left)? else { return Ok(Made::End) };
        self.copied_max -= stat.allocated;
        let like = like.reopen().at("open", &from)?;
        let [_, part] = self.free_names(&delta_of(&left.spares, path))?;
        fault::point("tree.copy").at("create", &part)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(CWD, &part, flags, Mode::RUSR | Mode::WUSR).at("create", &part)?;
        let ladder = Ladder::new(true, true);
        let copied = ladder.copy(&like, &file, stat, &mut Vec::new(), &mut |_| (self.making.goes_on)());
        match copied {
            Ok(_) => {}
            Err(CopyFailure::Stopped) => {
                disk::remove_file(&part)?;
                return Ok(Made::End);
            }
            Err(CopyFailure::Source(error)) => return Err(DiskError::new("read", &from, error)),
            Err(CopyFailure::Target(error)) => return Err(DiskError::new("write", &part, error)),
        }
        let mut scratch = Scratch::default();
        let attributes = EntryAttributes::of(like.as_fd(), stat, &mut scratch);
        let attributes = attributes.at("read the attributes of", &from)?;
        attributes
            .put(&file, &mut scratch, &self.making.options.refused_flags)
            .at("set the attributes of", &part)?;
        fault::point("tree.sync").at("sync", &part)?;
        rustix::fs::fsync(&file).at("sync", &part)?;
        disk::rename(&part, &spare_of(&left.spares, path))?;
        Ok(Made::Spare)
    }

    /// Keeps other processes away. Returns `None` if the trees have gone meanwhile.
    fn enter(&self, left: &LeftTree) -> Result<Option<Box<dyn Any>>, DiskError> {
        let inodes = || Ok::<_, DiskError>([disk::inode(self.source)?, disk::inode(&left.spares)?]);
        let Some(inside) = (self.making.enter)() else { return Ok(None) };
        Ok(inodes()?.iter().all(Option::is_some).then_some(inside))
    }

    /// Returns the names of a delta and of a file that are not whole yet, with nothing there.
    fn free_names(&self, delta: &Path) -> Result<[PathBuf; 2], DiskError> {
        let names = ["new", "part"].map(|ending| delta.with_extension(ending));
        for leftover in &names {
            if disk::inode(leftover)?.is_some() {
                disk::remove_file(leftover)?;
            }
        }
        Ok(names)
    }

    /// Opens an old file and its counterpart, if the old one may become a spare.
    fn open(&mut self, path: PathBuf, like: &Node, step: &Step, left: &OwnedFd) -> Option<Both> {
        let old_stat = Stat::of_name(left.as_fd(), &step.name).ok()?;
        if !is_single(&old_stat) || Some(old_stat.inode.number) != step.old {
            return None;
        }
        let held = self.open.get_or_insert_with(OpenFiles::of_all_processes).as_ref()?;
        let name = OsStr::from_bytes(step.name.to_bytes());
        if held.has(name, (old_stat.inode.device, old_stat.inode.number), PREPARE_SPARES) {
            return None;
        }
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NOATIME | OFlags::CLOEXEC;
        let file = openat(left, &step.name, flags, Mode::empty()).ok()?;
        let is_same = Stat::of(file.as_fd()).ok()?.inode == old_stat.inode;
        let (like, like_stat) = (like.reopen().ok()?, like.stat.clone());
        is_same.then_some(Both { path, like, like_stat, old: file, old_stat })
    }
}

/// Makes `file` equal to `like`, of this size, where they differ.
fn overwrite(like: &OwnedFd, file: &OwnedFd, size: u64, ranges: &[Range<u64>]) -> Result<(), CopyFailure> {
    let failed = |error: rustix::io::Errno| CopyFailure::Target(error.into());
    ftruncate(file, size).map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    for range in ranges {
        let (mut offset, end) = (range.start, range.end.min(size));
        while offset < end {
            let read = |error: rustix::io::Errno| CopyFailure::Source(error.into());
            let (data, until) = next_data(like, offset, end).map_err(read)?.unwrap_or((end, end));
            if offset < data {
                make_hole(file, offset, data)?;
                offset = data;
                continue;
            }
            let wanted = (until - offset).min(BUFFER_BYTES as u64) as usize;
            let length = read_at(like, &mut buffer[..wanted], offset).map_err(read)?;
            if length == 0 {
                return Err(CopyFailure::Source(io::ErrorKind::UnexpectedEof.into()));
            }
            write_at(file, &buffer[..length], offset)?;
            offset += length as u64;
        }
    }
    Ok(())
}
