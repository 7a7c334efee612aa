//! `log`: the commits of a branch, newest first.

use serde::{Serialize, Serializer};

use crate::model::{BranchName, CodeState, CommitId, Instant, Revision, Signature, VolumeName};
use crate::pool::{Error, Pool, ancestry, existing, resolve};

/// One commit as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Its id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: Option<CommitId>,
    /// What the author said.
    pub message: String,
    /// Who made it.
    pub author: Signature,
    /// When it was made; in JSON as RFC 3339 has it.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// The code that it was made beside, where that was known.
    pub code: Option<CodeState>,
    /// The branches whose head it is.
    pub branches: Vec<BranchName>,
    /// Whether it is the head of the current branch.
    pub head: bool,
}

pub(super) fn rfc3339<S: Serializer>(date: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date.to_rfc3339())
}

/// The commits from `revision` (HEAD where none is given) to the root, `most` of them. A branch
/// without a commit has an empty log.
///
/// # Errors
/// When there is no such volume or revision, or the metadata cannot be read.
pub fn log(
    pool: &Pool,
    volume: Option<&VolumeName>,
    revision: Option<&Revision>,
    most: usize,
) -> Result<Vec<LogEntry>, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| {
        let record = existing(&rows, &volume)?;
        let branches = rows.branches(&volume)?;
        let current = branches.iter().find(|branch| branch.name == record.branch);
        let head = current.and_then(|branch| branch.head.clone());
        let start = match revision {
            Some(revision) => Some(resolve(&rows, &record, revision)?.id),
            None => head.clone(),
        };
        let owner = revision.and_then(|revision| revision.volume.as_ref()).unwrap_or(&volume);
        let commits = ancestry(&rows, owner, start, most)?;
        Ok(commits
            .into_iter()
            .map(|commit| LogEntry {
                branches: branches
                    .iter()
                    .filter(|branch| branch.head.as_ref() == Some(&commit.id))
                    .map(|branch| branch.name.clone())
                    .collect(),
                head: head.as_ref() == Some(&commit.id),
                volume: commit.volume,
                id: commit.id,
                parent: commit.parent,
                message: commit.message,
                author: commit.author,
                date: commit.date,
                code: commit.code,
            })
            .collect())
    })
}
