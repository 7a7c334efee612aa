//! `config`: read and set the settings of the pool or of one volume.

use serde::Serialize;

use crate::error::Error;
use crate::model::{Verb, VolumeName};
use crate::pool::{Pool, SETTINGS, Setting, existing};

/// A setting and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingEntry {
    /// Its key.
    pub key: &'static str,
    /// The value in effect.
    pub value: String,
    /// Whether it is set; else the value is the default.
    pub set: bool,
    /// The volume that it is set for; `None` if the pool's value is in effect.
    pub volume: Option<VolumeName>,
}

/// Lists all settings in effect for `volume`, or for the pool.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn settings(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<SettingEntry>, Error> {
    SETTINGS.iter().map(|known| setting(pool, volume, known.key)).collect()
}

/// Looks up one setting in effect for `volume`, or for the pool.
///
/// # Errors
/// When the setting or the volume does not exist, or the metadata cannot be read.
pub fn setting(pool: &Pool, volume: Option<&VolumeName>, key: &str) -> Result<SettingEntry, Error> {
    let known = Setting::find(key)?;
    pool.store().read(|rows| {
        if let Some(volume) = volume {
            let record = existing(&rows, volume)?;
            for owner in [volume, record.owner()] {
                if let Some(value) = rows.setting(Some(owner), known.key)? {
                    return Ok(SettingEntry {
                        key: known.key,
                        value,
                        set: true,
                        volume: Some(owner.clone()),
                    });
                }
            }
        }
        let set = rows.setting(None, known.key)?.is_some();
        Ok(SettingEntry { key: known.key, value: known.value(&rows, volume)?, set, volume: None })
    })
}

/// Sets a setting of `volume`, or of the pool; without a value, unsets it.
///
/// # Errors
/// When the setting or the volume does not exist, the value is not allowed or not for one volume,
/// or the metadata cannot be written.
pub fn set_setting(
    pool: &Pool,
    volume: Option<&VolumeName>,
    key: &str,
    value: Option<&str>,
) -> Result<(), Error> {
    let known = Setting::find(key)?;
    if let Some(value) = value {
        known.check(value)?;
        if known.is_global && volume.is_some() {
            return Err(Error::GlobalSetting(known.key));
        }
    }
    let write = || Ok(pool.store().write(|writer| writer.set_setting(volume, known.key, value))?);
    let Some(volume) = volume else {
        pool.prepare_directories()?;
        return write();
    };
    // An operation that moves or deletes the volume has the volume's settings in its plan, so it
    // must not run meanwhile.
    pool.select(Some(volume))?;
    let _session = pool.begin(Verb::Config, volume)?;
    pool.select(Some(volume))?;
    write()
}
