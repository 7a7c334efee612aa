//! Copying a tree: what a caller may ask for, and how a copy begins.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;

use rustix::fs::{Mode, fchmod};

use super::content::Ladder;
use super::directory::Directory;
use super::first_pass::MarkedCopies;
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
use crate::sys::tree::index::FileTime;
use crate::sys::tree::remove::remove_tree;

/// Makes `dst`, which must be an empty directory that nobody else uses, an exact copy of the directory `src`.
///
/// The mode, owner, times and extended attributes of the root are copied too. While it runs, there may be
/// a directory `<dst>.links` beside `dst`; only a killed process leaves it there. Nothing is made durable:
/// see `sync_filesystem`.
///
/// # Errors
/// The first one ends the copy and leaves a part of it in `dst`. Each names the path that it is about. A mount point
/// inside `src` is an error of kind `CrossesDevices`, a copy that was cancelled one of kind `Interrupted`.
pub fn copy_tree(src: &Path, dst: &Path, options: &CopyOptions) -> Result<CopyStats, DiskError> {
    copy_with(src, dst, options, Ladder::new(true, true))
}

/// The same for a `dst` that is partly made, or with entries of a third tree that may be linked: what may
/// be spared is said by `update`. Where `src` has hard links, all names of an inode are made anew.
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

/// Copies, ahead of a copy of `src` into `dst`, what was last changed before `settled`, which must lie in the past. Others
/// may write to `src` meanwhile. What is given goes into [`Update::early`] of that copy, which removes no copy that it does not take:
/// they stay in a directory `<dst>.early`, where nothing may be yet.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_first_pass(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    settled: FileTime,
) -> Result<(MarkedCopies, CopyStats), DiskError> {
    let place = beside::first_pass(dst);
    let copies = MarkedCopies::new(&place, settled)?;
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
    Ok((copies, stats))
}

/// Removes what a first pass for `dst` left: all that was not taken.
///
/// # Errors
/// What cannot be removed.
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

/// Walks the source, and works until all is done.
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
