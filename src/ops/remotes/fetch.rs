//! `fetch`: read what a remote has of a volume. Only records come in; the data of a commit comes
//! when it is named, or wanted by a pull.

use std::collections::BTreeSet;

use serde::Serialize;

use super::data::{DataReceived, bring_in};
use super::remote::Access;
use crate::error::Error;
use crate::model::{
    CommitId, CommitRecord, Instant, LinkRecord, RefName, RemoteName, RemoteUrl, Revision, Row, RowChange,
    TrackingRecord, Verb, VolumeName,
};
use crate::ops::reachable::drop_unreachable;
use crate::pool::{Pool, existing};
use crate::remotes::{Records, Repository};
use crate::store::{Rows, Writer};

/// A request to read a remote.
#[derive(Debug, Clone, Default)]
pub struct FetchRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// Whether to forget branches and tags that the remote has no more.
    pub prune: bool,
    /// The commits whose data is to come in.
    pub revisions: Vec<Revision>,
}

/// What became of one branch or tag of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FetchedRef {
    /// The branch or the tag.
    #[serde(rename = "ref")]
    pub reference: RefName,
    /// The commit that it led to before.
    pub from: Option<CommitId>,
    /// The commit that it leads to; `None` if it is gone.
    pub to: Option<CommitId>,
    /// Whether the commit before was given up.
    pub forced: bool,
    /// Further commits, where pushes crossed.
    pub others: Vec<CommitId>,
}

/// What was read of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// The volume.
    pub volume: VolumeName,
    /// The remote.
    pub remote: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
    /// The volume's name there.
    pub their_volume: VolumeName,
    /// The branches and tags that changed.
    pub refs: Vec<FetchedRef>,
    /// How many records of commits came in.
    pub commits: usize,
    /// The data that came in.
    pub data: Vec<DataReceived>,
    /// Bytes that came over the wire.
    pub received: u64,
}

/// Reads what a remote has of a volume.
///
/// # Errors
/// When the remote cannot be read or does not have the volume, or a revision names no commit.
pub fn fetch(pool: &Pool, access: &Access, request: &FetchRequest) -> Result<Fetched, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    let repository = access.open(pool)?;
    let records = repository.records()?;
    let volume = pool.store().read(|rows| existing(&rows, &volume))?;
    let link = link(pool, volume.owner(), &access.remote.name)?;
    let mut fetched = record(pool, access, volume.owner(), &link.volume, &records, request.prune)?;
    if !request.revisions.is_empty() {
        let _lock = repository.lock_to_read(&access.holder, &pool.waiting())?;
        for revision in &request.revisions {
            let record = pool.store().read(|rows| pool.resolve_record(&rows, &volume, revision))?;
            let stored = records.commit(&link.volume, &record.id).filter(|stored| !stored.note.without_data);
            let stored = stored.ok_or_else(|| no_ref(access, &link.volume, revision.to_string()))?;
            fetched.data.extend(bring_in(pool, &repository, &volume, stored)?);
        }
    }
    fetched.received = repository.traffic().received;
    Ok(fetched)
}

pub(super) fn no_ref(access: &Access, volume: &VolumeName, reference: String) -> Error {
    Error::NoRemoteRef { url: Box::new(access.remote.url.clone()), volume: volume.clone(), reference }
}

/// Returns what a volume is called in a remote: its own name unless something else is known.
pub(super) fn link(pool: &Pool, volume: &VolumeName, remote: &RemoteName) -> Result<LinkRecord, Error> {
    let known = pool.store().read(|rows| rows.link(volume, remote))?;
    let own = || LinkRecord { remote: remote.clone(), volume: volume.clone(), sending: Vec::new() };
    Ok(known.unwrap_or_else(own))
}

/// Takes over the records of a volume in one transaction, under the volume's lock; takes none if
/// nothing changed. `volume` owns its branches.
pub(super) fn record(
    pool: &Pool,
    access: &Access,
    volume: &VolumeName,
    theirs: &VolumeName,
    records: &Records,
    prune: bool,
) -> Result<Fetched, Error> {
    let heads = records.leads(theirs);
    let mut taken = Taken::default();
    let remote = &access.remote.name;
    let changes = |rows: &Rows<'_>| -> Result<_, Error> {
        let tracked = rows.tracking(volume, Some(remote))?;
        let is_same = tracked.len() == heads.len()
            && tracked.iter().all(|one| {
                heads
                    .get(&one.reference)
                    .is_some_and(|(to, others)| (to, others) == (&one.commit, &one.others))
            });
        Ok(!is_same)
    };
    if pool.store().read(|rows| changes(&rows))? {
        // An operation on any worktree may be about to drop what comes in.
        let _session = pool.begin(Verb::Fetch, volume)?;
        pool.store().write(|writer| {
            existing(writer, volume)?;
            taken = take(writer, remote, (volume, theirs), records, pool.now())?;
            for gone in writer.tracking(volume, Some(remote))? {
                if prune && !heads.contains_key(&gone.reference) {
                    writer.unset_tracked(volume, remote, &gone.reference)?;
                    taken.refs.push(FetchedRef {
                        reference: gone.reference,
                        from: Some(gone.commit),
                        to: None,
                        forced: false,
                        others: Vec::new(),
                    });
                }
            }
            Ok::<_, Error>(())
        })?;
    }
    let Taken { refs, commits } = taken;
    if refs.iter().any(|one| one.to.is_none() || one.forced) {
        drop_unreachable(pool, volume, &format!("fetch: what {remote} gave up"))?;
    }
    Ok(Fetched {
        volume: volume.clone(),
        remote: remote.clone(),
        url: access.remote.url.clone(),
        their_volume: theirs.clone(),
        refs,
        commits,
        data: Vec::new(),
        received: 0,
    })
}

/// What came in of the records of a volume.
#[derive(Default)]
pub(super) struct Taken {
    refs: Vec<FetchedRef>,
    commits: usize,
}

/// Takes over the records of a volume, which is called `theirs` there, and where its refs are.
pub(super) fn take(
    writer: &Writer<'_>,
    remote: &RemoteName,
    (volume, theirs): (&VolumeName, &VolumeName),
    records: &Records,
    fetched: Instant,
) -> Result<Taken, Error> {
    let mut taken = Taken::default();
    for (reference, (to, others)) in records.leads(theirs) {
        for start in others.iter().chain([&to]) {
            taken.commits += take_over(writer, volume, theirs, records, start)?;
        }
        let before = writer.tracked(volume, remote, &reference)?;
        if before.as_ref().is_some_and(|before| (&before.commit, &before.others) == (&to, &others)) {
            continue;
        }
        let chain: BTreeSet<&CommitId> =
            records.ancestry(theirs, &to).into_iter().map(|stored| &stored.note.record.id).collect();
        let from = before.map(|before| before.commit);
        let (remote, commit) = (remote.clone(), to.clone());
        let tracked =
            TrackingRecord { remote, reference: reference.clone(), commit, others: others.clone(), fetched };
        writer.set_tracked(volume, &tracked)?;
        let forced = from.as_ref().is_some_and(|from| !chain.contains(from));
        taken.refs.push(FetchedRef { reference, forced, from, to: Some(to), others });
    }
    Ok(taken)
}

/// Takes over the records from `start` on that are not here. Returns how many.
fn take_over(
    writer: &Writer<'_>,
    volume: &VolumeName,
    theirs: &VolumeName,
    records: &Records,
    start: &CommitId,
) -> Result<usize, Error> {
    let mut taken = 0;
    for stored in records.ancestry(theirs, start) {
        let record = &stored.note.record;
        if writer.commit(volume, &record.id)?.is_some() {
            break;
        }
        // A history that is cut off there begins here.
        let parent = match &record.parent {
            Some(parent) if records.commit(theirs, parent).is_none() => {
                writer.commit(volume, parent)?.map(|parent| parent.id)
            }
            parent => parent.clone(),
        };
        let own = CommitRecord { volume: volume.clone(), forgotten: true, parent, ..record.clone() };
        writer.apply(&RowChange::insert(Row::Commit(own)))?;
        taken += 1;
    }
    Ok(taken)
}

/// Opens a repository and reads its records for a verb that also reads trees.
pub(super) fn read(pool: &Pool, access: &Access) -> Result<(Repository, Records), Error> {
    let repository = access.open(pool)?;
    let records = repository.records()?;
    Ok((repository, records))
}
