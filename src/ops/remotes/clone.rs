//! `clone URL/VOLUME`: make a volume of one in a repository: all its records, and the data of one
//! commit.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::data::receive;
use super::fetch::{no_ref, read, take};
use super::remote::Access;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, CommitId, CommitRecord, LinkRecord, RefName, RemoteName, RemoteRecord, RemoteUrl, Row,
    RowChange, TagName, TagRecord, UpstreamRecord, Verb, VolumeName,
};
use crate::ops::init::{First, NewVolume, furnish, insert_volume};
use crate::pool::Pool;
use crate::remotes::{Records, Stored};
use crate::store::Writer;
use crate::sys::disk;

/// A request to clone a volume of a repository.
#[derive(Debug, Clone)]
pub struct CloneRequest {
    /// The volume's name in the repository.
    pub theirs: VolumeName,
    /// The branch, the tag or the commit; `None` for `master`, or the only branch.
    pub revision: Option<String>,
    /// The name of the new volume.
    pub volume: VolumeName,
    /// How many commits come with their data, the newest first; those that the remote has without
    /// data are not counted.
    pub depth: usize,
    /// Whether to take a commit of a machine of another architecture.
    pub force: bool,
}

/// A volume that was cloned from a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClonedFrom {
    /// The new volume.
    pub volume: VolumeName,
    /// Its branch.
    pub branch: BranchName,
    /// The head of the branch.
    pub id: CommitId,
    /// The remote.
    pub remote: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
    /// The volume's name there.
    pub their_volume: VolumeName,
    /// How many records of commits came in.
    pub commits: usize,
    /// Entries in the tree, the root included.
    pub entries: u64,
    /// Bytes in its files, without holes.
    pub bytes: u64,
    /// Bytes that came over the wire.
    pub received: u64,
}

/// What a revision of a repository means.
struct Start<'r> {
    stored: &'r Stored,
    /// The branch that the clone gets.
    branch: BranchName,
    /// The tag that it gets.
    tag: Option<TagName>,
}

/// Makes a volume of one in a repository: the records of all its commits, and the data of one.
///
/// # Errors
/// When the name is taken, the repository does not have the volume or the revision, or cannot be
/// read. Nothing is left then.
pub fn clone_from(pool: &Pool, access: &Access, request: &CloneRequest) -> Result<ClonedFrom, Error> {
    clone_with(pool, access, request, BTreeMap::new(), None)
}

/// Makes a volume as [`clone_from`] does, with the options of the driver and a limit of its size.
pub(in crate::ops) fn clone_with(
    pool: &Pool,
    access: &Access,
    request: &CloneRequest,
    options: BTreeMap<String, String>,
    max_size: Option<&str>,
) -> Result<ClonedFrom, Error> {
    let CloneRequest { theirs, volume, .. } = request;
    let taken = || -> Result<(), Error> {
        match pool.store().read(|rows| rows.volume(volume))? {
            Some(_) => Err(Error::VolumeExists(volume.clone())),
            None => Ok(()),
        }
    };
    taken()?;
    pool.refuse_elsewhere(volume)?;
    pool.prepare_directories()?;
    let (repository, records) = read(pool, access)?;
    let start = find(access, &records, theirs, request.revision.as_deref())?;
    pool.refuse_other_architecture(&start.stored.note.record, request.force)?;
    let id = start.stored.note.record.id.clone();
    let branch = start.branch.clone();
    let settings = First { max_size: max_size.map(str::to_owned), ..First::default() }.settings(volume);
    let _lock = repository.lock_to_read(&access.holder, &pool.waiting())?;
    let session = pool.begin(Verb::Clone, volume)?;
    let chain = records.ancestry(theirs, &id);
    let with_data = chain.iter().copied().filter(|stored| !stored.note.without_data);
    let wanted: Vec<&Stored> = with_data.take(request.depth).collect();
    let history = history(&records, theirs, &chain, &wanted, volume);
    let tag = tag(&records, theirs, &start, volume);
    let summary = format!("clone: {}/{theirs} to {volume}", access.remote.url);
    let (group, staged) = session.intend(summary, |rows, draft| {
        if rows.volume(volume)?.is_some() {
            return Err(Error::VolumeExists(volume.clone()));
        }
        insert_volume(draft, volume, &branch, Some(id.clone()), (pool.now(), options));
        settings.into_iter().for_each(|change| draft.change(change));
        history.into_iter().for_each(|commit| draft.change(RowChange::insert(Row::Commit(commit))));
        tag.into_iter().for_each(|tag| draft.change(RowChange::insert(Row::Tag(tag))));
        draft.move_head(Some(id.clone()));
        draft.bring_in(layout::volume(volume))
    })?;
    let working_tree = furnish(&staged, &branch)?;
    let kept = staged.join(layout::COMMITS).join(id.as_str());
    disk::make_directory(&kept, layout::PRIVATE_MODE)?;
    let received = receive(pool, &repository, start.stored, &kept, &[])?;
    pool.check_size(volume, max_size, &kept)?;
    let mut similar = [kept.clone()];
    for older in wanted.iter().skip(1) {
        let tree = staged.join(layout::COMMITS).join(older.note.record.id.as_str());
        disk::make_directory(&tree, layout::PRIVATE_MODE)?;
        receive(pool, &repository, older, &tree, &similar)?;
        pool.check_size(volume, max_size, &tree)?;
        similar = [tree];
    }
    let bounds = pool.copy_known(&kept, &working_tree)?;
    let new = NewVolume { volume: volume.clone(), branch: branch.clone(), id: id.clone() };
    let mut commits = 0;
    let follow = |writer: &Writer<'_>| {
        follow(writer, access, request, &records, &branch)?;
        take(writer, &access.remote.name, (volume, theirs), &records, pool.now())?;
        commits = writer.commit_ids(volume)?.len();
        Ok(())
    };
    group.with(new).publish_with(|new| Some(new.look(bounds)), follow)?.finish();
    pool.tell_if_made_elsewhere(volume, &start.stored.note.record);
    Ok(ClonedFrom {
        volume: volume.clone(),
        branch,
        id,
        remote: access.remote.name.clone(),
        url: access.remote.url.clone(),
        their_volume: theirs.clone(),
        commits,
        entries: received.entries,
        bytes: received.bytes,
        received: repository.traffic().received,
    })
}

/// Finds what a revision means in the repository.
fn find<'r>(
    access: &Access,
    records: &'r Records,
    theirs: &VolumeName,
    revision: Option<&str>,
) -> Result<Start<'r>, Error> {
    let leads = records.leads(theirs);
    if leads.is_empty() {
        return Err(Error::NoRemoteVolume {
            url: Box::new(access.remote.url.clone()),
            volume: theirs.clone(),
        });
    }
    let missing = || no_ref(access, theirs, revision.unwrap_or("heads/master").to_owned());
    let head = |name: &BranchName| leads.get(&RefName::Head(name.clone())).map(|(id, _)| id);
    let (id, branch, tag) = match revision {
        None => {
            let master = BranchName::master();
            let mut heads = leads.keys().filter_map(|reference| match reference {
                RefName::Head(branch) => Some(branch),
                RefName::Tag(_) => None,
            });
            let only = heads.next().filter(|_| heads.next().is_none());
            let branch = if head(&master).is_some() { Some(&master) } else { only };
            let branch = branch.ok_or_else(missing)?.clone();
            (head(&branch).ok_or_else(missing)?, branch, None)
        }
        Some(name) => {
            let as_branch = name.parse::<BranchName>().ok().filter(|branch| head(branch).is_some());
            let as_tag = name.parse::<TagName>().ok();
            let as_tag = as_tag.filter(|tag| leads.contains_key(&RefName::Tag(tag.clone())));
            match (as_branch, as_tag) {
                (Some(branch), _) => (head(&branch).ok_or_else(missing)?, branch, None),
                (None, Some(tag)) => (&leads[&RefName::Tag(tag.clone())].0, BranchName::master(), Some(tag)),
                (None, None) => {
                    let mut like = records
                        .commits(theirs)
                        .filter(|stored| name.len() >= 4 && stored.note.record.id.as_str().starts_with(name));
                    let found = like.next().filter(|_| like.next().is_none()).ok_or_else(missing)?;
                    (&found.note.record.id, BranchName::master(), None)
                }
            }
        }
    };
    let stored = records.commit(theirs, id).filter(|stored| !stored.note.without_data);
    Ok(Start { stored: stored.ok_or_else(missing)?, branch, tag })
}

/// Makes the records of the commits of a chain: those that are wanted have their data here.
fn history(
    records: &Records,
    theirs: &VolumeName,
    chain: &[&Stored],
    wanted: &[&Stored],
    volume: &VolumeName,
) -> Vec<CommitRecord> {
    let wanted: BTreeSet<&CommitId> = wanted.iter().map(|stored| &stored.note.record.id).collect();
    let made = chain.iter().map(|stored| {
        let record = &stored.note.record;
        let parent = record.parent.clone().filter(|parent| records.commit(theirs, parent).is_some());
        CommitRecord {
            volume: volume.clone(),
            parent,
            forgotten: !wanted.contains(&record.id),
            ..record.clone()
        }
    });
    made.collect()
}

fn tag(records: &Records, theirs: &VolumeName, start: &Start<'_>, volume: &VolumeName) -> Option<TagRecord> {
    let name = start.tag.clone()?;
    let head = records.heads(theirs, &RefName::Tag(name.clone())).into_iter().next()?;
    let (date, record) = (head.date, &start.stored.note.record);
    let (message, tagger, created) = match head.tag {
        Some(tag) => (tag.message, tag.tagger, tag.created),
        None => (String::new(), record.author.clone(), date),
    };
    Some(TagRecord {
        volume: volume.clone(),
        name,
        commit: record.id.clone(),
        created,
        tagger,
        message,
        protected: false,
    })
}

/// Notes the volume's name in the remote, and which branch the new one follows.
fn follow(
    writer: &Writer<'_>,
    access: &Access,
    request: &CloneRequest,
    records: &Records,
    branch: &BranchName,
) -> Result<(), Error> {
    let (volume, remote) = (&request.volume, &access.remote.name);
    // The remote of this address gets the name origin: in the pool if that is free, else for this
    // volume alone.
    let known = writer.remote(None, remote)?;
    if known.as_ref().is_none_or(|known| known.url != access.remote.url) {
        let volume = known.map(|_| volume.clone());
        writer.set_remote(&RemoteRecord { volume, ..access.remote.clone() })?;
    }
    let link = LinkRecord { remote: remote.clone(), volume: request.theirs.clone(), sending: Vec::new() };
    writer.set_link(volume, &link)?;
    if records.leads(&request.theirs).contains_key(&RefName::Head(branch.clone())) {
        let (branch, follows) = (branch.clone(), branch.clone());
        writer.set_upstream(volume, &UpstreamRecord { branch, remote: remote.clone(), follows })?;
    }
    Ok(())
}
