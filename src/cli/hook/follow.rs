//! What the hook runs: switches the volume to the branch of the code.

use std::ffi::OsStr;

use super::Bound;
use super::start::{self, Move};
use crate::cli::git::Git;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::error::Error;
use crate::model::{BranchName, Revision, Verb, plain};
use crate::ops::{self, CheckoutRequest, Target};

/// Switches the volume to the branch of the code. git runs the hook for every work tree of a
/// repository; the volume follows one of them. `words` are git's: the HEAD before, the HEAD now,
/// whether a branch was checked out.
pub(in crate::cli) fn follow(
    session: &Session,
    followed: Option<&OsStr>,
    bound: Option<&Bound>,
    words: &[String],
) -> Result<(), Failure> {
    let pool = &session.pool;
    let git = Git::here(pool);
    let Some(repository) = git.repository().filter(|repository| repository.linked_name() == followed) else {
        return Ok(());
    };
    // git passes 0 as the third argument when it checked out single files.
    if words.get(2).is_some_and(|flag| flag == "0") {
        return Ok(());
    }
    let volume = pool.select(session.volume(None)?.as_ref())?;
    if ops::setting(pool, Some(&volume), "hook.enabled")?.value == "off" {
        return Ok(());
    }
    // A detached HEAD has no branch to follow: rebase and bisect work on one.
    let Some(code) = git.look_up(&["symbolic-ref", "--short", "-q", "HEAD"]) else { return Ok(()) };
    let code = code.trim();
    let name = bound.filter(|bound| bound.code == code).map_or(code, |bound| bound.data.as_str());
    let Ok(branch) = name.parse::<BranchName>() else {
        say("note", &format!("dvol: volume {volume} does not change: '{name}' is not a valid branch name"));
        return Ok(());
    };
    let mut request = CheckoutRequest {
        volume: Some(volume.clone()),
        branch: Target::Branch(branch.clone()),
        create: None,
        replace: false,
        force: true,
    };
    let mut start = None;
    if pool.store().read(|rows| rows.branch(&rows.owner(&volume)?, &branch))?.is_none() {
        if let ([from, to, ..], Ok(code)) = (words, code.parse::<BranchName>()) {
            start = start::find(pool, (&git, &repository), &volume, &Move { from, to, branch: &code })?;
        }
        request.create = Some(match &start {
            Some(commit) => commit.id.as_str().parse()?,
            None => Revision::head(),
        });
    }
    catch_interrupts(pool)?;
    match ops::checkout(pool, &request) {
        Ok(done) if done.from == done.branch && !done.created => Ok(()),
        Ok(done) => {
            session.note_containers(&done.disruption);
            let made = if done.created { "the new branch" } else { "branch" };
            let from = start.map_or_else(String::new, |commit| {
                let (id, subject) = (commit.id.short(), plain(commit.subject()));
                format!(" from commit {id} ({subject}), as its code is older than that of {}", done.from)
            });
            say("dvol", &format!("volume {volume} is on {made} {branch}{from}"));
            session.end(Verb::Checkout, [&volume], &done.disruption).map(drop)
        }
        Err(Error::NoCommits { .. }) => {
            say(
                "note",
                &format!(
                    "dvol: volume {volume} does not change: it has no commit to start branch {branch} from"
                ),
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
