//! `tag`: name commits, which keeps them reachable.

use serde::Serialize;

use super::commit::configured_author;
use super::log::rfc3339;
use super::protect::refuse_tag;
use super::reachable::{Excluding, drop_commits, unreachable_from};
use super::stash::STASHES;
use crate::error::Error;
use crate::model::{
    CommitId, Instant, Reach, Revision, Row, RowChange, Signature, TagName, TagRecord, Verb, VolumeName,
    matches,
};
use crate::pool::{Pool, bring_back, existing, refuse_other};
use crate::store::Rows;

/// A request to tag a commit.
#[derive(Debug, Clone)]
pub struct TagRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The tag.
    pub name: TagName,
    /// The commit.
    pub revision: Revision,
    /// The tag's message; may be empty.
    pub message: String,
    /// The tagger if the settings name none.
    pub fallback: Signature,
    /// Whether an existing tag may be moved.
    pub force: bool,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagEntry {
    /// The volume.
    pub volume: VolumeName,
    /// Its name.
    pub tag: TagName,
    /// The commit that it names.
    pub commit: CommitId,
    /// The first line of that commit's message.
    pub subject: String,
    /// When the tag was made; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub created: Instant,
    /// The tagger.
    pub tagger: Signature,
    /// The tag's message; may be empty.
    pub message: String,
    /// Whether it is protected, by itself or with its volume.
    pub protected: bool,
}

/// A tag that was made or moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tagged {
    /// The volume.
    pub volume: VolumeName,
    /// Its name.
    pub tag: TagName,
    /// The commit that it names.
    pub commit: CommitId,
    /// The commit that it named before, if it was moved.
    pub was: Option<CommitId>,
    /// The commits that became unreachable, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
}

/// A tag that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletedTag {
    /// The volume.
    pub volume: VolumeName,
    /// Its name.
    pub tag: TagName,
    /// The commit that it named.
    pub commit: CommitId,
    /// The commits that became unreachable, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
}

/// Lists the tags of a volume, sorted by name; with `pattern` (`*` and `?`), those that match.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn tags(pool: &Pool, volume: Option<&VolumeName>, pattern: Option<&str>) -> Result<Vec<TagEntry>, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| {
        let own = existing(&rows, &volume)?;
        let of = existing(&rows, own.owner())?;
        let owner = of.name.clone();
        let mut found = Vec::new();
        for record in rows.tags(&owner)? {
            // Stashes have a list of their own.
            if record.name.as_str().starts_with(STASHES)
                || pattern.is_some_and(|pattern| !matches(pattern, record.name.as_str()))
            {
                continue;
            }
            let commit = rows.commit(&owner, &record.commit)?;
            let subject = commit.map(|commit| commit.subject().to_owned());
            found.push(TagEntry {
                volume: record.volume,
                tag: record.name,
                commit: record.commit,
                subject: subject.unwrap_or_default(),
                created: record.created,
                tagger: record.tagger,
                message: record.message,
                protected: of.protected || record.protected,
            });
        }
        Ok(found)
    })
}

/// Gives a commit a name that keeps it reachable.
///
/// # Errors
/// When the revision names no commit of this volume, or the name is taken by a branch or, without
/// `force`, by a tag.
pub fn tag(pool: &Pool, request: &TagRequest) -> Result<Tagged, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    pool.on_branch(|reach| tag_now(pool, reach, &volume, request))
}

fn tag_now(pool: &Pool, reach: Reach, volume: &VolumeName, request: &TagRequest) -> Result<Tagged, Error> {
    let name = &request.name;
    let session = pool.begin_with(reach, Verb::Tag, volume)?;
    let (group, (tagged, fills)) = session.intend(format!("tag: {name}"), |rows, draft| {
        let record = existing(rows, volume)?;
        refuse_other(rows, &request.revision, volume)?;
        refuse_taken(rows, volume, name)?;
        let owner = record.owner();
        let before = rows.tag(owner, name)?;
        if before.is_some() && !request.force {
            return Err(Error::TagExists { volume: volume.clone(), tag: name.clone() });
        }
        let found = pool.resolve(rows, &record, &request.revision)?;
        let fills = bring_back(rows, draft, &found)?;
        let commit = found.commit.id;
        let after = TagRecord {
            volume: owner.clone(),
            name: name.clone(),
            commit: commit.clone(),
            created: pool.now(),
            tagger: configured_author(rows, volume, &request.fallback)?,
            message: request.message.trim_end().to_owned(),
            protected: before.as_ref().is_some_and(|before| before.protected),
        };
        let was = before.as_ref().map(|before| before.commit.clone());
        let excluding = Excluding { branch: None, tag: Some(name) };
        let dropped = unreachable_from(rows, owner, was.clone(), excluding, Some(&commit))?;
        drop_commits(draft, &dropped)?;
        let dropped = dropped.into_iter().map(|commit| commit.id).collect();
        draft.change(RowChange { before: before.map(Row::Tag), after: Some(Row::Tag(after)) });
        Ok((Tagged { volume: volume.clone(), tag: name.clone(), commit, was, dropped }, fills))
    })?;
    pool.fill(&fills)?;
    group.publish()?.finish();
    Ok(tagged)
}

/// Deletes a tag, with `force` also a protected one. Commits that become unreachable move to trash.
///
/// # Errors
/// When the tag does not exist, or the metadata cannot be written.
pub fn delete_tag(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &TagName,
    force: bool,
) -> Result<DeletedTag, Error> {
    let volume = pool.select(volume)?;
    let missing = || Error::NoTag { volume: volume.clone(), tag: name.to_string() };
    let session = pool.begin(Verb::Tag, &volume)?;
    let (group, deleted) = session.intend(format!("tag: deleting {name}"), |rows, draft| {
        let owner = existing(rows, &volume)?.owner().clone();
        let record = rows.tag(&owner, name)?.ok_or_else(missing)?;
        if !force {
            refuse_tag(rows, &record, &format!("delete tag {name} of volume {volume}"))?;
        }
        let commit = record.commit.clone();
        let excluding = Excluding { branch: None, tag: Some(name) };
        let dropped = unreachable_from(rows, &owner, Some(commit.clone()), excluding, None)?;
        drop_commits(draft, &dropped)?;
        let dropped = dropped.into_iter().map(|commit| commit.id).collect();
        draft.change(RowChange::delete(Row::Tag(record)));
        Ok(DeletedTag { volume: volume.clone(), tag: name.clone(), commit, dropped })
    })?;
    group.publish()?.finish();
    Ok(deleted)
}

/// Refuses the name of a tag that a branch has.
pub(super) fn refuse_taken(rows: &Rows<'_>, volume: &VolumeName, name: &TagName) -> Result<(), Error> {
    if rows.branches(&rows.owner(volume)?)?.iter().any(|branch| branch.name.as_str() == name.as_str()) {
        return Err(Error::NameTaken { volume: volume.clone(), name: name.to_string(), kind: "branch" });
    }
    Ok(())
}
