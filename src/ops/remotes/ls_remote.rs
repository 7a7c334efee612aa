//! `ls-remote`: list what a repository has, without a tree.

use serde::Serialize;

use super::fetch::read;
use super::remote::Access;
use crate::error::Error;
use crate::model::{CommitId, Instant, RefName, RemoteUrl, VolumeName};
use crate::ops::log::rfc3339;
use crate::pool::Pool;

/// A branch or a tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteRef {
    /// The volume.
    pub volume: VolumeName,
    /// The branch or the tag.
    #[serde(rename = "ref")]
    pub reference: RefName,
    /// The commit.
    pub commit: CommitId,
    /// Bytes in the commit's files.
    pub bytes: u64,
    /// When the commit was made; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// The first line of the tag's message, else of the commit's.
    pub description: String,
    /// Whether the ref leads to several commits, as pushes crossed; each has an entry.
    pub crossed: bool,
}

/// The branches and tags of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRefs {
    /// The address.
    pub url: RemoteUrl,
    /// The branches and tags.
    pub refs: Vec<RemoteRef>,
}

/// Lists the branches and tags of all volumes of a repository, or of one.
///
/// # Errors
/// When the repository cannot be read.
pub fn ls_remote(
    pool: &Pool,
    access: &Access,
    volume: Option<&VolumeName>,
    wanted: &dyn Fn(&RefName) -> bool,
) -> Result<RemoteRefs, Error> {
    let (_, records) = read(pool, access)?;
    let mut refs = Vec::new();
    for (name, of_volume) in records.all_refs() {
        if volume.is_some_and(|volume| *volume != name) {
            continue;
        }
        for (reference, heads) in of_volume.into_iter().filter(|(reference, _)| wanted(reference)) {
            let crossed = heads.len() > 1;
            for head in heads {
                let Some(commit) = head.to else { continue };
                let Some(stored) = records.commit(&name, &commit) else { continue };
                let note = head.tag.map(|tag| tag.message).filter(|message| !message.is_empty());
                let text = note.unwrap_or_else(|| stored.note.record.message.clone());
                refs.push(RemoteRef {
                    volume: name.clone(),
                    reference: reference.clone(),
                    commit,
                    bytes: stored.note.bytes,
                    date: stored.note.record.date,
                    description: text.lines().next().unwrap_or_default().to_owned(),
                    crossed,
                });
            }
        }
    }
    Ok(RemoteRefs { url: access.remote.url.clone(), refs })
}
