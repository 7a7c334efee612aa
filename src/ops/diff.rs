//! `diff`: compare two commits, or a commit with the working tree.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};
use similar::{ChangeTag, TextDiff};

use super::paths::printable;
use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, Instant, ProjectName, Revision, VolumeName, VolumeRecord};
use crate::pool::{Found, Pool, existing, refuse_other};
use crate::store::Rows;
use crate::sys::tree::{self, ChangeKind, Compare, Content, Difference, Entry, EntryKind, Index};

/// How long the shortest diff of two texts is searched for; after that a longer one will do.
const SHORTEST_DIFF_LIMIT: Duration = Duration::from_secs(2);
/// Lines of context around each change.
const CONTEXT_LINES: usize = 3;

/// How many differences are held back at most until it is certain that they are of one state.
const MAX_HELD_BACK: usize = 10_000;
/// How many bytes of their texts are held back at most.
const MAX_HELD_BACK_BYTES: usize = 16 << 20;

/// A request to compare two sides.
#[derive(Debug, Clone, Default)]
pub struct DiffRequest {
    /// The volume; `None` means the one that the revisions name, or the current one.
    pub volume: Option<VolumeName>,
    /// The commit to start from; `None` means HEAD.
    pub from: Option<Revision>,
    /// The commit to end at; `None` means the working tree.
    pub to: Option<Revision>,
    /// Whether to make unified diffs of text files.
    pub texts: bool,
}

/// One side of an entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffSide {
    /// `file`, `directory`, `symlink`, `fifo`, `socket`, `block_device` or `char_device`.
    #[serde(rename = "type", serialize_with = "kind_name")]
    pub kind: EntryKind,
    /// Size of a file in bytes; 0 for anything else.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky, as four octal digits.
    pub mode: String,
    /// The owner's user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// Number of hard links; 1 for a directory.
    pub links: u32,
    /// When its content was last modified, as an RFC 3339 date.
    pub modified: String,
    /// The target of a symlink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Major and minor number of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<(u32, u32)>,
}

/// An extended attribute that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffXattr {
    /// Its name.
    pub name: String,
    /// How it changed.
    pub kind: ChangeKind,
}

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffEntry {
    /// The volume.
    pub volume: VolumeName,
    /// How it changed.
    pub kind: ChangeKind,
    /// Its path in the volume; "." is the root itself.
    #[serde(serialize_with = "printable")]
    pub path: PathBuf,
    /// The entry before.
    pub old: Option<DiffSide>,
    /// The entry after.
    pub new: Option<DiffSide>,
    /// The extended attributes that differ, if the entry has one type on both sides.
    pub xattrs: Vec<DiffXattr>,
    /// Whether its bytes differ and are not shown as text.
    pub binary: bool,
    /// Number of lines added to a text file.
    pub added: Option<usize>,
    /// Number of lines deleted from it.
    pub deleted: Option<usize>,
    /// The unified diff of a text file, without its header.
    pub patch: Option<String>,
}

fn kind_name<S: Serializer>(kind: &EntryKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "symlink",
        EntryKind::Fifo => "fifo",
        EntryKind::Socket => "socket",
        EntryKind::BlockDevice => "block_device",
        EntryKind::CharDevice => "char_device",
    })
}

/// Compares two trees and calls `visit` for each difference, in the order of a walk, until it
/// breaks. Reads files byte by byte, except those of a working tree that the stat index knows to be
/// unchanged.
///
/// # Errors
/// When the volume or a revision does not exist, or a tree cannot be read.
pub fn diff(
    pool: &Pool,
    request: &DiffRequest,
    visit: &mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
) -> Result<(), Error> {
    let named = |revision: &Option<Revision>| revision.as_ref().and_then(|r| r.volume.clone());
    let volume = match (&request.volume, named(&request.from), &request.to) {
        (None, Some(named), None) => named,
        // Both revisions name their volume, so the current one does not matter.
        (None, Some(_), Some(Revision { volume: Some(named), .. })) => named.clone(),
        (volume, ..) => pool.select(volume.as_ref())?,
    };
    repeat_until_told(pool, &volume, visit, &mut |visit| {
        let sides =
            pool.store().read(|rows| Sides::of(pool, &rows, vec![existing(&rows, &volume)?], request))?;
        sides.iter().try_for_each(|sides| compare(pool, sides, request.texts, visit).map(drop))
    })
}

/// Compares by `compare`, again as long as an operation moves a tree before a difference was told.
fn repeat_until_told(
    pool: &Pool,
    volume: &VolumeName,
    visit: &mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
    compare: &mut Comparison<'_>,
) -> Result<(), Error> {
    let mut has_told = false;
    pool.read_again_if_moved(volume, || {
        if has_told {
            return Err(Error::Disturbed(volume.clone()));
        }
        compare(&mut |entry| {
            has_told = true;
            visit(entry)
        })
    })
}

/// A comparison that passes what it finds to a visitor.
type Comparison<'c> = dyn FnMut(&mut dyn FnMut(DiffEntry) -> ControlFlow<()>) -> Result<(), Error> + 'c;

/// Compares a commit with its parent, and calls `visit` for each difference until it breaks. A
/// first commit is compared with nothing; with `fold`, only what its root directory holds counts
/// then. Returns false if the data of the commit or of its parent is gone.
///
/// # Errors
/// When a tree cannot be read.
pub fn diff_of_commit(
    pool: &Pool,
    (volume, id): (&VolumeName, &CommitId),
    fold: bool,
    visit: &mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
) -> Result<bool, Error> {
    let tree_of = |id: &CommitId| pool.commit_tree_if_here(volume, id);
    let mut has_data = true;
    repeat_until_told(pool, volume, visit, &mut |visit| {
        // Another process may have deleted it since the caller read the log.
        let Some(commit) = pool.commit_record(volume, id)? else {
            has_data = false;
            return Ok(());
        };
        let before = commit.parent.as_ref().map(tree_of).transpose()?;
        let (Some(new), None | Some(Some(_))) = (tree_of(id)?, &before) else {
            has_data = false;
            return Ok(());
        };
        let old = before.flatten();
        let how = Compare { fold: fold && old.is_none(), ..Compare::default() };
        tree::diff_trees(old.as_deref(), &new, &how, true, &mut |difference| {
            visit(entry_of(volume, difference))
        })?;
        Ok(())
    })?;
    Ok(has_data)
}

/// Compares each volume of a compose project, one after the other. Revisions are looked up in all
/// of them first; the id of a commit of the whole project names that commit in each.
///
/// # Errors
/// As [`diff`], when a revision names a volume, and when no volume belongs to the project.
pub fn diff_project(
    pool: &Pool,
    project: &ProjectName,
    request: &DiffRequest,
    visit: &mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
) -> Result<(), Error> {
    let volumes = pool.volumes_of_project(project)?;
    let Some(first) = volumes.first() else { return Ok(()) };
    repeat_until_told(pool, first, visit, &mut |visit| compare_all(pool, &volumes, request, visit))
}

fn compare_all(
    pool: &Pool,
    volumes: &[VolumeName],
    request: &DiffRequest,
    visit: &mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
) -> Result<(), Error> {
    let all = pool.store().read(|rows| {
        let records =
            volumes.iter().map(|volume| existing(&rows, volume)).collect::<Result<Vec<_>, Error>>()?;
        let named = [&request.from, &request.to].into_iter().flatten();
        for (revision, record) in named.flat_map(|revision| records.iter().map(move |one| (revision, one))) {
            refuse_other(&rows, revision, &record.name)?;
        }
        Sides::of(pool, &rows, records, request)
    })?;
    for sides in &all {
        if compare(pool, sides, request.texts, visit)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The two sides of a comparison in one volume.
struct Sides {
    record: VolumeRecord,
    from: Option<Found>,
    to: Option<Found>,
}

impl Sides {
    /// Looks up the sides in each of these volumes.
    fn of(
        pool: &Pool,
        rows: &Rows<'_>,
        records: Vec<VolumeRecord>,
        request: &DiffRequest,
    ) -> Result<Vec<Self>, Error> {
        for revision in request.from.iter().chain(&request.to) {
            pool.check_joint(rows, &records, revision)?;
        }
        let head = |record: &VolumeRecord| match rows.branch(record.owner(), &record.branch)? {
            // A volume without a commit is compared with nothing.
            Some(branch) if branch.head.is_none() => Ok(None),
            _ => Ok::<_, Error>(Some(pool.resolve(rows, record, &Revision::head())?)),
        };
        let sides = |record| {
            let named = |revision| pool.resolve(rows, &record, revision);
            let from = match &request.from {
                Some(revision) => Some(named(revision)?),
                None => head(&record)?,
            };
            let to = request.to.as_ref().map(named).transpose()?;
            Ok(Sides { record, from, to })
        };
        records.into_iter().map(sides).collect()
    }
}

fn compare(
    pool: &Pool,
    sides: &Sides,
    texts: bool,
    visit: &mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let Sides { record, from, to } = sides;
    let tree_of = |found: &Found| pool.layout().full(&found.tree);
    let old = from.as_ref().map(tree_of);
    let new = match to {
        Some(found) => tree_of(found),
        None => pool.layout().full(&layout::working_tree(record.owner(), &record.branch)),
    };
    let index = match (from, to) {
        (Some(from), None) if from.commit.volume == *record.owner() => {
            pool.tree_index(record.owner(), &record.branch, &from.commit.id)?
        }
        _ => None,
    };
    let how = Compare { index: index.as_ref().map(|index| index as &dyn Index), fold: false, stop: None };
    let mut held_back = HeldBack { visit, entries: Vec::new(), bytes: 0, has_told: false };
    let compare = |held_back: &mut HeldBack<'_>| {
        held_back.restart(&record.name)?;
        let mut flow = ControlFlow::Continue(());
        tree::diff_trees(old.as_deref(), &new, &how, texts, &mut |difference| {
            flow = held_back.take(entry_of(&record.name, difference));
            flow
        })?;
        Ok(flow)
    };
    let flow = if to.is_some() {
        compare(&mut held_back)?
    } else {
        pool.read_consistently(record.owner(), &record.branch, || compare(&mut held_back))?
    };
    Ok(if flow.is_break() { flow } else { held_back.tell() })
}

/// Differences that are told once it is certain that they are of one state of the working tree, or
/// when there are too many to hold back.
struct HeldBack<'v> {
    visit: &'v mut dyn FnMut(DiffEntry) -> ControlFlow<()>,
    entries: Vec<DiffEntry>,
    /// Bytes of their texts.
    bytes: usize,
    has_told: bool,
}

impl HeldBack<'_> {
    /// Forgets what is held back, for a comparison from the start; refuses if differences were
    /// told.
    fn restart(&mut self, volume: &VolumeName) -> Result<(), Error> {
        if self.has_told {
            return Err(Error::Disturbed(volume.clone()));
        }
        (self.entries, self.bytes) = (Vec::new(), 0);
        Ok(())
    }

    fn take(&mut self, entry: DiffEntry) -> ControlFlow<()> {
        self.bytes += entry.patch.as_ref().map_or(0, String::len);
        self.entries.push(entry);
        if self.entries.len() < MAX_HELD_BACK && self.bytes < MAX_HELD_BACK_BYTES {
            return ControlFlow::Continue(());
        }
        self.tell()
    }

    fn tell(&mut self) -> ControlFlow<()> {
        self.bytes = 0;
        for entry in std::mem::take(&mut self.entries) {
            self.has_told = true;
            (self.visit)(entry)?;
        }
        ControlFlow::Continue(())
    }
}

fn entry_of(volume: &VolumeName, difference: Difference) -> DiffEntry {
    let xattrs = difference.xattrs.into_iter().map(|(name, kind)| DiffXattr { name, kind }).collect();
    let mut entry = DiffEntry {
        volume: volume.clone(),
        kind: difference.kind,
        path: difference.path,
        old: difference.old.map(side),
        new: difference.new.map(side),
        xattrs,
        binary: difference.content == Content::Binary,
        added: None,
        deleted: None,
        patch: None,
    };
    if let Content::Text(old, new) = &difference.content {
        let diff = TextDiff::configure().timeout(SHORTEST_DIFF_LIMIT).diff_lines(old, new);
        let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
        entry.added = Some(count(ChangeTag::Insert));
        entry.deleted = Some(count(ChangeTag::Delete));
        entry.patch = Some(diff.unified_diff().context_radius(CONTEXT_LINES).to_string());
    }
    entry
}

pub(super) fn side(entry: Entry) -> DiffSide {
    let micros =
        entry.modified.0.saturating_mul(1_000_000).saturating_add(i64::from(entry.modified.1 / 1000));
    DiffSide {
        size: if entry.kind == EntryKind::File { entry.size } else { 0 },
        links: if entry.kind == EntryKind::Directory { 1 } else { entry.links },
        kind: entry.kind,
        mode: format!("{:04o}", entry.mode & 0o7777),
        uid: entry.uid,
        gid: entry.gid,
        modified: Instant { micros, offset: 0 }.to_rfc3339(),
        target: entry.target.map(|target| super::shown(&target)),
        device: entry.device,
    }
}
