//! Stages a reset: copies each entry that differs from the target and writes the list of exchange
//! steps.
//!
//! A copy of the whole target would cost what is stored; this costs what differs. The staged tree
//! has the copies, and a directory for each one that holds a difference; `apply` takes the steps.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, thread};

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::io::Errno;

use super::apply::exchange_entries;
use super::list::{ListReader, ListRecord, ListWriter};
use super::list_filter::ListFilter;
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::spool::Spool;
use crate::sys::tree::compare::index_diff::{diff_by_index, diff_within};
use crate::sys::tree::compare::path_set::PathSet;
use crate::sys::tree::copy::content::Ladder;
use crate::sys::tree::copy::directory::Directory;
use crate::sys::tree::copy::first_pass::FirstPass;
use crate::sys::tree::copy::options::{CopyOptions, CopyStats};
use crate::sys::tree::copy::queue::workers;
use crate::sys::tree::copy::reuse::{Beside, Keep, Update};
use crate::sys::tree::copy::run::{CopyBatch, CopyRun};
use crate::sys::tree::copy::tree::update_tree;
use crate::sys::tree::copy::walker::Walker;
use crate::sys::tree::copy::worker::Worker;
use crate::sys::tree::entry::handle::{Stat, descend, open_directory, open_root, refusal};
use crate::sys::tree::entry::names::NameList;
use crate::sys::tree::index::{Index, NoIndex};
use crate::sys::tree::measure::measure_tree;
use crate::sys::tree::remove::remove_tree;
use crate::sys::tree::spare::old_files::{copy_old_files, measure_deltas};
use crate::sys::tree::spare::{LeftTree, SPARE_MIN_BYTES, spare_of};

/// A tree that is to become equal to another.
#[derive(Clone, Copy)]
pub struct Retarget<'a> {
    /// The other tree, which never changes.
    pub source: &'a Path,
    /// The tree itself, on the file system of `staged`.
    pub tree: &'a Path,
    /// Knows which entries of `tree` have the content of the source's.
    pub index: &'a dyn Index,
    /// An empty directory for the copies, which no other process uses.
    pub staged: &'a Path,
    /// Where the first pass makes copies, on the same file system; does not exist before.
    pub first_pass: &'a Path,
    /// Folders of spares of the source's files.
    pub spares: &'a [PathBuf],
}

impl Retarget<'_> {
    /// Returns how many bytes are allocated to what differs now, and so would be copied.
    ///
    /// # Errors
    /// When an entry of either tree cannot be looked at.
    pub fn measure(&self, options: &CopyOptions) -> Result<u64, DiskError> {
        let mut blocks = 0_u64;
        diff_by_index(self.source, self.tree, self.index, options, &mut |record| {
            blocks = blocks.saturating_add(arriving(self.source, &record, self.spares)?);
            Ok(())
        })?;
        Ok(blocks)
    }

    /// Copies what differs now, while other processes may write to the tree. `stage` takes those
    /// copies that it still needs.
    ///
    /// # Errors
    /// As [`copy_tree`](crate::sys::tree::copy_tree).
    pub fn stage_first_pass(&self, options: &CopyOptions) -> Result<CopyStats, DiskError> {
        fault::point("tree.mkdir").at("create", self.first_pass)?;
        mkdirat(CWD, self.first_pass, Mode::RWXU).at("create", self.first_pass)?;
        let staged = Staging { change: self, staged: self.first_pass, first_pass: None, only: None };
        let staged = staged.run(options)?;
        // Unchanged entries count in the second pass.
        Ok(CopyStats { reused: 0, ..staged.stats })
    }

    /// Copies what differs, while no process writes to the tree, and writes the list of steps to
    /// `list`, where nothing is yet. Both are durable only after a sync of the file system.
    ///
    /// # Errors
    /// As [`copy_tree`](crate::sys::tree::copy_tree); also when an entry of the tree cannot be
    /// looked at.
    pub fn stage(&self, list: &Path, options: &CopyOptions) -> Result<CopyStats, DiskError> {
        let first_pass = self.first_pass.is_dir().then_some(self.first_pass);
        let Staged { stats, found } =
            Staging { change: self, staged: self.staged, first_pass, only: None }.run(options)?;
        write_list(self.staged, list, found)?;
        Ok(stats)
    }
}

struct Staging<'a> {
    change: &'a Retarget<'a>,
    staged: &'a Path,
    first_pass: Option<&'a Path>,
    /// The entries that may differ; `None` for all.
    only: Option<&'a PathSet>,
}

struct Staged {
    stats: CopyStats,
    /// The records of what differs.
    found: Spool,
}

impl Staging<'_> {
    fn run(&self, options: &CopyOptions) -> Result<Staged, DiskError> {
        let folder = self.staged.parent().unwrap_or(self.staged);
        let mut found = Spool::new(folder);
        let mut bytes = Vec::new();
        let Retarget { source, tree, index, .. } = *self.change;
        let unchanged = diff_within(self.only, [tree, source], index, options, &mut |record| {
            bytes.clear();
            record.write(&mut bytes);
            found.put(&[], &bytes).at("write to", folder)
        })?;

        // Progress counts copied entries on top of the unchanged ones.
        let told = options.progress.clone().map(|tell| {
            let told: crate::sys::tree::copy::options::Progress =
                Arc::new(move |bytes, entries| tell(bytes, entries + unchanged.entries));
            told
        });
        let options = CopyOptions { progress: told, ..options.clone() };
        let update = Update {
            first_pass: self.first_pass.map_or(FirstPass::None, FirstPass::ByPath),
            spares: self.change.spares,
            ..Update::default()
        };
        let run = CopyRun::new(source, self.staged, &options, Ladder::new(true, true), &update)?;
        thread::scope(|scope| {
            for _ in 0..workers(options.workers) {
                scope.spawn(|| Worker::new(&run).work());
            }
            let _guard = run.stop_on_panic();
            if let Err(error) = self.fill(&run, &mut found) {
                run.fail(error);
            }
            run.queue.close();
        });
        let mut stats = run.finish()?;
        stats.reused = unchanged.files;
        Ok(Staged { stats, found })
    }

    /// Makes the directories, and hands out the entries to be copied into them.
    fn fill(&self, run: &CopyRun<'_>, found: &mut Spool) -> Result<(), DiskError> {
        let staged = open_root(self.staged)?;
        each_record(self.staged, found, &mut |record| {
            let (path, steps) = match &record {
                ListRecord::Directory(place) => (&place.path, None),
                ListRecord::Steps(directory, steps) => (directory, Some(steps)),
            };
            let to = make_path(self.staged, &staged, path)?;
            let mut wanted = steps.into_iter().flatten().filter(|step| step.new.is_some()).peekable();
            if wanted.peek().is_none() || !run.goes_on() {
                return Ok(());
            }
            let full = || self.change.source.join(path);
            let from = descend(self.change.source, path)?;
            let stat = Stat::of(from.as_fd()).at("read the attributes of", &full())?;
            let first_pass = self.first_pass.and_then(|tree| descend(tree, path).ok());
            let name =
                CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from).at("open", &full())?;
            let beside = Beside::at(path.clone(), first_pass, run.update)?;
            let directory = Arc::new(Directory { parent: None, name, from, to, stat, beside, is_bare: true });
            let mut names = NameList::default();
            for step in wanted {
                if step.new_is_directory {
                    Walker::new(run).walk_child(Arc::clone(&directory), &step.name)?;
                } else {
                    names.push(&step.name).at("copy from", &full())?;
                }
            }
            if !names.is_empty() {
                run.queue.push(CopyBatch { directory, names });
            }
            Ok(())
        })
    }
}

/// Writes the list, with the inodes of the staged entries.
fn write_list(staged: &Path, list: &Path, mut found: Spool) -> Result<(), DiskError> {
    let mut out = ListWriter::new(list)?;
    each_record(staged, &mut found, &mut |mut record| {
        if let ListRecord::Steps(directory, steps) = &mut record {
            let handle = descend(staged, directory)?;
            for step in steps.iter_mut().filter(|step| step.new.is_some()) {
                let full = || staged.join(&*directory).join(OsStr::from_bytes(step.name.to_bytes()));
                let made = Stat::of_name(handle.as_fd(), &step.name);
                step.new = Some(
                    made.map_err(|errno| refusal("read the attributes of", full(), errno))?.inode.number,
                );
            }
        }
        out.add(&record)
    })?;
    out.finish()
}

fn each_record(
    folder: &Path,
    found: &mut Spool,
    each: &mut dyn FnMut(ListRecord) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let mut records = found.records().at("read from", folder)?;
    while let Some((_, bytes)) = records.take().at("read from", folder)? {
        each(ListRecord::read(&bytes).at("read from", folder)?)?;
    }
    Ok(())
}

/// Opens the directory at `path` beneath `root`, and makes directories that are missing on the way.
pub(super) fn make_path(staged: &Path, root: &OwnedFd, path: &Path) -> Result<OwnedFd, DiskError> {
    let mut at = PathBuf::new();
    let mut handle = root.try_clone().at("open", staged)?;
    for name in path {
        at.push(name);
        let full = || staged.join(&at);
        let name = CString::new(name.as_bytes()).map_err(io::Error::from).at("create", &full())?;
        let opened = match open_directory(handle.as_fd(), &name) {
            Err(Errno::NOENT) => {
                fault::point("tree.mkdir").at("create", &full())?;
                mkdirat(&handle, &name, Mode::RWXU).at("create", &full())?;
                open_directory(handle.as_fd(), &name)
            }
            other => other,
        };
        handle = opened.map_err(|errno| refusal("open", full(), errno))?;
    }
    Ok(handle)
}

/// Returns how many bytes are allocated to what comes from the tree `source` by these steps, and
/// has no spare in `spares`.
fn arriving(source: &Path, record: &ListRecord, spares: &[PathBuf]) -> Result<u64, DiskError> {
    let ListRecord::Steps(directory, steps) = record else { return Ok(0) };
    let (from, mut blocks) = (descend(source, directory)?, 0_u64);
    for step in steps.iter().filter(|step| step.new.is_some()) {
        let full = || source.join(directory).join(OsStr::from_bytes(step.name.to_bytes()));
        let more = if step.new_is_directory {
            measure_tree(&full())?.blocks
        } else {
            let found = Stat::of_name(from.as_fd(), &step.name);
            let found = found.map_err(|errno| refusal("read the attributes of", full(), errno))?;
            let path = directory.join(OsStr::from_bytes(step.name.to_bytes()));
            let has_spare = |folder: &PathBuf| spare_of(folder, &path).exists();
            let is_spared = found.size >= SPARE_MIN_BYTES && spares.iter().any(has_spare);
            if is_spared { 0 } else { found.allocated }
        };
        blocks = blocks.saturating_add(more);
    }
    Ok(blocks)
}

/// Makes the entries `only` of `tree`, which no other process uses, equal to those of `source`:
/// copies what the source has, and removes what it does not have. `scratch` is an empty directory
/// on the same file system, for what comes and goes.
///
/// # Errors
/// As [`copy_tree`](crate::sys::tree::copy_tree); also when a directory that leads to one of the
/// entries is not in both trees.
pub fn replace_paths(
    source: &Path,
    tree: &Path,
    only: &PathSet,
    scratch: &Path,
    options: &CopyOptions,
) -> Result<CopyStats, DiskError> {
    let [staged, list, first_pass] = ["staged", "list", "first"].map(|name| scratch.join(name));
    fault::point("tree.mkdir").at("create", &staged)?;
    mkdirat(CWD, &staged, Mode::RWXU).at("create", &staged)?;
    let (index, staged, first_pass) = (&NoIndex, &*staged, &*first_pass);
    let change = Retarget { source, tree, index, staged, first_pass, spares: &[] };
    let staging = Staging { change: &change, staged, first_pass: None, only: Some(only) };
    let Staged { stats, found } = staging.run(options)?;
    write_list(staged, &list, found)?;
    exchange_entries(tree, staged, &list, &options.refused_flags)?;
    remove_tree(staged)?;
    disk::remove_file(&list)?;
    Ok(stats)
}

/// Returns how many bytes [`copy_before`] copies, as far as files have them allocated.
///
/// # Errors
/// When an entry cannot be looked at, or the list is not whole.
pub fn measure_before(source: &Path, left: &LeftTree) -> Result<u64, DiskError> {
    let LeftTree { tree, list, spares } = left;
    let mut steps = ListReader::open(list)?.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
    let mut blocks = measure_tree(source)?.blocks.saturating_add(measure_tree(tree)?.blocks);
    while let Some(record) = steps.take()? {
        blocks = blocks.saturating_sub(arriving(source, &record, &[])?);
    }
    Ok(blocks.saturating_add(measure_deltas(source, spares)?))
}

/// Makes `target`, an empty directory that no other process uses, equal to the tree that took the
/// steps of a list and so became `source`: copies `source`, except for the entries that `left` has
/// of the old tree.
///
/// # Errors
/// As [`copy_tree`](crate::sys::tree::copy_tree); also when the list is not whole.
pub fn copy_before(
    source: &Path,
    left: &LeftTree,
    target: &Path,
    options: &CopyOptions,
) -> Result<CopyStats, DiskError> {
    let LeftTree { tree: staged, list, .. } = left;
    let steps = ListReader::open(list)?.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
    let listed = ListFilter::new(steps)?;
    let mut stats =
        update_tree(source, target, options, &Update { except: Some(&listed), ..Update::default() })?;
    stats += &update_tree(staged, target, options, &Update { keep: Keep::All, ..Update::default() })?;
    stats += &copy_old_files(source, left, target, &options.refused_flags)?;
    Ok(stats)
}
