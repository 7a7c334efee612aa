//! Where the data of a branch of code begins that dvol has not met yet.
//!
//! A branch that goes on from the one that was left takes its data along: `git checkout -b`. A
//! branch that is older, or went another way, does not: the data that was left may be migrated for
//! code that the branch does not have. It begins at the newest commit that was made at code of its
//! own, and if there is none, at the oldest.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;

use crate::cli::code;
use crate::cli::git::{Apart, Git, Repository};
use crate::error::Error;
use crate::model::{BranchName, CommitRecord, VolumeName};
use crate::pool::{Pool, ancestry, current_branch, existing};

/// How much of a log of git's is read for its first line.
const FIRST_LINE: u64 = 4096;

/// What git tells its hook.
pub(super) struct Move<'a> {
    /// HEAD before.
    pub(super) from: &'a str,
    /// HEAD now.
    pub(super) to: &'a str,
    /// The branch of code that is checked out.
    pub(super) branch: &'a BranchName,
}

/// Returns the commit to begin at, if it is not the volume's HEAD.
///
/// # Errors
/// When the metadata cannot be read.
pub(super) fn find(
    pool: &Pool,
    (git, repository): (&Git, &Repository),
    volume: &VolumeName,
    moved: &Move<'_>,
) -> Result<Option<CommitRecord>, Error> {
    if !is_hash(moved.from) || !is_hash(moved.to) {
        return Ok(None);
    }
    let left = git.look_up(&["rev-parse", "--abbrev-ref", "-q", "@{-1}"]);
    let left = left.and_then(|name| name.parse::<BranchName>().ok()).filter(|name| name != moved.branch);
    // Whether the branch that was left began after this one, and so may have data that is only its.
    let is_younger = left.as_ref().is_some_and(|left| {
        let began = |name| began(repository, name);
        began(left).zip(began(moved.branch)).is_some_and(|(left, other)| left > other)
    });
    let goes_on = if moved.from == moved.to { !is_younger } else { is_ancestor(git, repository, moved) };
    if goes_on {
        return Ok(None);
    }
    let mut chain = pool.store().read(|rows| {
        let branch = current_branch(&rows, &existing(&rows, volume)?)?;
        Ok::<_, Error>(ancestry(&rows, &branch.volume, branch.head, usize::MAX)?)
    })?;
    chain.retain(|commit| !commit.forgotten);
    let own: BTreeSet<String> = code::history(git, moved.to).unwrap_or_default().into_iter().collect();
    let fits = |commit: &&CommitRecord| {
        commit.code.as_ref().is_some_and(|code| {
            let is_left = is_younger && code.branch.as_deref() == left.as_ref().map(BranchName::as_str);
            own.contains(&code.commit) && !is_left
        })
    };
    let found = chain.iter().find(fits).or(chain.last());
    Ok(found.cloned())
}

/// Returns whether the code that was left is part of what is checked out now.
fn is_ancestor(git: &Git, repository: &Repository, moved: &Move<'_>) -> bool {
    let asked = Apart::new(git, repository, moved.to).ok();
    asked.and_then(|apart| apart.ask(None, &["merge-base", "--is-ancestor", moved.from, moved.to])).is_some()
}

/// Returns whether this is the name of a commit: git passes zeros where there was none.
fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0')
}

/// Returns when a branch of code began, in seconds since 1970, as its log in the repository says.
fn began(repository: &Repository, branch: &BranchName) -> Option<u64> {
    let path = repository.common().join("logs/refs/heads").join(branch.as_str());
    // A pipe in its place would be waited for.
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(FIRST_LINE).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    // OLD NEW NAME <EMAIL> SECONDS ZONE<tab>MESSAGE
    let who = text.lines().next()?.split('\t').next()?;
    who.rsplit(' ').nth(1)?.parse().ok()
}
