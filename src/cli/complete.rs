//! Completes volumes, branches, tags and settings in a shell, from the pool that the typed command
//! line names. On any error there are no candidates, since a shell has no place to show errors.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::environment::{self, DEFAULT_POOL};
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
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, branch_names))
}

/// Completes tags of the volume.
pub(super) fn tags() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, tag_names))
}

/// Completes revisions of the volume, and volumes, which may stand last; after `VOLUME:`, revisions
/// of that one.
pub(super) fn revisions() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let text = typed.to_string_lossy();
        if let Some((Ok(volume), _)) = text.split_once(':').map(|(name, rest)| (name.parse(), rest)) {
            return candidates(typed, |pool| of_volume(pool, &volume));
        }
        candidates(typed, |pool| {
            let mut found = vec![("HEAD".to_owned(), "revision")];
            found.extend(branch_names(pool));
            found.extend(tag_names(pool));
            found.extend(volume_names(pool));
            found
        })
    })
}

/// Completes volumes, and after `VOLUME:` its revisions.
pub(super) fn sources() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let text = typed.to_string_lossy();
        match text.split_once(':').map(|(name, _)| name.parse()) {
            Some(Ok(volume)) => candidates(typed, |pool| of_volume(pool, &volume)),
            _ => candidates(typed, volume_names),
        }
    })
}

/// Returns `VOLUME:REVISION` for the branches and tags of a volume.
fn of_volume(pool: &Pool, volume: &VolumeName) -> Names {
    let branches = pool.store().read(|rows| rows.branches(volume)).unwrap_or_default();
    let tags = pool.store().read(|rows| rows.tags(volume)).unwrap_or_default();
    let mut found = vec![("HEAD".to_owned(), "revision")];
    found.extend(branches.into_iter().map(|branch| (branch.name.to_string(), "branch")));
    found.extend(tags.into_iter().map(|tag| (tag.name.to_string(), "tag")));
    found.into_iter().map(|(name, kind)| (format!("{volume}:{name}"), kind)).collect()
}

/// Completes compose projects: those that volumes belong to.
pub(super) fn projects() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let known = pool_with(Arc::new(environment::engine())).containers().compose_volumes();
        let projects: BTreeSet<String> =
            known.unwrap_or_default().into_iter().map(|volume| volume.project).collect();
        let typed = typed.to_string_lossy();
        let found = projects.into_iter().filter(|project| project.starts_with(&*typed));
        found.map(|project| CompletionCandidate::new(project).help(Some("project".into()))).collect()
    })
}

/// Completes the values of the setting that stands before, where there are only a few.
pub(super) fn setting_values() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let words: Vec<String> = std::env::args().collect();
        let known = words.iter().rev().find_map(|word| Setting::find(word).ok());
        let choices = known.map(Setting::choices).unwrap_or_default();
        let typed = typed.to_string_lossy();
        choices
            .into_iter()
            .filter(|choice| choice.starts_with(&*typed))
            .map(CompletionCandidate::new)
            .collect()
    })
}

/// Completes settings.
pub(super) fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let known = SETTINGS.iter().filter(|setting| setting.key.starts_with(&*typed));
        known.map(|setting| CompletionCandidate::new(setting.key).help(Some(setting.about.into()))).collect()
    })
}

/// Verbs and topics.
pub(super) fn help() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let known = super::help::names().into_iter().filter(|name| name.starts_with(&*typed));
        known.map(CompletionCandidate::new).collect()
    })
}

type Names = Vec<(String, &'static str)>;

fn candidates(typed: &OsStr, names: impl Fn(&Pool) -> Names) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let found = names(&pool()).into_iter().filter(|(name, _)| name.starts_with(&*typed));
    found.map(|(name, kind)| CompletionCandidate::new(name).help(Some(kind.into()))).collect()
}

fn volume_names(pool: &Pool) -> Names {
    let found = pool.store().read(|rows| rows.volumes()).unwrap_or_default();
    found.into_iter().map(|volume| (volume.name.to_string(), "volume")).collect()
}

fn branch_names(pool: &Pool) -> Names {
    let Some(volume) = volume(pool) else { return Names::new() };
    let found = pool.store().read(|rows| rows.branches(&volume)).unwrap_or_default();
    found.into_iter().map(|branch| (branch.name.to_string(), "branch")).collect()
}

fn tag_names(pool: &Pool) -> Names {
    let Some(volume) = volume(pool) else { return Names::new() };
    let found = pool.store().read(|rows| rows.tags(&volume)).unwrap_or_default();
    found.into_iter().map(|tag| (tag.name.to_string(), "tag")).collect()
}

fn volume(pool: &Pool) -> Option<VolumeName> {
    match flag("-C", "--volume") {
        Some(name) => name.parse().ok(),
        None => pool.store().read(|rows| rows.current_volume()).ok().flatten(),
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
