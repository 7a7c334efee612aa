//! `push`: send commits to a remote, then move its branches and tags.
//!
//! No operation: nothing of the volume changes. The commits under way are noted beside the volume,
//! so that no other command drops them, and so that the next push takes up what a dead one sent.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::fetch::{link, record};
use super::push_refs::{Force, Plan, Planned, PushSpec, PushedRef, RefOutcome, Tags};
use super::remote::Access;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, CommitId, CommitRecord, LinkRecord, RefName, RemoteName, RemoteUrl, UpstreamRecord,
    VolumeName, VolumeRecord,
};
use crate::ops::export::manifest_of;
use crate::pool::{Notice, Pool, Work, ancestry, existing};
use crate::remotes::{
    CommitNote, Moved, PushMemory, Records, RemoteError, Repository, Sending, TreeCount, count_tree, judge,
};
use crate::store::Rows;
use crate::sys::tree::measure_tree;

/// A request to send commits to a remote.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// What to push; nothing means the current branch.
    pub specs: Vec<PushSpec>,
    /// Which tags to push too.
    pub tags: Tags,
    /// Only tell what would be done.
    pub dry_run: bool,
    /// How far the push may give up what the remote has.
    pub force: Force,
    /// Whether the branches that are pushed follow those of the remote from now on.
    pub set_upstream: bool,
}

/// A finished push; some of its refs may have been rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The volume.
    pub volume: VolumeName,
    /// The remote.
    pub remote: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
    /// The volume's name there.
    pub their_volume: VolumeName,
    /// The refs.
    pub refs: Vec<PushedRef>,
    /// The commits that were sent, the oldest first.
    pub commits: Vec<CommitId>,
    /// Bytes in their files.
    pub bytes: u64,
    /// Bytes that were written to the remote.
    pub sent: u64,
    /// Packs that were written to the remote.
    pub packs: u64,
    /// The branches that follow those of the remote now.
    pub followers: Vec<BranchName>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

impl Pushed {
    /// Returns whether the remote refused to move a ref.
    pub fn is_rejected(&self) -> bool {
        self.refs.iter().any(|one| matches!(one.outcome, RefOutcome::Rejected(_)) || !one.crossed.is_empty())
    }
}

/// Sends commits to a remote, and moves its branches and tags. If one ref may not be moved, the
/// others still are.
///
/// # Errors
/// When a name names nothing, a tree cannot be read, or the remote cannot be used.
pub fn push(pool: &Pool, access: &Access, request: &PushRequest) -> Result<Pushed, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    let remote = &access.remote.name;
    let record = pool.store().read(|rows| existing(&rows, &volume))?;
    let _one = pool.lock_push(record.owner(), remote)?;
    let link = link(pool, record.owner(), remote)?;
    let plan = Plan { pool, record: &record, theirs: &link.volume, remote, force: &request.force };
    let planned = pool.store().read(|rows| plan.refs(&rows, &request.specs, request.tags))?;
    let push = Push { pool, access, record: &record, link };
    let repository = push.open(request.dry_run)?;
    let mut records = match &repository {
        Some(repository) => repository.records()?,
        None => Records::default(),
    };
    let mut pushed = Pushed {
        volume: volume.clone(),
        remote: remote.clone(),
        url: access.remote.url.clone(),
        their_volume: push.link.volume.clone(),
        refs: Vec::new(),
        commits: Vec::new(),
        bytes: 0,
        sent: 0,
        packs: 0,
        followers: Vec::new(),
        dry_run: request.dry_run,
    };
    let mut wanted = Vec::new();
    for one in planned {
        match push.judge(&records, &one)? {
            // A tag that only follows is not asked for.
            Some(_) if one.follows => {}
            Some(outcome) => pushed.refs.push(push.told(&records, &one, outcome)),
            None => wanted.push(one),
        }
    }
    match &repository {
        Some(repository) if !request.dry_run => {
            let ran = push.run(repository, &mut records, wanted, &mut pushed);
            ran.map_err(|error| interrupted(pool, error, &pushed))?;
            // What has moved there is noted here, whatever a person does meanwhile.
            let push = Push { pool: &pool.uninterrupted(), ..push };
            push.finish(repository, &records, request.set_upstream, &mut pushed)?;
        }
        _ => {
            pushed.refs.extend(wanted.iter().map(|one| push.foreseen(&records, one)));
            let missing = pool.store().read(|rows| push.missing(&rows, &records, &wanted))?;
            push.tell_memory(repository.as_ref(), &missing);
            pushed.commits = missing.iter().map(|commit| commit.id.clone()).collect();
        }
    }
    Ok(pushed)
}

/// A push under way.
struct Push<'p> {
    pool: &'p Pool,
    access: &'p Access,
    /// The volume or the worktree that is pushed from.
    record: &'p VolumeRecord,
    link: LinkRecord,
}

impl Push<'_> {
    fn owner(&self) -> &VolumeName {
        self.record.owner()
    }

    /// Opens the repository; makes one where there is none, unless nothing is to be changed.
    fn open(&self, dry_run: bool) -> Result<Option<Repository>, Error> {
        let Access { remote, cloud, secret, .. } = self.access;
        let (url, cloud) = (&remote.url, &cloud.until(self.pool.interrupted()));
        let cache = self.pool.remotes_cache();
        if dry_run {
            return match Repository::open(url, cloud, secret, &cache) {
                Err(RemoteError::NoRepository(_)) => Ok(None),
                other => Ok(Some(other?)),
            };
        }
        let tree = self.pool.layout().full(&layout::working_tree(self.owner(), &self.record.branch));
        let bytes = measure_tree(&tree)?.bytes;
        Ok(Some(Repository::open_or_make(url, cloud, secret, &cache, bytes)?))
    }

    fn is_known(&self, id: &CommitId) -> bool {
        self.pool.store().read(|rows| rows.commit(self.owner(), id)).is_ok_and(|found| found.is_some())
    }

    /// Returns what becomes of a ref that is not moved; `None` if it may be.
    fn judge(&self, records: &Records, one: &Planned) -> Result<Option<RefOutcome>, Error> {
        let heads = records.heads(&one.wish.volume, &one.wish.reference);
        Ok(match judge(&one.wish, &heads, &|id| self.is_known(id)) {
            Ok(_) => None,
            Err(Moved::Rejected(rejection)) => Some(RefOutcome::Rejected(rejection)),
            Err(_) => Some(RefOutcome::UpToDate),
        })
    }

    fn told(&self, records: &Records, one: &Planned, outcome: RefOutcome) -> PushedRef {
        let heads = records.heads(&one.wish.volume, &one.wish.reference);
        PushedRef {
            reference: one.wish.reference.clone(),
            source: one.source.clone(),
            from: heads.into_iter().filter_map(|head| head.to).collect(),
            to: one.wish.to.clone(),
            outcome,
            crossed: Vec::new(),
        }
    }

    /// Tells what would become of a ref that may be moved.
    fn foreseen(&self, records: &Records, one: &Planned) -> PushedRef {
        let told = self.told(records, one, RefOutcome::UpToDate);
        let forward = told.from.iter().all(|from| one.wish.chain.contains(from));
        PushedRef { outcome: outcome(one, &told.from, !forward), ..told }
    }

    /// Lists the commits that the remote lacks, the oldest first.
    fn missing(
        &self,
        rows: &Rows<'_>,
        records: &Records,
        wanted: &[Planned],
    ) -> Result<Vec<CommitRecord>, Error> {
        let (mut missing, mut seen) = (Vec::new(), BTreeSet::new());
        for one in wanted {
            let mut chain = Vec::new();
            for commit in ancestry(rows, self.owner(), one.wish.to.clone(), usize::MAX)? {
                let there = records.commit(&self.link.volume, &commit.id);
                let is_there = there.is_some_and(|there| commit.forgotten || !there.note.without_data);
                if !is_there && seen.insert(commit.id.clone()) {
                    chain.push(commit);
                }
            }
            missing.extend(chain.into_iter().rev());
        }
        Ok(missing)
    }

    /// Tells how much memory it takes to send these commits, if that is much. `None` means a
    /// repository that the push would make.
    fn tell_memory(&self, repository: Option<&Repository>, commits: &[CommitRecord]) {
        let sizes = commits.iter().filter(|commit| !commit.forgotten).filter_map(|commit| commit.size);
        let largest = sizes.max().unwrap_or(0);
        let memory = match repository {
            Some(repository) => repository.much_to_push(largest),
            None => PushMemory::of_new_repository(largest),
        };
        if let Some(memory) = memory {
            self.pool.tell(&Notice::PushMemory { volume: self.owner().clone(), memory });
        }
    }

    /// Notes which commits are on their way.
    fn note(&self, sending: Vec<CommitId>) -> Result<(), Error> {
        let link = LinkRecord { sending, ..self.link.clone() };
        self.pool.store().write(|writer| {
            existing(writer, self.owner())?;
            Ok(writer.set_link(self.owner(), &link)?)
        })
    }

    fn run(
        &self,
        repository: &Repository,
        records: &mut Records,
        wanted: Vec<Planned>,
        pushed: &mut Pushed,
    ) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let _lock = repository.lock(&self.access.holder, false, &self.pool.waiting())?;
        // Before the lock, another process may have deleted what no ref needed.
        repository.refresh(records)?;
        let missing = self.pool.store().read(|rows| self.missing(&rows, records, &wanted))?;
        if !missing.is_empty() {
            if !self.link.sending.is_empty() {
                repository.take_up()?;
            }
            self.note(missing.iter().map(|commit| commit.id.clone()).collect())?;
            self.tell_memory(Some(repository), &missing);
        }
        for commit in &missing {
            pushed.bytes += self.send(repository, records, commit)?;
            pushed.commits.push(commit.id.clone());
        }
        for one in wanted {
            let limit = self.pool.lock_timeout();
            let is_known = |id: &CommitId| self.is_known(id);
            let moved = repository.move_ref(records, &one.wish, &self.access.holder, limit, &is_known)?;
            let told = self.told(records, &one, RefOutcome::UpToDate);
            pushed.refs.push(match moved {
                Moved::UpToDate => told,
                Moved::Rejected(rejection) => PushedRef { outcome: RefOutcome::Rejected(rejection), ..told },
                Moved::Done { from, forced, crossed } => {
                    let outcome = outcome(&one, &from, forced);
                    PushedRef { from, crossed, outcome, ..told }
                }
            });
        }
        Ok(())
    }

    /// Sends one commit. Returns the bytes in its files.
    fn send(
        &self,
        repository: &Repository,
        records: &mut Records,
        commit: &CommitRecord,
    ) -> Result<u64, Error> {
        let record = CommitRecord { volume: self.link.volume.clone(), forgotten: false, ..commit.clone() };
        let manifest = manifest_of(&record);
        let (tree, note, read) = if commit.forgotten {
            let note = CommitNote {
                record,
                entries: 0,
                bytes: 0,
                sums: String::new(),
                without_data: true,
                architecture: None,
            };
            (None, note, 0)
        } else {
            let tree = self.pool.layout().full(&layout::commit_tree(self.owner(), &commit.id));
            let sums = self.pool.sum_of_tree(&tree)?;
            let TreeCount { entries, bytes, read } = count_tree(&tree, self.pool.interrupted())?;
            let made_on = record.made_on.as_ref();
            let architecture =
                made_on.map_or_else(|| self.pool.architecture(), |made_on| &made_on.architecture);
            let architecture = Some(architecture.to_owned());
            let without_data = false;
            (Some(tree), CommitNote { record, entries, bytes, sums, without_data, architecture }, read)
        };
        let progress = Box::new(self.pool.progress());
        let sending = Sending {
            note: &note,
            tree: tree.as_deref(),
            manifest: manifest.as_bytes(),
            cancel: self.pool.interrupted(),
            progress,
        };
        self.pool.watched_transfer(Work::Read, (note.entries, read), || repository.send(records, sending))?;
        Ok(note.bytes)
    }

    /// Notes where the refs of the remote are now, and which branches follow them.
    fn finish(
        &self,
        repository: &Repository,
        records: &Records,
        set_upstream: bool,
        pushed: &mut Pushed,
    ) -> Result<(), Error> {
        let is_noted = pushed.commits.is_empty() && self.link.sending.is_empty();
        if !is_noted {
            self.note(Vec::new())?;
        }
        // The records were read for the push anyway, so a fetch comes with it.
        let is_moved = |one: &PushedRef| !matches!(one.outcome, RefOutcome::Rejected(_));
        if pushed.refs.iter().any(is_moved) {
            record(self.pool, self.access, self.owner(), &self.link.volume, records, true)?;
        }
        for one in pushed.refs.iter().filter(|one| set_upstream && is_moved(one)) {
            let (Some(source), RefName::Head(follows)) = (&one.source, &one.reference) else { continue };
            let Ok(branch) = source.parse::<BranchName>() else { continue };
            let remote = self.access.remote.name.clone();
            let upstream = UpstreamRecord { branch: branch.clone(), remote, follows: follows.clone() };
            self.pool.store().write(|writer| {
                if writer.branch(self.owner(), &branch)?.is_some() {
                    writer.set_upstream(self.owner(), &upstream)?;
                    pushed.followers.push(branch.clone());
                }
                Ok::<_, Error>(())
            })?;
        }
        let traffic = repository.traffic();
        (pushed.sent, pushed.packs) = (traffic.sent, traffic.packs);
        Ok(())
    }
}

/// Names what a push had moved when a person interrupted it, if that is why it failed.
fn interrupted(pool: &Pool, error: Error, pushed: &Pushed) -> Error {
    let is_known = !matches!(error, Error::Remote(RemoteError::Uncertain { .. }));
    if !is_known || !pool.interrupted().load(Ordering::Relaxed) {
        return error;
    }
    let is_moved = |one: &&PushedRef| !matches!(one.outcome, RefOutcome::Rejected(_) | RefOutcome::UpToDate);
    let moved = pushed.refs.iter().filter(is_moved).map(|one| one.reference.clone()).collect();
    RemoteError::PushInterrupted(moved).into()
}

/// Returns what becomes of a ref that is moved away from `from`.
fn outcome(one: &Planned, from: &[CommitId], forced: bool) -> RefOutcome {
    match (&one.wish.to, forced) {
        (None, _) => RefOutcome::Deleted,
        _ if from.is_empty() => RefOutcome::Created,
        (_, true) => RefOutcome::Forced,
        _ => RefOutcome::Forward,
    }
}
