//! `ensure --remote`: take a named state from a remote that has it.

use super::data::bring_in;
use super::fetch::{link, no_ref, read, record};
use super::remote::Access;
use crate::error::Error;
use crate::model::{RefName, Revision, Signature, TagName, VolumeName};
use crate::ops::tag::{TagRequest, tag};
use crate::pool::{Pool, existing};

/// Brings the commit that has the tag in a remote here, and tags it here too. Returns whether the
/// remote has the tag; one that is here already stays.
///
/// # Errors
/// When the remote cannot be read, or its commit is of a machine of another architecture.
pub fn fetch_state(
    pool: &Pool,
    access: &Access,
    volume: &VolumeName,
    name: &TagName,
    fallback: &Signature,
) -> Result<bool, Error> {
    let own = pool.store().read(|rows| existing(&rows, volume))?;
    let owner = own.owner();
    if pool.store().read(|rows| rows.tag(owner, name))?.is_some() {
        return Ok(true);
    }
    let remote = &access.remote.name;
    let (repository, records) = read(pool, access)?;
    let theirs = link(pool, owner, remote)?.volume;
    record(pool, access, owner, &theirs, &records, false)?;
    let reference = RefName::Tag(name.clone());
    let Some((id, _)) = records.leads(&theirs).remove(&reference) else { return Ok(false) };
    let stored = records.commit(&theirs, &id).filter(|stored| !stored.note.without_data);
    let stored = stored.ok_or_else(|| no_ref(access, &theirs, reference.to_string()))?;
    pool.refuse_other_architecture(&stored.note.record, false)?;
    let _lock = repository.lock_to_read(&access.holder, &pool.waiting())?;
    bring_in(pool, &repository, &own, stored)?;
    let message = records.heads(&theirs, &reference).into_iter().find_map(|head| head.tag?.message.into());
    let revision: Revision = id.as_str().parse()?;
    let (volume, name, fallback) = (Some(volume.clone()), name.clone(), fallback.clone());
    tag(
        pool,
        &TagRequest { volume, name, revision, message: message.unwrap_or_default(), force: false, fallback },
    )?;
    Ok(true)
}
