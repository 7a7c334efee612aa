//! Data worktrees for the linked worktrees of git: made at `git worktree add` and at the first
//! checkout, removed once git has removed its own.
//!
//! git has no hook for `git worktree remove`. So the next run of the hook, in any work tree, finds
//! what git has removed; so does `dvol worktree prune`.

use std::collections::BTreeMap;
use std::path::Path;

use super::follow::{Checkout, revision, switch};
use crate::cli::code_worktree::{GitWorktree, clear, project};
use crate::cli::git::Repository;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{self, PruneScope, WorktreeBranch, WorktreeRequest};

/// Removes the data worktrees of `volume`, and those made for the worktrees of this repository,
/// that are expired or whose worktree of git is gone.
pub(super) fn prune(session: &Session, volume: &VolumeName, repository: &Repository) -> Result<(), Failure> {
    let scope = PruneScope::Repository(volume, repository.common());
    let pruned = ops::prune_worktrees(&session.pool, scope, false)?;
    for removed in &pruned.removed {
        clear(removed.code.as_ref())?;
        say("dvol", &format!("worktree {} of volume {} is gone", removed.worktree, removed.volume));
    }
    for worktree in &pruned.in_use {
        say("note", &format!("worktree {worktree} is over, and stays while containers use it"));
    }
    Ok(())
}

/// Gives a linked worktree of git its data worktrees, or switches those that it has.
pub(super) fn follow(
    session: &Session,
    volume: &VolumeName,
    checkout: Checkout<'_>,
    env: Option<&Path>,
) -> Result<(), Failure> {
    let Some(tree) = GitWorktree::of(checkout.git, checkout.repository) else { return Ok(()) };
    let there = tree.data(session)?;
    if !there.is_empty() {
        return there.iter().try_for_each(|record| switch(session, &record.name, &checkout));
    }
    let checkout = with_heads(checkout);
    let branch = |of: &VolumeName| -> Result<WorktreeBranch, Failure> {
        let start = checkout.start(session, of)?;
        Ok(WorktreeBranch::Either(checkout.data.clone(), revision(start.as_ref())?))
    };
    let wish = project::Wish { branch: &branch, env, lifetime: None };
    if let Some(made) = project::add(session, &tree, &wish)? {
        for added in &made.worktrees {
            say(
                "dvol",
                &format!(
                    "volume {} is a worktree of {} on branch {}",
                    added.worktree, added.volume, added.branch
                ),
            );
        }
        return Ok(());
    }
    // Without a compose project, containers name the volume themselves.
    let Some(name) = checkout.repository.linked_name() else { return Ok(()) };
    let name = fitting(&format!("{volume}-{}", name.to_string_lossy()))?;
    let request = WorktreeRequest {
        name,
        volume: Some(volume.clone()),
        branch: branch(volume)?,
        lifetime: None,
        options: BTreeMap::new(),
        code: Some(tree.place(None)),
    };
    session.pool.refuse_elsewhere(&request.name)?;
    let added = ops::add_worktree(&session.pool, &request)?;
    say("dvol", &format!("volume {} is a worktree of {volume} on branch {}", added.worktree, added.branch));
    Ok(())
}

/// Fills in the HEAD before: a new worktree of git has none, and goes on from the main checkout's.
fn with_heads(checkout: Checkout<'_>) -> Checkout<'_> {
    let is_none = |head: &String| head.bytes().all(|byte| byte == b'0');
    match &checkout.heads {
        Some((from, to)) if is_none(from) => {
            let main = checkout.git.look_up(&["rev-parse", "-q", "--verify", "main-worktree/HEAD"]);
            let heads = main.map(|main| (main, to.clone()));
            Checkout { heads, ..checkout }
        }
        _ => checkout,
    }
}

/// Makes the name of a volume from a text.
fn fitting(text: &str) -> Result<VolumeName, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name: String = text.chars().map(|c| if fits(c) { c } else { '-' }).take(64).collect();
    Ok(name.parse()?)
}
