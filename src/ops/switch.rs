//! `switch`: choose the current volume, which a command means when it names none.

use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::Pool;

/// Makes `volume` the current one.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be written.
pub fn switch(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    pool.select(Some(volume))?;
    pool.store().write(|writer| {
        writer.volume(volume)?.ok_or_else(|| Error::NoVolume(volume.clone()))?;
        Ok(writer.set_current_volume(Some(volume))?)
    })
}
