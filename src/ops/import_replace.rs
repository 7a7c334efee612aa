//! `import --replace`: make containers again on the new volume.

use std::collections::BTreeMap;

use super::import::VolumeUser;
use super::init::NewVolume;
use crate::containers::{Container, State, Swap};
use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::{Pool, Published};

/// Finds out for each container that uses the engine's volume `from` what keeps it from being made
/// again.
pub(super) fn look(pool: &Pool, from: &str, users: &[Container]) -> Result<Vec<VolumeUser>, Error> {
    let of = |container: &Container| {
        let obstacle = match container.state {
            State::Paused => Some("it is paused".to_owned()),
            _ => pool.containers().obstacle_to_recreate(&container.id, from)?,
        };
        Ok(VolumeUser { obstacle, ..VolumeUser::of(container) })
    };
    users.iter().map(of).collect()
}

/// Makes all containers again before those that ran are started, or none. Says in `told` what
/// became of each.
pub(super) fn replace(
    pool: &Pool,
    (from, to): (&str, &VolumeName),
    (users, told): (&[Container], &mut [VolumeUser]),
    published: &mut Published<'_, NewVolume>,
) {
    let mut made = BTreeMap::new();
    let mut failed = None;
    for (user, told) in users.iter().zip(told.iter_mut()) {
        let kept_as = format!("{}_before_dvol", user.name);
        match pool.containers().recreate(&user.id, &Swap { from, to, kept_as: &kept_as }) {
            Ok(id) => {
                made.insert(user.id.clone(), id);
                told.kept_as = Some(kept_as);
            }
            Err(error) => {
                failed = Some(error.to_string());
                break;
            }
        }
    }
    if failed.is_none() {
        failed = published.start_instead(&made).err().map(|error| error.to_string());
    }
    let Some(reason) = failed else { return };
    for (user, told) in users.iter().zip(told.iter_mut()) {
        told.obstacle = Some(reason.clone());
        let Some(id) = made.get(&user.id) else { continue };
        match pool.containers().put_back(id, &user.id, &user.name) {
            Ok(()) => told.kept_as = None,
            Err(error) => told.obstacle = Some(error.to_string()),
        }
    }
}
