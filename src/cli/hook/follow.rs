//! What the hook runs: switches data to the branch of the code.

use std::ffi::OsString;
use std::path::PathBuf;

use super::start::{self, Move};
use super::{Bound, linked};
use crate::cli::git::{Git, Repository};
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::error::Error;
use crate::model::{BranchName, CommitRecord, Revision, Verb, VolumeName, plain};
use crate::ops::{self, CheckoutRequest, Target};

/// What the line of the hook says.
pub(in crate::cli) struct Line {
    /// The linked work tree that the volume follows; `None` for the main one.
    pub(in crate::cli) followed: Option<OsString>,
    pub(in crate::cli) bound: Option<Bound>,
    /// Whether each linked worktree of git has a data worktree.
    pub(in crate::cli) worktrees: bool,
    /// The file for their variables.
    pub(in crate::cli) env: Option<PathBuf>,
}

/// The branch that git checked out.
pub(super) struct Checkout<'a> {
    pub(super) git: &'a Git,
    pub(super) repository: &'a Repository,
    /// The branch of code.
    pub(super) code: String,
    /// The branch of data that it stands for.
    pub(super) data: BranchName,
    /// The HEAD before, and now.
    pub(super) heads: Option<(String, String)>,
}

impl Checkout<'_> {
    /// Returns the commit of a volume that a new branch of data begins at; `None` for its HEAD.
    pub(super) fn start(
        &self,
        session: &Session,
        volume: &VolumeName,
    ) -> Result<Option<CommitRecord>, Error> {
        let (Some((from, to)), Ok(branch)) = (&self.heads, self.code.parse::<BranchName>()) else {
            return Ok(None);
        };
        let moved = Move { from, to, branch: &branch };
        start::find(&session.pool, (self.git, self.repository), volume, &moved)
    }
}

/// Returns the revision that a new branch begins at.
pub(super) fn revision(start: Option<&CommitRecord>) -> Result<Revision, Error> {
    start.map_or_else(|| Ok(Revision::head()), |commit| Ok(commit.id.as_str().parse()?))
}

/// Switches data to the branch of the code. git runs the hook for every work tree of a repository;
/// the volume follows one of them, and with `worktrees` each linked one has data of its own.
/// `words` are git's: the HEAD before, the HEAD now, whether a branch was checked out.
pub(in crate::cli) fn follow(session: &Session, line: &Line, words: &[String]) -> Result<(), Failure> {
    let pool = &session.pool;
    let git = Git::here(pool);
    let Some(repository) = git.repository() else { return Ok(()) };
    let is_followed = repository.linked_name() == line.followed.as_deref();
    let has_own_data = line.worktrees && repository.linked_name().is_some();
    if !(is_followed || has_own_data) {
        return Ok(());
    }
    // git passes 0 as the third argument when it checked out single files.
    if words.get(2).is_some_and(|flag| flag == "0") {
        return Ok(());
    }
    let volume = pool.select(session.volume(None)?.as_ref())?;
    if ops::setting(pool, Some(&volume), "hook.enabled")?.value == "off" {
        return Ok(());
    }
    if line.worktrees {
        linked::prune(session, &volume, &repository)?;
    }
    // A detached HEAD has no branch to follow: rebase and bisect work on one.
    let Some(code) = git.look_up(&["symbolic-ref", "--short", "-q", "HEAD"]) else { return Ok(()) };
    let bound = line.bound.as_ref().filter(|bound| bound.code == code);
    let name = bound.map_or(code.as_str(), |bound| bound.data.as_str());
    let Ok(data) = name.parse::<BranchName>() else {
        say("note", &format!("dvol: volume {volume} does not change: '{name}' is not a valid branch name"));
        return Ok(());
    };
    let heads = match words {
        [from, to, ..] => Some((from.clone(), to.clone())),
        _ => None,
    };
    let checkout = Checkout { git: &git, repository: &repository, code, data, heads };
    catch_interrupts(pool)?;
    if is_followed {
        return switch(session, &volume, &checkout);
    }
    linked::follow(session, &volume, checkout, line.env.as_deref())
}

/// Switches a volume or a worktree to the branch of data, which it makes if need be.
pub(super) fn switch(session: &Session, volume: &VolumeName, checkout: &Checkout<'_>) -> Result<(), Failure> {
    let pool = &session.pool;
    let branch = &checkout.data;
    let owner = pool.store().read(|rows| rows.volume(volume))?.map(|record| record.owner().clone());
    let is_new = match &owner {
        Some(owner) => pool.store().read(|rows| rows.branch(owner, branch))?.is_none(),
        None => true,
    };
    let start = if is_new && owner.is_some() { checkout.start(session, volume)? } else { None };
    let request = CheckoutRequest {
        volume: Some(volume.clone()),
        branch: Target::Branch(branch.clone()),
        create: if is_new { Some(revision(start.as_ref())?) } else { None },
        replace: false,
        force: true,
    };
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
            session.end(Verb::Checkout, [volume], &done.disruption).map(drop)
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
