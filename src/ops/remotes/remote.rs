//! `remote`: the remotes of the pool, or of one volume.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Error;
use crate::model::{
    PasswordSource, RemoteName, RemoteRecord, RemoteUrl, TrackingRecord, UpstreamRecord, VolumeName,
};
use crate::ops::reachable::drop_unreachable;
use crate::pool::{Pool, existing};
use crate::remotes::{CloudAccess, Holder, Repository, Secret};
use crate::store::Rows;

/// What is needed to use a remote.
pub struct Access {
    /// The remote.
    pub remote: RemoteRecord,
    /// What gives access to its place.
    pub cloud: CloudAccess,
    /// Its password.
    pub secret: Secret,
    /// The person and the host that use it.
    pub holder: Holder,
}

impl Access {
    /// Opens the remote's repository.
    ///
    /// # Errors
    /// When there is none, the password is wrong, or the place cannot be used.
    pub fn open(&self, pool: &Pool) -> Result<Repository, Error> {
        let (cloud, cache) = (self.cloud.until(pool.interrupted()), pool.remotes_cache());
        Ok(Repository::open(&self.remote.url, &cloud, &self.secret, &cache)?)
    }
}

/// A remote, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteEntry {
    /// Its name.
    pub remote: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
    /// The volume that alone knows it; `None` if the whole pool does.
    pub volume: Option<VolumeName>,
    /// Where its password comes from; `None` if the environment or a person says it.
    pub password: Option<PasswordSource>,
    /// The file for its master key, if that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_key: Option<PathBuf>,
}

/// A remote that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteAdded {
    /// The remote.
    #[serde(flatten)]
    pub remote: RemoteEntry,
}

/// A remote that was changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteChange {
    /// What was done: `removed`, `renamed` or `set-url`.
    pub change: &'static str,
    /// The remote as it was.
    pub before: RemoteEntry,
    /// The remote as it is now.
    pub after: Option<RemoteEntry>,
}

impl RemoteEntry {
    fn of(record: RemoteRecord) -> Self {
        let RemoteRecord { volume, name, url, password, kept_key } = record;
        RemoteEntry { remote: name, url, volume, password, kept_key }
    }
}

/// Finds the remote of this name: one that `volume` alone knows, else the pool's.
///
/// # Errors
/// [`Error::NoRemote`]; and when the metadata cannot be read.
pub fn find_remote(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &RemoteName,
) -> Result<RemoteRecord, Error> {
    pool.store().read(|rows| found(&rows, volume, name))
}

fn found(rows: &Rows<'_>, volume: Option<&VolumeName>, name: &RemoteName) -> Result<RemoteRecord, Error> {
    let owner = volume.map(|volume| rows.owner(volume)).transpose()?;
    rows.remote(owner.as_ref(), name)?.ok_or_else(|| Error::NoRemote(name.clone()))
}

/// Lists the pool's remotes and, with `volume`, those that the volume alone knows.
///
/// # Errors
/// When the metadata cannot be read.
pub fn remotes(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<RemoteEntry>, Error> {
    pool.store().read(|rows| {
        let mut all = rows.remotes(None)?;
        if let Some(volume) = volume {
            let own = rows.remotes(Some(&rows.owner(volume)?))?;
            all.retain(|one| own.iter().all(|other| other.name != one.name));
            all.extend(own);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all.into_iter().map(RemoteEntry::of).collect())
    })
}

/// Adds a remote. Nothing is read from it yet.
///
/// # Errors
/// When there is one of its name, or its volume does not exist.
pub fn add_remote(pool: &Pool, mut record: RemoteRecord) -> Result<RemoteAdded, Error> {
    pool.prepare_directories()?;
    pool.store().write(|writer| {
        if let Some(volume) = &mut record.volume {
            *volume = existing(writer, volume)?.owner().clone();
        }
        if same(writer, &record)?.is_some() {
            return Err(Error::RemoteExists(record.name.clone()));
        }
        Ok(writer.set_remote(&record)?)
    })?;
    Ok(RemoteAdded { remote: RemoteEntry::of(record) })
}

/// Returns the record that `record` would take the place of.
fn same(rows: &Rows<'_>, record: &RemoteRecord) -> Result<Option<RemoteRecord>, Error> {
    let there = rows.remote(record.volume.as_ref(), &record.name)?;
    Ok(there.filter(|there| there.volume == record.volume))
}

/// Changes the address of a remote. What was seen at the old one is forgotten at the next fetch.
///
/// # Errors
/// When there is no such remote.
pub fn set_remote_url(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &RemoteName,
    url: &RemoteUrl,
) -> Result<RemoteChange, Error> {
    pool.store()
        .write(|writer| {
            let before = found(writer, volume, name)?;
            let after = RemoteRecord { url: url.clone(), ..before.clone() };
            writer.set_remote(&after)?;
            Ok::<_, Error>(changed("set-url", before, Some(after)))
        })
        .inspect(|change| forget_key(&change.before))
}

fn changed(change: &'static str, before: RemoteRecord, after: Option<RemoteRecord>) -> RemoteChange {
    RemoteChange { change, before: RemoteEntry::of(before), after: after.map(RemoteEntry::of) }
}

/// Lists the volumes for which a remote has its meaning.
fn users(rows: &Rows<'_>, remote: &RemoteRecord) -> Result<Vec<VolumeName>, Error> {
    let mut users = Vec::new();
    for volume in rows.owners()? {
        let meant = rows.remote(Some(&volume), &remote.name)?;
        if meant.is_some_and(|meant| meant.volume == remote.volume) {
            users.push(volume);
        }
    }
    Ok(users)
}

/// Renames a remote, and all that is known of it.
///
/// # Errors
/// When there is no such remote, or one of the new name.
pub fn rename_remote(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &RemoteName,
    to: &RemoteName,
) -> Result<RemoteChange, Error> {
    pool.store().write(|writer| {
        let before = found(writer, volume, name)?;
        let after = RemoteRecord { name: to.clone(), ..before.clone() };
        if same(writer, &after)?.is_some() {
            return Err(Error::RemoteExists(to.clone()));
        }
        for user in users(writer, &before)? {
            for mut tracked in writer.tracking(&user, Some(name))? {
                writer.unset_tracked(&user, name, &tracked.reference)?;
                tracked.remote = to.clone();
                writer.set_tracked(&user, &tracked)?;
            }
            for mut upstream in writer.upstreams(&user)?.into_iter().filter(|one| one.remote == *name) {
                upstream.remote = to.clone();
                writer.set_upstream(&user, &upstream)?;
            }
            if let Some(mut link) = writer.link(&user, name)? {
                writer.unset_link(&user, name)?;
                link.remote = to.clone();
                writer.set_link(&user, &link)?;
            }
        }
        writer.unset_remote(&before)?;
        writer.set_remote(&after)?;
        Ok(changed("renamed", before, Some(after)))
    })
}

/// Forgets a remote and all that is known of it. Commits that only its branches and tags led to are
/// dropped. The repository stays as it is.
///
/// # Errors
/// When there is no such remote.
pub fn remove_remote(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &RemoteName,
) -> Result<RemoteChange, Error> {
    let (record, users) = pool.store().write(|writer| {
        let record = found(writer, volume, name)?;
        let users = users(writer, &record)?;
        for user in &users {
            for tracked in writer.tracking(user, Some(name))? {
                writer.unset_tracked(user, name, &tracked.reference)?;
            }
            for upstream in writer.upstreams(user)?.into_iter().filter(|one| one.remote == *name) {
                writer.unset_upstream(user, &upstream.branch)?;
            }
            writer.unset_link(user, name)?;
        }
        writer.unset_remote(&record)?;
        Ok::<_, Error>((record, users))
    })?;
    for user in &users {
        drop_unreachable(pool, user, &format!("remote rm: {name}"))?;
    }
    let change = changed("removed", record, None);
    forget_key(&change.before);
    Ok(change)
}

/// Deletes the kept key of a remote, which opens what lies at its old address.
#[expect(clippy::disallowed_methods, reason = "a kept key is no part of any operation")]
fn forget_key(before: &RemoteEntry) {
    if let Some(file) = &before.kept_key {
        let _ = std::fs::remove_file(file);
    }
}

/// Returns the file for the kept key of what lies at `url`.
pub fn remote_key_file(pool: &Pool, url: &RemoteUrl) -> PathBuf {
    pool.layout().remotes_keys().join(blake3::hash(url.to_string().as_bytes()).to_hex().as_str())
}

/// What dvol knows of a remote for one volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteUse {
    /// The volume.
    pub volume: VolumeName,
    /// Its name there.
    pub their_volume: VolumeName,
    /// The branches and tags, as they were last seen.
    pub refs: Vec<TrackingRecord>,
    /// The branches that follow one.
    pub upstreams: Vec<UpstreamRecord>,
}

/// What dvol knows of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteShown {
    /// The remote.
    #[serde(flatten)]
    pub remote: RemoteEntry,
    /// The volumes that were pushed there or fetched from there.
    pub volumes: Vec<RemoteUse>,
}

/// Tells what dvol knows of a remote, without looking there.
///
/// # Errors
/// When there is no such remote.
pub fn show_remote(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &RemoteName,
) -> Result<RemoteShown, Error> {
    pool.store().read(|rows| {
        let record = found(&rows, volume, name)?;
        let mut volumes = Vec::new();
        for user in users(&rows, &record)? {
            let refs = rows.tracking(&user, Some(name))?;
            let link = rows.link(&user, name)?;
            if refs.is_empty() && link.is_none() {
                continue;
            }
            let mut upstreams = rows.upstreams(&user)?;
            upstreams.retain(|one| one.remote == *name);
            let their_volume = link.map_or_else(|| user.clone(), |link| link.volume);
            volumes.push(RemoteUse { volume: user, their_volume, refs, upstreams });
        }
        Ok(RemoteShown { remote: RemoteEntry::of(record), volumes })
    })
}
