//! `log` and `show`: list commits, newest first, with the branches and tags on them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use regex::Regex;
use serde::{Serialize, Serializer};

use super::diff::DiffEntry;
use super::status::StatusChange;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, CodeState, CommitId, CommitRecord, Instant, MadeOn, Range, RemoteName, Revision, Signature,
    TagName, TrackingRecord, VolumeName, VolumeRecord,
};
use crate::pool::{History, Pool, ancestry, existing, refuse_other};
use crate::store::{Rows, StoreError};
use crate::sys::disk;
use crate::sys::tree::{self, ChangeKind};

/// Where a log starts.
#[derive(Debug, Clone, Default)]
pub enum LogStart {
    /// At HEAD; a branch without a commit has an empty log.
    #[default]
    Head,
    /// At a commit.
    Revision(Revision),
    /// At the end of a range.
    Range(Range),
    /// At every branch and every tag.
    All,
}

/// A request for commits.
#[derive(Debug, Clone, Default)]
pub struct LogRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// Where to start.
    pub start: LogStart,
    /// The most commits to list.
    pub most: Option<usize>,
    /// Only commits of this time or later.
    pub since: Option<Instant>,
    /// Only commits of this time or earlier.
    pub until: Option<Instant>,
    /// Only commits whose author (`Name <email>`) contains this.
    pub author: Option<Regex>,
    /// Only commits whose message contains this.
    pub grep: Option<Regex>,
    /// Only commits made beside the first of these code commits, newest first, that has any.
    pub code: Option<Vec<String>>,
    /// List no parent before all of its children, whatever the dates say.
    pub topological: bool,
    /// List the oldest first.
    pub reverse: bool,
    /// List what each commit changed, and measure its tree.
    pub detailed: bool,
}

/// One commit as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Its id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: Option<CommitId>,
    /// The commit message.
    pub message: String,
    /// The author.
    pub author: Signature,
    /// When it was made; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// The state of the code beside it, if that was known.
    pub code: Option<CodeState>,
    /// What wrote its files, if the commit says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_on: Option<MadeOn>,
    /// The branches whose head it is.
    pub branches: Vec<BranchName>,
    /// The tags on it.
    pub tags: Vec<TagName>,
    /// Whether it is the head of the current branch.
    pub head: bool,
    /// Whether an operation dropped it and trash still has it: no branch and no tag leads to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
    /// Whether only its record is left; trash may still have its data.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
    /// The branches and tags of remotes that lead to it, as `origin/master`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remote_refs: Vec<String>,
    /// The remotes that have its data, if that is not here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<RemoteName>,
    /// In the log of a compose project: the volumes that it was made of. `volume` and `parent` are
    /// the first one's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeName>,
    /// The entries that the commit changed, if asked for; for a first commit, what its root
    /// directory holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<LogChanges>,
    /// Sum of the sizes of its files in bytes, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The full path of its tree, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

/// What a commit changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum LogChanges {
    /// The paths alone.
    Paths(Vec<StatusChange>),
    /// Both sides of each entry.
    Full(Vec<DiffEntry>),
}

/// Commits of one volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The volume.
    pub volume: VolumeName,
    /// The current branch, which HEAD stands for.
    pub current: BranchName,
    /// The commits in the requested order.
    pub entries: Vec<LogEntry>,
}

pub(super) fn rfc3339<S: Serializer>(date: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date.to_rfc3339())
}

/// Lists the commits that `request` asks for.
///
/// # Errors
/// When the volume or a revision does not exist, or the metadata or a tree cannot be read.
pub fn log(pool: &Pool, request: &LogRequest) -> Result<Log, Error> {
    let volume = match (&request.volume, named_volume(&request.start)) {
        (None, Some(named)) => named.clone(),
        (volume, _) => pool.select(volume.as_ref())?,
    };
    let mut log = pool.read_again_if_moved(&volume, || log_now(pool, &volume, request))?;
    if request.reverse {
        log.entries.reverse();
    }
    Ok(log)
}

fn log_now(pool: &Pool, volume: &VolumeName, request: &LogRequest) -> Result<Log, Error> {
    let mut log = pool.store().read(|rows| {
        let selected = existing(&rows, volume)?;
        // `OTHER:REV` is a commit of that volume, and so are its ancestors.
        let owner = named_volume(&request.start).unwrap_or(volume);
        let record = if owner == volume { selected } else { existing(&rows, owner)? };
        let names = Names::read(&rows, &record)?;
        let mut history = History::new(rows, record.owner());
        let (starts, hidden) = starts(pool, &rows, &mut history, &record, &names, &request.start)?;
        let entries = collect(&mut history, &starts, &hidden, &names, request)?;
        finished(&rows, &history, record, entries)
    })?;
    if request.detailed {
        for entry in &mut log.entries {
            entry.changes = changes_of(pool, entry)?.map(LogChanges::Paths);
            if let Some(tree) = tree_of(pool, entry, &entry.id)? {
                entry.size = Some(tree::measure_tree(&tree)?.bytes);
                entry.directory = Some(tree);
            }
        }
    }
    Ok(log)
}

/// Adds what the walk of `history` and the remotes tell of the entries.
pub(super) fn finished(
    rows: &Rows<'_>,
    history: &History<'_>,
    record: VolumeRecord,
    mut entries: Vec<LogEntry>,
) -> Result<Log, Error> {
    for entry in &mut entries {
        entry.dropped = history.is_dropped(&entry.id);
    }
    note_remotes(rows, record.owner(), &mut entries)?;
    Ok(Log { volume: record.name, current: record.branch, entries })
}

pub(super) fn named_volume(start: &LogStart) -> Option<&VolumeName> {
    match start {
        LogStart::Head | LogStart::All => None,
        LogStart::Revision(revision) => revision.volume.as_ref(),
        LogStart::Range(range) => range.to.volume.as_ref().or(range.from.volume.as_ref()),
    }
}

pub(super) fn starts(
    pool: &Pool,
    rows: &Rows<'_>,
    history: &mut History<'_>,
    record: &VolumeRecord,
    names: &Names,
    start: &LogStart,
) -> Result<(Vec<CommitId>, BTreeSet<CommitId>), Error> {
    let mut hidden = BTreeSet::new();
    let starts = match start {
        LogStart::Head => names.head.iter().cloned().collect(),
        LogStart::Revision(revision) => vec![pool.resolve_record(rows, record, revision)?.id],
        LogStart::Range(range) => {
            for side in [&range.from, &range.to] {
                refuse_other(rows, side, &record.name)?;
            }
            hidden = history.ancestors(&pool.resolve_record(rows, record, &range.from)?.id)?;
            vec![pool.resolve_record(rows, record, &range.to)?.id]
        }
        LogStart::All => {
            let of_remotes = names.remote_refs.keys();
            names.branches.keys().chain(names.tags.keys()).chain(of_remotes).cloned().collect()
        }
    };
    Ok((starts, hidden))
}

fn collect(
    history: &mut History<'_>,
    starts: &[CommitId],
    hidden: &BTreeSet<CommitId>,
    names: &Names,
    request: &LogRequest,
) -> Result<Vec<LogEntry>, StoreError> {
    let mut entries = Vec::new();
    // The index in `code` of the nearest code commit that has a data commit beside it.
    let mut nearest = usize::MAX;
    let places: BTreeMap<&str, usize> =
        request.code.iter().flatten().enumerate().map(|(place, commit)| (commit.as_str(), place)).collect();
    let most = request.most.unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(entries);
    }
    history.walk(starts, hidden, request.topological, &mut |commit| {
        if !request.lets_through(&commit) {
            return ControlFlow::Continue(());
        }
        if request.code.is_some() {
            let place = commit.code.as_ref().and_then(|code| places.get(code.commit.as_str()));
            match place {
                Some(place) if *place < nearest => {
                    nearest = *place;
                    entries.clear();
                }
                Some(place) if *place == nearest => {}
                _ => return ControlFlow::Continue(()),
            }
        }
        entries.push(names.entry(commit));
        // With `code`, a nearer commit may still come.
        if entries.len() >= most && request.code.is_none() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    entries.truncate(most);
    Ok(entries)
}

/// Notes which remotes have the data of entries whose data is not here.
fn note_remotes(rows: &Rows<'_>, volume: &VolumeName, entries: &mut [LogEntry]) -> Result<(), Error> {
    if entries.iter().all(|entry| !entry.forgotten) {
        return Ok(());
    }
    let mut reached: BTreeMap<RemoteName, BTreeSet<CommitId>> = BTreeMap::new();
    for tracked in rows.tracking(volume, None)? {
        let of_remote = reached.entry(tracked.remote).or_default();
        for start in tracked.others.into_iter().chain([tracked.commit]) {
            let chain = ancestry(rows, volume, Some(start), usize::MAX)?;
            of_remote.extend(chain.into_iter().map(|commit| commit.id));
        }
    }
    for entry in entries.iter_mut().filter(|entry| entry.forgotten) {
        let has = |(remote, ids): (&RemoteName, &BTreeSet<CommitId>)| {
            ids.contains(&entry.id).then(|| remote.clone())
        };
        entry.at = reached.iter().filter_map(has).collect();
    }
    Ok(())
}

impl LogRequest {
    fn lets_through(&self, commit: &CommitRecord) -> bool {
        self.since.is_none_or(|since| commit.date.micros >= since.micros)
            && self.until.is_none_or(|until| commit.date.micros <= until.micros)
            && self.author.as_ref().is_none_or(|author| author.is_match(&commit.author.to_string()))
            && self.grep.as_ref().is_none_or(|grep| grep.is_match(&commit.message))
    }
}

/// The branches and tags on the commits of a volume.
pub(super) struct Names {
    head: Option<CommitId>,
    branches: BTreeMap<CommitId, Vec<BranchName>>,
    tags: BTreeMap<CommitId, Vec<TagName>>,
    remote_refs: BTreeMap<CommitId, Vec<String>>,
}

impl Names {
    pub(super) fn read(rows: &Rows<'_>, volume: &VolumeRecord) -> Result<Self, StoreError> {
        let mut names = Names {
            head: None,
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            remote_refs: BTreeMap::new(),
        };
        for branch in rows.branches(volume.owner())? {
            let Some(head) = branch.head else { continue };
            if branch.name == volume.branch {
                names.head = Some(head.clone());
            }
            names.branches.entry(head).or_default().push(branch.name);
        }
        for tag in rows.tags(volume.owner())? {
            names.tags.entry(tag.commit).or_default().push(tag.name);
        }
        for TrackingRecord { remote, reference, commit, others, .. } in rows.tracking(volume.owner(), None)? {
            for id in others.into_iter().chain([commit]) {
                names.remote_refs.entry(id).or_default().push(format!("{remote}/{}", reference.short()));
            }
        }
        Ok(names)
    }

    pub(super) fn entry(&self, commit: CommitRecord) -> LogEntry {
        LogEntry {
            branches: self.branches.get(&commit.id).cloned().unwrap_or_default(),
            tags: self.tags.get(&commit.id).cloned().unwrap_or_default(),
            head: self.head.as_ref() == Some(&commit.id),
            dropped: false,
            forgotten: commit.forgotten,
            remote_refs: self.remote_refs.get(&commit.id).cloned().unwrap_or_default(),
            at: Vec::new(),
            volume: commit.volume,
            id: commit.id,
            parent: commit.parent,
            message: commit.message,
            author: commit.author,
            date: commit.date,
            code: commit.code,
            made_on: commit.made_on,
            volumes: Vec::new(),
            changes: None,
            size: None,
            directory: None,
        }
    }
}

/// Returns the full path of the tree of a commit, the one of `entry` or its parent; `None` if its
/// data is gone.
fn tree_of(pool: &Pool, entry: &LogEntry, id: &CommitId) -> Result<Option<PathBuf>, Error> {
    let kept = pool.layout().full(&layout::commit_tree(&entry.volume, id));
    if !entry.dropped && kept.exists() {
        return Ok(Some(kept));
    }
    pool.commit_tree_if_here(&entry.volume, id)
}

/// Lists what a commit changed; for a first commit, what its root directory holds. `None` if the
/// data of the commit or of its parent is gone.
fn changes_of(pool: &Pool, entry: &LogEntry) -> Result<Option<Vec<StatusChange>>, Error> {
    let Some(tree) = tree_of(pool, entry, &entry.id)? else { return Ok(None) };
    let mut changes = Vec::new();
    let Some(parent) = &entry.parent else {
        for name in disk::names_in(&tree)? {
            changes.push(StatusChange { kind: ChangeKind::Added, path: PathBuf::from(name) });
        }
        return Ok(Some(changes));
    };
    let Some(before) = tree_of(pool, entry, parent)? else { return Ok(None) };
    tree::compare_trees(&before, &tree, &mut |change| {
        changes.push(StatusChange { kind: change.kind, path: change.path });
        ControlFlow::Continue(())
    })?;
    Ok(Some(changes))
}

/// Resolves a revision to a full commit id.
///
/// # Errors
/// When the volume or the revision does not exist.
pub fn rev_parse(
    pool: &Pool,
    volume: Option<&VolumeName>,
    revision: &Revision,
) -> Result<CommitRecord, Error> {
    let volume = match (volume, &revision.volume) {
        (None, Some(named)) => named.clone(),
        _ => pool.select(volume)?,
    };
    pool.read_again_if_moved(&volume, || {
        pool.store().read(|rows| pool.resolve_record(&rows, &existing(&rows, &volume)?, revision))
    })
}
