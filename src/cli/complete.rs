//! Completes volumes, branches, tags and settings in a shell, from the pool that the typed command
//! line names. On any error there are no candidates, since a shell has no place to show errors.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::environment::{self, DEFAULT_POOL};
use super::session::volume_candidates;
use crate::containers::{ContainerRuntime, NoContainers};
use crate::layout::Layout;
use crate::model::VolumeName;
use crate::pool::{Options, Pool, SETTINGS, Setting};
use crate::sys::clock::SystemClock;
use crate::sys::ids::RandomIds;

/// How long completion waits for a lock.
const LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(500);

/// Completes volumes.
pub(super) fn volumes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, volume_names))
}

/// Completes worktrees.
pub(super) fn worktrees() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        candidates(typed, |pool| {
            volume_names(pool).into_iter().filter(|(_, kind)| *kind == "worktree").collect()
        })
    })
}

/// Completes branches of the volume; after `VOLUME:`, those of that one.
pub(super) fn volume_branches() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let own = |pool: &Pool| volume(pool).map(|of| branch_names(pool, &of)).unwrap_or_default();
        after_volume_or(typed, branch_names, own)
    })
}

/// Completes volumes, and deleted ones.
pub(super) fn past_volumes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        candidates(typed, |pool| {
            let logged = pool.store().read(|rows| rows.logged_volumes()).unwrap_or_default();
            let there = volume_names(pool);
            let deleted = logged.into_iter().map(|name| (name.to_string(), "deleted volume"));
            let deleted = deleted.filter(|(name, _)| there.iter().all(|(other, _)| other != name));
            let deleted: Vec<_> = deleted.collect();
            there.into_iter().chain(deleted).collect()
        })
    })
}

/// Completes branches of the volume.
pub(super) fn branches() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        candidates(typed, |pool| volume(pool).map(|of| branch_names(pool, &of)).unwrap_or_default())
    })
}

/// Completes tags of the volume.
pub(super) fn tags() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        candidates(typed, |pool| volume(pool).map(|of| tag_names(pool, &of)).unwrap_or_default())
    })
}

/// Completes tags of the volume; after `VOLUME:`, those of that one.
pub(super) fn states() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let own = |pool: &Pool| volume(pool).map(|of| tag_names(pool, &of)).unwrap_or_default();
        after_volume_or(typed, tag_names, own)
    })
}

/// Completes revisions of the volume, and volumes, which may stand last; after `VOLUME:`, revisions
/// of that one.
pub(super) fn revisions() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        of_volume_or(typed, |pool| {
            let mut found = volume(pool).map(|volume| revision_names(pool, &volume)).unwrap_or_else(head);
            found.extend(volume_names(pool));
            found
        })
    })
}

/// Completes volumes, and after `VOLUME:` its revisions.
pub(super) fn sources() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| of_volume_or(typed, volume_names))
}

/// Completes `VOLUME:REVISION` after a colon, else these names.
fn of_volume_or(typed: &OsStr, names: impl Fn(&Pool) -> Names) -> Vec<CompletionCandidate> {
    after_volume_or(typed, revision_names, names)
}

/// Completes `VOLUME:` and the names `of` that volume after a colon, else the other names.
fn after_volume_or(
    typed: &OsStr,
    of: impl Fn(&Pool, &VolumeName) -> Names,
    names: impl Fn(&Pool) -> Names,
) -> Vec<CompletionCandidate> {
    let text = typed.to_string_lossy();
    let volume: Option<VolumeName> = text.split_once(':').and_then(|(name, _)| name.parse().ok());
    let Some(volume) = volume else { return candidates(typed, names) };
    candidates(typed, |pool| {
        let found = of(pool, &volume).into_iter();
        found.map(|(name, kind)| (format!("{volume}:{name}"), kind)).collect()
    })
}

/// Completes compose projects: those that volumes belong to.
pub(super) fn projects() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let known = pool_with(Arc::new(environment::engine())).containers().compose_volumes();
        let projects: BTreeSet<String> =
            known.unwrap_or_default().into_iter().map(|volume| volume.project).collect();
        offer(typed, projects.into_iter().map(|project| (project, Some("project"))))
    })
}

/// Completes the values of the setting that stands before, where there are only a few.
pub(super) fn setting_values() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let words: Vec<String> = std::env::args().collect();
        let known = words.iter().rev().find_map(|word| Setting::find(word).ok());
        let choices = known.map(Setting::choices).unwrap_or_default();
        offer(typed, choices.into_iter().map(|choice| (choice.to_owned(), None)))
    })
}

/// Completes remotes of the pool and of the volume.
pub(super) fn remotes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, remote_names))
}

/// Completes remotes; after the first, branches and tags of the volume.
pub(super) fn remote_and_refs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        candidates(typed, |pool| {
            let mut found = remote_names(pool);
            if let Some(volume) = volume(pool) {
                found.extend(branch_names(pool, &volume));
                found.extend(tag_names(pool, &volume));
            }
            found
        })
    })
}

/// Completes settings.
pub(super) fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        offer(typed, SETTINGS.iter().map(|setting| (setting.key.to_owned(), Some(setting.about))))
    })
}

/// Verbs and topics.
pub(super) fn help() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        offer(typed, super::help::names().into_iter().map(|name| (name, None)))
    })
}

type Names = Vec<(String, &'static str)>;

fn candidates(typed: &OsStr, names: impl Fn(&Pool) -> Names) -> Vec<CompletionCandidate> {
    offer(typed, names(&pool()).into_iter().map(|(name, kind)| (name, Some(kind))))
}

/// Offers those words, each with what it is, that begin as what is typed.
fn offer(
    typed: &OsStr,
    words: impl Iterator<Item = (String, Option<&'static str>)>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let found = words.filter(|(word, _)| word.starts_with(&*typed));
    found.map(|(word, about)| CompletionCandidate::new(word).help(about.map(Into::into))).collect()
}

fn volume_names(pool: &Pool) -> Names {
    let found = pool.store().read(|rows| rows.volumes()).unwrap_or_default();
    let kind = |is_worktree| if is_worktree { "worktree" } else { "volume" };
    found.into_iter().map(|record| (record.name.to_string(), kind(record.is_worktree()))).collect()
}

fn branch_names(pool: &Pool, volume: &VolumeName) -> Names {
    let found = pool.store().read(|rows| rows.branches(&rows.owner(volume)?)).unwrap_or_default();
    found.into_iter().map(|branch| (branch.name.to_string(), "branch")).collect()
}

fn tag_names(pool: &Pool, volume: &VolumeName) -> Names {
    let found = pool.store().read(|rows| rows.tags(&rows.owner(volume)?)).unwrap_or_default();
    found.into_iter().map(|tag| (tag.name.to_string(), "tag")).collect()
}

fn revision_names(pool: &Pool, volume: &VolumeName) -> Names {
    let mut found = head();
    found.extend(branch_names(pool, volume));
    found.extend(tag_names(pool, volume));
    found.extend(tracked_names(pool, volume));
    found
}

fn remote_names(pool: &Pool) -> Names {
    let found = crate::ops::remotes(pool, volume(pool).as_ref()).unwrap_or_default();
    found.into_iter().map(|one| (one.remote.to_string(), "remote")).collect()
}

fn tracked_names(pool: &Pool, volume: &VolumeName) -> Names {
    let found = pool.store().read(|rows| rows.tracking(&rows.owner(volume)?, None)).unwrap_or_default();
    let named = |one: crate::model::TrackingRecord| format!("{}/{}", one.remote, one.reference.short());
    found.into_iter().map(|one| (named(one), "of a remote")).collect()
}

fn head() -> Names {
    vec![("HEAD".to_owned(), "revision")]
}

fn volume(pool: &Pool) -> Option<VolumeName> {
    match flag("-C", "--volume") {
        Some(name) => name.parse().ok(),
        None => Some(pool.meant().ok()??.0),
    }
}

fn pool() -> Pool {
    pool_with(Arc::new(NoContainers))
}

fn pool_with(containers: Arc<dyn ContainerRuntime>) -> Pool {
    let root = flag("-p", "--pool").or_else(|| environment::variable("DVOL_POOL"));
    let root = PathBuf::from(root.unwrap_or_else(|| DEFAULT_POOL.to_owned()));
    let root = std::path::absolute(&root).unwrap_or(root);
    let options = Options {
        lock_timeout: LOCK_TIMEOUT,
        candidates: volume_candidates(root.clone()),
        ..Options::new(containers, Arc::new(SystemClock), Arc::new(RandomIds))
    };
    Pool::new(Layout::new(root), options)
}

/// Returns the value of a flag on the typed command line, which the shell passes in full.
fn flag(short: &str, long: &str) -> Option<String> {
    let words: Vec<String> = std::env::args().collect();
    let mut found = None;
    for (index, word) in words.iter().enumerate() {
        if word == short || word == long {
            found = words.get(index + 1).cloned();
        } else if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            found = Some(value.to_owned());
        } else if let Some(value) = word.strip_prefix(short).filter(|value| !value.is_empty()) {
            found = Some(value.to_owned());
        }
    }
    found
}
