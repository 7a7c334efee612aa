//! The kinds of copy that a caller may ask for, and how a copy starts.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;

use rustix::fs::{Mode, fchmod};

use super::content::Ladder;
use super::directory::Directory;
use super::first_pass::{MarkedCopies, SyncAndTest};
use super::options::{CopyOptions, CopyStats};
use super::queue::workers;
use super::reuse::{Beside, Keep, Update};
use super::run::CopyRun;
use super::walker::Walker;
use super::worker::Worker;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::beside;
use crate::sys::tree::entry::attributes;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Stat, open_root};
use crate::sys::tree::entry::names::DirectoryReader;
use crate::sys::tree::mapped_stores::sync_and_test_stores;
use crate::sys::tree::remove::remove_tree;
use crate::sys::tree::times::FileTime;

/// Makes `dst`, an empty directory that no other process uses, an exact copy of the directory
/// `src`.
///
/// Copies the mode, owner, times and extended attributes of the root too. Makes nothing durable:
/// see `sync_filesystem`. A killed process may leave the directories that `beside` names.
///
/// # Errors
/// The first failure ends the copy and leaves a part of it in `dst`; the error names the path. The
/// error of a mount point inside `src` is of kind `CrossesDevices`, that of a cancelled copy of
/// kind `Interrupted`.
pub fn copy_tree(src: &Path, dst: &Path, options: &CopyOptions) -> Result<CopyStats, DiskError> {
    copy_with(src, dst, options, Ladder::new(true, true))
}

/// Copies into a `dst` that is partly made; `update` says what the copy may spare. Where `src` has
/// hard links, makes all names of an inode anew.
///
/// # Errors
/// As [`copy_tree`].
pub fn update_tree(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    update: &Update<'_>,
) -> Result<CopyStats, DiskError> {
    run(src, dst, options, Ladder::new(true, true), update)
}

/// Copies, before a copy of `src` into `dst`, files that last changed before `settled`, a time in
/// the past. Other processes may write to `src`. The result goes into [`Update::first_pass`] of
/// that copy, which leaves copies that it does not take in their directory beside `dst`; that
/// directory must not exist before. Returns `None`, and leaves no directory, where stores through
/// shared mappings do not show in the times of files.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_first_pass(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    settled: FileTime,
) -> Result<Option<(MarkedCopies, CopyStats)>, DiskError> {
    first_pass_after(sync_and_test_stores, src, dst, options, settled)
}

pub(in crate::sys::tree) fn first_pass_after(
    sync: SyncAndTest,
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    settled: FileTime,
) -> Result<Option<(MarkedCopies, CopyStats)>, DiskError> {
    let place = beside::first_pass(dst);
    let Some(copies) = MarkedCopies::new(&place, settled, sync)? else {
        remove_tree(&place)?;
        return Ok(None);
    };
    let from = open_root(src)?;
    let stat = Stat::of(from.as_fd()).at("read the attributes of", src)?;
    let to = copies.handle().try_clone().at("open", &place)?;
    let root = Directory {
        parent: None,
        name: CString::default(),
        from,
        to,
        stat,
        beside: Beside::default(),
        is_bare: false,
    };
    let update = Update::default();
    let run = CopyRun::new(src, &place, options, Ladder::new(true, true), &update)?.first_pass(&copies);
    let stats = finish(run, root)?;
    Ok(Some((copies, stats)))
}

/// Removes what a first pass for `dst` left: the copies that were not taken.
///
/// # Errors
/// When one cannot be removed.
pub fn discard_first_pass(dst: &Path) -> Result<(), DiskError> {
    remove_tree(&beside::first_pass(dst))
}

pub(in crate::sys::tree) fn copy_with(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    ladder: Ladder,
) -> Result<CopyStats, DiskError> {
    run(src, dst, options, ladder, &Update::default())
}

fn run(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    ladder: Ladder,
    update: &Update<'_>,
) -> Result<CopyStats, DiskError> {
    let root = open_roots(src, dst, update)?;
    finish(CopyRun::new(src, dst, options, ladder, update)?, root)
}

/// Walks the source, and works until everything is done.
fn finish(run: CopyRun<'_>, root: Directory) -> Result<CopyStats, DiskError> {
    thread::scope(|scope| {
        for _ in 0..workers(run.options.workers) {
            scope.spawn(|| Worker::new(&run).work());
        }
        Walker::new(&run).walk(root);
        run.queue.close();
    });
    run.finish()
}

fn open_roots(src: &Path, dst: &Path, update: &Update<'_>) -> Result<Directory, DiskError> {
    let from = open_root(src)?;
    let stat = Stat::of(from.as_fd()).at("read the attributes of", src)?;
    let to = open_root(dst)?;
    let mut empty = true;
    let mut reader = DirectoryReader::new();
    let check = |_: &CStr, _| {
        empty = false;
        Ok(())
    };
    reader.chunk(to.as_fd(), check).at("read", dst)?;
    if !empty && update.keep == Keep::Nothing {
        return Err(DiskError::new("copy into", dst, io::ErrorKind::DirectoryNotEmpty));
    }
    fault::point("tree.attributes").at("set the attributes of", dst)?;
    fchmod(&to, Mode::RWXU).at("set the mode of", dst)?;
    attributes::clear_inherited(&to, &mut Scratch::default()).at("clear the attributes of", dst)?;
    let beside = Beside::root(update)?;
    Ok(Directory { parent: None, name: CString::default(), from, to, stat, beside, is_bare: false })
}
