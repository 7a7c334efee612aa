//! Copies a whole pool, and proves that the copy is the pool.
//!
//! The trees of each volume come first, in the order of their history: each shares blocks with the
//! one that it was made of, as far as both hold the same bytes. So a pool of full copies takes in
//! an image what its changes take. Everything else is copied last, together with the attributes of
//! the directories above.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, CommitRecord, VolumeName};
use crate::pool::Pool;
use crate::sys::tree::{self, Compare, CopyOptions, Keep, Update};
use crate::sys::{disk, fault};

/// How many paths an error names.
const MAX_PATHS: usize = 5;
/// Mode of directories until they get the pool's.
const MODE: u32 = 0o700;
/// Parts of a pool that differ from one moment to the next and hold nothing.
const FLEETING: [&str; 2] = [".dvol/locks", ".dvol/moved-out"];

/// How much was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Copied {
    /// Files, directories and everything else.
    pub(super) entries: u64,
    /// Bytes of files.
    pub(super) bytes: u64,
    /// Bytes that share blocks with an earlier tree.
    pub(super) shared: u64,
}

/// Copies the pool with `volumes` into the empty directory `to`, durably. `check_room` is asked
/// before each tree, with the bytes that are allocated to it.
pub(super) fn copy_pool(
    pool: &Pool,
    volumes: &[VolumeName],
    to: &Path,
    check_room: &dyn Fn(u64) -> Result<(), Error>,
) -> Result<Copied, Error> {
    let from = pool.layout().real_root();
    let mut run =
        Run { pool, from: &from, to, shares: disk::can_clone(to), check_room, copied: Copied::default() };
    for volume in volumes {
        run.volume(volume)?;
    }
    // The target may be the root of its file system.
    let private = to.join(layout::PRIVATE);
    disk::ensure_directory(&private, MODE)?;
    let links = private.join("moving.links");
    let everything = Update { keep: Keep::All, links: Some(&links), ..Update::default() };
    let stats = pool.watched(&from, || tree::update_tree(&from, to, &run.options(), &everything))?;
    run.copied.entries += stats.files + stats.others + stats.directories;
    run.copied.bytes += stats.bytes;
    tree::sync_filesystem(to)?;
    Ok(run.copied)
}

struct Run<'r> {
    pool: &'r Pool,
    from: &'r Path,
    to: &'r Path,
    /// Whether the target shares blocks.
    shares: bool,
    check_room: &'r dyn Fn(u64) -> Result<(), Error>,
    copied: Copied,
}

impl Run<'_> {
    fn options(&self) -> CopyOptions {
        self.pool.copy_options()
    }

    fn volume(&mut self, volume: &VolumeName) -> Result<(), Error> {
        let (commits, branches) = self.pool.store().read(|rows| {
            if rows.owner(volume)? != *volume {
                // The trees of a worktree are its volume's.
                return Ok::<_, Error>(Default::default());
            }
            Ok((in_order(rows.commits(volume)?), rows.branches(volume)?))
        })?;
        let mut last = None;
        for commit in &commits {
            let parent = commit.parent.as_ref().map(|id| layout::commit_tree(volume, id));
            let tree = layout::commit_tree(volume, &commit.id);
            let like = parent.filter(|parent| self.to.join(parent).exists()).or(last.take());
            self.tree(&tree, like.as_deref())?;
            last = Some(tree);
        }
        for branch in branches {
            let like = branch.head.as_ref().map(|id| layout::commit_tree(volume, id));
            self.tree(&layout::working_tree(volume, &branch.name), like.as_deref())?;
        }
        Ok(())
    }

    /// Copies one tree, if it is there; it shares blocks with the copy of the tree `like`.
    fn tree(&mut self, place: &Path, like: Option<&Path>) -> Result<(), Error> {
        let (source, target) = (self.from.join(place), self.to.join(place));
        if !disk::is_directory(&source)? {
            return Ok(());
        }
        (self.check_room)(tree::measure_tree(&source)?.blocks)?;
        make_parents(self.to, place)?;
        disk::make_directory(&target, MODE)?;
        let stats = self.pool.copy_tree(&source, &target)?;
        self.copied.entries += stats.files + stats.others + stats.directories;
        self.copied.bytes += stats.bytes;
        let like = like.map(|like| self.to.join(like)).filter(|like| self.shares && like.exists());
        if let Some(like) = like {
            // Data that is not on disk yet has no blocks to share, and may take none.
            tree::sync_filesystem(self.to)?;
            let interrupted = self.pool.interrupted();
            self.copied.shared +=
                tree::share_blocks(&like, &target, &|| interrupted.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}

/// Makes the directories that lead to `place` beneath `to`; they get their attributes last.
fn make_parents(to: &Path, place: &Path) -> Result<(), Error> {
    let mut at = PathBuf::new();
    for part in place.parent().into_iter().flatten() {
        at.push(part);
        if !to.join(&at).exists() {
            disk::make_directory(&to.join(&at), MODE)?;
        }
    }
    Ok(())
}

/// Sorts commits so that each comes after its parent.
fn in_order(commits: Vec<CommitRecord>) -> Vec<CommitRecord> {
    let parents: BTreeMap<CommitId, Option<CommitId>> =
        commits.iter().map(|commit| (commit.id.clone(), commit.parent.clone())).collect();
    let depth = |commit: &CommitRecord| {
        let mut at = commit.parent.as_ref();
        let steps = std::iter::from_fn(|| {
            let id = at.take()?;
            at = parents.get(id).and_then(Option::as_ref);
            Some(())
        });
        // Damaged records may lead in a circle.
        steps.take(parents.len()).count()
    };
    let mut sorted: Vec<(usize, CommitRecord)> =
        commits.into_iter().map(|commit| (depth(&commit), commit)).collect();
    sorted.sort_by_key(|(depth, _)| *depth);
    sorted.into_iter().map(|(_, commit)| commit).collect()
}

/// Compares each entry of the copy with the pool's: its type, mode, owner, attributes and bytes.
pub(super) fn verify(pool: &Pool, to: &Path) -> Result<(), Error> {
    fault::point("image.verify").map_err(|error| crate::sys::error::DiskError::new("verify", to, error))?;
    let from = pool.layout().real_root();
    let interrupted = pool.interrupted();
    let stop = || interrupted.load(Ordering::Relaxed);
    let mut paths = Vec::new();
    tree::compare_with(
        Some(&from),
        to,
        &Compare { stop: Some(&stop), ..Compare::default() },
        &mut |change| {
            if !FLEETING.iter().any(|path| change.path.starts_with(path)) {
                paths.push(change.path.display().to_string());
            }
            if paths.len() < MAX_PATHS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    )?;
    if paths.is_empty() { Ok(()) } else { Err(Error::CopyDiffers { paths }) }
}
