//! `import`: make a volume from an archive, or from a volume of another driver.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::commit::configured_author;
use super::export::{FORMAT, MANIFEST, Manifest, make_root};
use super::import_replace;
use super::init::{NewVolume, furnish, insert_volume};
use crate::containers::Container;
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, CommitRecord, MadeOn, Row, RowChange, Signature, Verb, VolumeName};
use crate::pool::{Disruption, Group, Pool, Published, Quiesced};
use crate::sys::tree::{ArchiveReader, ArchiveStats};

/// A volume that was made from outside the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The volume.
    pub volume: VolumeName,
    /// Its branch.
    pub branch: BranchName,
    /// Its only commit.
    pub id: CommitId,
    /// Number of entries in its tree.
    pub entries: u64,
    /// Bytes in its files.
    pub bytes: u64,
    /// Entries of the archive that lie beside the tree and were left out.
    pub left_out: u64,
    /// Entries of unknown types that became regular files.
    pub unknown_types: u64,
    /// Labels of the host (SELinux, IMA, Smack) that were left out.
    pub labels_left_out: u64,
    /// Extended attributes that were left out because Linux cannot store them.
    pub attributes_left_out: u64,
    /// The first of them: its name, and that of its entry.
    pub first_attribute: Option<(String, String)>,
    /// Whether something follows the end of the archive, which was ignored.
    pub has_more: bool,
    /// The containers that used the engine's volume that it was made of.
    pub users: Vec<VolumeUser>,
    /// What became of the containers on the volume that it was made of.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// A container that uses a volume of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeUser {
    /// Its name.
    pub container: String,
    /// Its compose project.
    pub project: Option<String>,
    /// Why it could not be made again on the new volume; `None` if it was, or the caller
    /// did not ask for that.
    pub obstacle: Option<String>,
    /// The name of the old container, if it was made again.
    pub kept_as: Option<String>,
}

impl VolumeUser {
    pub(super) fn of(container: &Container) -> Self {
        VolumeUser {
            container: container.name.clone(),
            project: container.service.as_ref().map(|service| service.project.clone()),
            obstacle: None,
            kept_as: None,
        }
    }
}

/// Makes a volume from an archive: one that `export` wrote, or any other tar archive, which `what`
/// names in the commit message.
///
/// # Errors
/// When the name is taken, the archive is damaged, of a newer format or too large, or the space
/// does not suffice. Nothing is left then.
pub fn import(
    pool: &Pool,
    archive: &mut dyn Read,
    what: &str,
    volume: &VolumeName,
    author: &Signature,
) -> Result<Imported, Error> {
    let mut archive = ArchiveReader::open(archive)?;
    let manifest = archive.text(MANIFEST)?.map(|text| read_manifest(&text)).transpose()?;
    let (tree, given) = match manifest {
        Some(manifest) => (manifest.tree, Some(manifest.commit)),
        None => (String::new(), None),
    };
    make(
        pool,
        volume,
        given,
        (format!("Import of {what}"), None),
        author,
        |_| (),
        |group, kept| {
            let stats = archive.tree(kept, &tree, &pool.interrupted())?;
            // An archive does not say how much space it needs.
            pool.check_size(volume, None, kept)?;
            Ok((group.unquiesced(), stats))
        },
    )
}

/// Makes a volume from the engine's volume `name` of any driver. Containers that run on that volume
/// are stopped for the copy and started again; the volume itself stays. With `replace`, they are
/// made again on the new volume, if that is possible for all of them.
///
/// # Errors
/// When the engine's volume does not exist or has no directory on this machine, the name is taken,
/// the volume is too large, or the copy fails. Nothing is left then.
pub fn import_volume(
    pool: &Pool,
    name: &str,
    volume: &VolumeName,
    author: &Signature,
    replace: bool,
) -> Result<Imported, Error> {
    let missing = || Error::NoForeignVolume(name.to_owned());
    if let Ok(own) = name.parse::<VolumeName>()
        && pool.store().read(|rows| rows.volume(&own))?.is_some()
        && pool.refuse_elsewhere(&own).is_ok()
    {
        return Err(Error::OwnVolume(own));
    }
    let foreign = pool.containers().foreign_volume(name)?.ok_or_else(missing)?;
    let message = format!("Import of volume {name} of driver {}", foreign.driver);
    let made_on = Some(pool.made_on(name));
    let stopping = pool.stopping_containers();
    let (pool, mut users) = match replace {
        true => (&stopping, import_replace::look(pool, name, &foreign.users)?),
        false => (pool, foreign.users.iter().map(VolumeUser::of).collect()),
    };
    let replaces = replace && users.iter().all(|user| user.obstacle.is_none());
    let swap = |published: &mut Published<'_, NewVolume>| {
        if replaces {
            import_replace::replace(pool, (name, volume), (&foreign.users, &mut users), published);
        }
    };
    let imported = make(pool, volume, None, (message, made_on), author, swap, |group, kept| {
        pool.check_size(volume, None, &foreign.mountpoint)?;
        pool.check_space([&*foreign.mountpoint])?;
        let quiesced = group.hold_others(&foreign.users)?;
        let copied = pool.copy_tree(&foreign.mountpoint, kept)?;
        let entries = copied.files + copied.directories + copied.others + copied.hard_links + 1;
        Ok((quiesced, ArchiveStats { entries, bytes: copied.bytes, ..ArchiveStats::default() }))
    })?;
    Ok(Imported { users, ..imported })
}

fn read_manifest(text: &[u8]) -> Result<Manifest, Error> {
    let bad = |reason: String| Error::BadArchive(format!("its {MANIFEST}: {reason}"));
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
    match value["format"].as_u64() {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(bad(format!(
                "it has format {format}, this dvol reads {FORMAT}: use the newer dvol that wrote it"
            )));
        }
        None => return Err(bad("it names no format".to_owned())),
    }
    serde_json::from_value(value).map_err(|error| bad(error.to_string()))
}

fn make(
    pool: &Pool,
    volume: &VolumeName,
    given: Option<CommitRecord>,
    (message, made_on): (String, Option<MadeOn>),
    author: &Signature,
    before_release: impl FnOnce(&mut Published<'_, NewVolume>),
    fill: impl for<'p> FnOnce(
        Group<'p, NewVolume>,
        &Path,
    ) -> Result<(Quiesced<'p, NewVolume>, ArchiveStats), Error>,
) -> Result<Imported, Error> {
    if pool.store().read(|rows| rows.volume(volume))?.is_some() {
        return Err(Error::VolumeExists(volume.clone()));
    }
    pool.refuse_elsewhere(volume)?;
    let session = pool.begin(Verb::Import, volume)?;
    let branch = BranchName::master();
    let new_id = pool.new_commit_id();
    let (group, (staged, commit)) = session.intend(format!("import: {volume}"), |rows, draft| {
        if rows.volume(volume)?.is_some() {
            return Err(Error::VolumeExists(volume.clone()));
        }
        let (name, created) = (volume.clone(), pool.now());
        let commit = match given {
            Some(given) => CommitRecord { volume: name.clone(), parent: None, forgotten: false, ..given },
            None => CommitRecord {
                volume: name.clone(),
                id: new_id,
                parent: None,
                message,
                author: configured_author(rows, volume, author)?,
                date: created,
                code: None,
                size: None,
                forgotten: false,
                made_on,
            },
        };
        let id = &commit.id;
        insert_volume(draft, volume, &branch, Some(id.clone()), (created, BTreeMap::new()));
        draft.move_head(Some(id.clone()));
        Ok((draft.bring_in(layout::volume(volume))?, commit))
    })?;
    let id = commit.id.clone();
    let working_tree = furnish(&staged, &branch)?;
    let kept = staged.join(layout::COMMITS).join(id.as_str());
    make_root(&kept)?;
    let new = NewVolume { volume: volume.clone(), branch: branch.clone(), id: id.clone() };
    let (mut quiesced, stats) = fill(group.with(new), &kept)?;
    for member in quiesced.members_mut() {
        // Only now is its size known.
        let commit = CommitRecord { size: Some(stats.bytes), ..commit.clone() };
        member.change(RowChange::insert(Row::Commit(commit)));
    }
    let bounds = pool.copy_known(&kept, &working_tree)?;
    let mut published = quiesced.publish_known(|new| Some(new.look(bounds)))?;
    before_release(&mut published);
    let outcome = published.finish();
    Ok(Imported {
        volume: volume.clone(),
        branch,
        id,
        entries: stats.entries,
        bytes: stats.bytes,
        left_out: stats.left_out,
        unknown_types: stats.unknown,
        labels_left_out: stats.labels,
        attributes_left_out: stats.attributes,
        first_attribute: stats.first_attribute,
        has_more: stats.has_more,
        users: Vec::new(),
        disruption: outcome.disruption,
    })
}
