//! Completes volumes, branches, tags and settings in a shell, from the pool that the typed command
//! line names. On any error there are no candidates, since a shell has no place to show errors.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::environment::{self, DEFAULT_POOL};
use crate::containers::NoContainers;
use crate::layout::Layout;
use crate::model::VolumeName;
use crate::pool::{Options, Pool, SETTINGS};
use crate::sys::clock::SystemClock;
use crate::sys::ids::RandomIds;

/// How long completion waits for a lock.
const LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(500);

/// Completes volumes.
pub(super) fn volumes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, volume_names))
}

/// Completes branches of the volume.
pub(super) fn branches() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, branch_names))
}

/// Completes tags of the volume.
pub(super) fn tags() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, tag_names))
}

/// Completes revisions of the volume, and volumes, which may stand last.
pub(super) fn revisions() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        candidates(typed, |pool| {
            let mut found = vec![("HEAD".to_owned(), "revision")];
            found.extend(branch_names(pool));
            found.extend(tag_names(pool));
            found.extend(volume_names(pool));
            found
        })
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
    let root = flag("-p", "--pool").or_else(|| environment::variable("DVOL_POOL"));
    let root = PathBuf::from(root.unwrap_or_else(|| DEFAULT_POOL.to_owned()));
    let root = std::path::absolute(&root).unwrap_or(root);
    let options = Options {
        lock_timeout: LOCK_TIMEOUT,
        ..Options::new(Arc::new(NoContainers), Arc::new(SystemClock), Arc::new(RandomIds))
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
