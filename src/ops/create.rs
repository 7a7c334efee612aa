//! `docker volume create`: make a volume for the driver, with options.
//!
//! `from=VOLUME[:REVISION]` clones another volume's commit, `from=REMOTE/VOLUME[:REVISION]` one of
//! a remote. `branch=NAME` names the first branch, and `size=SIZE` sets `volume.max-size`.
//!
//! `worktree=VOLUME` makes a worktree of that volume. `branch=NAME` names its branch, by default
//! that of its own name; `start=REVISION` the commit to make the branch from if it does not exist,
//! by default HEAD of the volume; `expires=7d` says how long it lives.

use std::collections::BTreeMap;

use super::clone::clone_as;
use super::init::{First, make};
use super::remotes::{Access, CloneRequest, clone_with, find_remote};
use super::worktree::{WorktreeBranch, WorktreeRequest, add_worktree};
use crate::error::Error;
use crate::model::{
    BranchName, RemoteName, RemoteRecord, RemoteWordError, Revision, RevisionError, VolumeName,
};
use crate::pool::{MAX_SIZE, Pool, Setting, parse_age};

/// The options that the driver takes.
const OPTIONS: &str = "from=[REMOTE/]VOLUME[:REVISION], branch=NAME, size=SIZE, worktree=VOLUME, start=REVISION and \
                       expires=AGE";

/// The options in their parsed form.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    from: Option<Origin>,
    branch: Option<BranchName>,
    size: Option<String>,
    worktree: Option<VolumeName>,
    start: Option<Revision>,
    lifetime: Option<i64>,
}

/// What a new volume is cloned from.
#[derive(Debug, PartialEq, Eq)]
enum Origin {
    /// A commit of a volume of this pool.
    Here(VolumeName, Revision),
    /// A branch, a tag or a commit of a volume of a remote.
    There(RemoteName, VolumeName, Option<String>),
}

/// Joins a remote with its password, or says why not.
pub type AccessOf = fn(RemoteRecord) -> Result<Access, String>;

/// Makes a volume for the driver. Gives `false` if it exists with these options. The current volume
/// stays.
///
/// # Errors
/// When an option is unknown, what it names does not exist, the volume exists with other options,
/// or the pool cannot be written. Nothing is left then.
pub fn create(
    pool: &Pool,
    name: &VolumeName,
    options: &BTreeMap<String, String>,
    access: AccessOf,
) -> Result<bool, Error> {
    found_or_made(
        || is_there(pool, name, options),
        || {
            let wanted = read(options)?;
            if let Some(volume) = wanted.worktree {
                return add(pool, name, volume, (wanted.branch, wanted.start, wanted.lifetime), options);
            }
            let first = First {
                branch: wanted.branch.unwrap_or_else(BranchName::master),
                options: options.clone(),
                max_size: wanted.size,
            };
            match &wanted.from {
                Some(Origin::There(remote, theirs, revision)) => {
                    let bad = |reason| bad_option(options, "from", reason);
                    let access = access(find_remote(pool, None, remote)?).map_err(bad)?;
                    let request = CloneRequest {
                        theirs: theirs.clone(),
                        revision: revision.clone(),
                        volume: name.clone(),
                        depth: 1,
                        force: false,
                    };
                    clone_with(pool, &access, &request, first.options, first.max_size.as_deref()).map(drop)
                }
                Some(Origin::Here(source, revision)) => {
                    clone_as(pool, source, revision, name, first).map(drop)
                }
                None => make(pool, name, first, false).map(drop),
            }
        },
    )
}

/// Makes a worktree, and its branch unless it exists: engines make volumes again that were removed.
fn add(
    pool: &Pool,
    name: &VolumeName,
    volume: VolumeName,
    (branch, start, lifetime): (Option<BranchName>, Option<Revision>, Option<i64>),
    options: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let branch = branch.map_or_else(|| name.as_str().parse(), Ok)?;
    let branch = WorktreeBranch::Either(branch, start.unwrap_or_else(Revision::head));
    let (name, volume, options) = (name.clone(), Some(volume), options.clone());
    add_worktree(pool, &WorktreeRequest { name, volume, branch, lifetime, options, code: None }).map(drop)
}

/// Makes what is not found; gives `false` if it was found. Other processes may make and remove it
/// at any moment, so a name that is taken when it is to be made and free again right after is
/// looked up once more.
fn found_or_made(
    mut is_found: impl FnMut() -> Result<bool, Error>,
    mut make: impl FnMut() -> Result<(), Error>,
) -> Result<bool, Error> {
    while !is_found()? {
        match make() {
            Ok(()) => return Ok(true),
            Err(Error::VolumeExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Returns whether the volume exists. Engines ask again for volumes that exist, with the same
/// options; other options are refused.
fn is_there(pool: &Pool, name: &VolumeName, options: &BTreeMap<String, String>) -> Result<bool, Error> {
    let Some(volume) = pool.store().read(|rows| rows.volume(name))? else { return Ok(false) };
    if options.is_empty() || volume.options == *options {
        return Ok(true);
    }
    let with = volume.options.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
    let with = if with.is_empty() { "no options".to_owned() } else { with.join(", ") };
    Err(Error::OtherOptions { volume: name.clone(), with })
}

fn bad_option(options: &BTreeMap<String, String>, key: &str, reason: impl Into<String>) -> Error {
    let value = options.get(key).cloned().unwrap_or_default();
    Error::BadOption { key: key.to_owned(), value, reason: reason.into() }
}

fn read(options: &BTreeMap<String, String>) -> Result<Wanted, Error> {
    let mut wanted = Wanted::default();
    for (key, value) in options {
        let bad = |reason: String| bad_option(options, key, reason);
        match key.as_str() {
            "from" => {
                let (volume, revision) = match value.split_once(':') {
                    Some((volume, revision)) => (volume, Some(revision)),
                    None => (value.as_str(), None),
                };
                let (remote, volume) = match volume.split_once('/') {
                    Some((remote, volume)) => (Some(remote), volume),
                    None => (None, volume),
                };
                let volume =
                    volume.parse().map_err(|error: crate::model::NameError| bad(error.to_string()))?;
                wanted.from = Some(match remote {
                    Some(remote) => {
                        let remote =
                            remote.parse().map_err(|error: RemoteWordError| bad(error.to_string()))?;
                        Origin::There(remote, volume, revision.map(str::to_owned))
                    }
                    None => {
                        let revision = revision.map_or_else(|| Ok(Revision::head()), str::parse);
                        Origin::Here(volume, revision.map_err(|error| bad(error.to_string()))?)
                    }
                });
            }
            "branch" => {
                let branch =
                    value.parse().map_err(|error: crate::model::NameError| bad(error.to_string()))?;
                wanted.branch = Some(branch);
            }
            "size" => {
                let setting = Setting::find(MAX_SIZE)?;
                setting.check(value)?;
                if value.is_empty() {
                    return Err(bad("give a size such as 20G".to_owned()));
                }
                wanted.size = Some(value.clone());
            }
            "worktree" => {
                let volume =
                    value.parse().map_err(|error: crate::model::NameError| bad(error.to_string()))?;
                wanted.worktree = Some(volume);
            }
            "start" => {
                let start = value.parse().map_err(|error: RevisionError| bad(error.to_string()))?;
                wanted.start = Some(start);
            }
            "expires" => {
                let lifetime = parse_age(value).ok_or_else(|| bad("give an age such as 7d".to_owned()))?;
                wanted.lifetime = Some(lifetime);
            }
            _ => return Err(bad(format!("there is no such option, only {OPTIONS}"))),
        }
    }
    for (key, excluded) in [("from", wanted.from.is_some()), ("size", wanted.size.is_some())] {
        if excluded && wanted.worktree.is_some() {
            return Err(bad_option(options, key, "a worktree shares the data of its volume"));
        }
    }
    if matches!(wanted.from, Some(Origin::There(..))) && wanted.branch.is_some() {
        return Err(bad_option(options, "branch", "a clone of a remote has the branch that it has there"));
    }
    for (key, needs) in [("start", wanted.start.is_some()), ("expires", wanted.lifetime.is_some())] {
        if needs && wanted.worktree.is_none() {
            let reason = "only a worktree has it: name its volume with worktree=VOLUME";
            return Err(bad_option(options, key, reason));
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn one_that_others_make_and_remove_in_between_is_made_in_the_end() {
        let name: VolumeName = "db".parse().unwrap();
        let tried = Cell::new(0);
        let made = found_or_made(
            || Ok(false),
            || {
                tried.set(tried.get() + 1);
                if tried.get() < 3 { Err(Error::VolumeExists(name.clone())) } else { Ok(()) }
            },
        );
        assert!(made.unwrap());
        assert_eq!(tried.get(), 3);

        let others = Cell::new(false);
        let made = found_or_made(
            || Ok(others.get()),
            || {
                others.set(true);
                Err(Error::VolumeExists(name.clone()))
            },
        );
        assert!(!made.unwrap());
    }
}
