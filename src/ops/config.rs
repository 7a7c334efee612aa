//! `config`: read and set the settings of the pool or of one volume.

use serde::Serialize;

use crate::error::Error;
use crate::model::{Verb, VolumeName};
use crate::pool::{Pool, SETTINGS, Setting, existing};

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingEntry {
    /// Its key.
    pub key: &'static str,
    /// The value that holds.
    pub value: String,
    /// Whether somebody set it; else it is the default.
    pub set: bool,
    /// The volume whose own it is; none when it is the pool's.
    pub volume: Option<VolumeName>,
}

/// All settings as they hold for `volume`, or for the pool.
///
/// # Errors
/// When there is no such volume, or the metadata cannot be read.
pub fn settings(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<SettingEntry>, Error> {
    SETTINGS.iter().map(|known| setting(pool, volume, known.key)).collect()
}

/// One setting as it holds for `volume`, or for the pool.
///
/// # Errors
/// When there is no such setting or volume, or the metadata cannot be read.
pub fn setting(pool: &Pool, volume: Option<&VolumeName>, key: &str) -> Result<SettingEntry, Error> {
    let known = Setting::find(key)?;
    pool.store().read(|rows| {
        if let Some(volume) = volume {
            existing(&rows, volume)?;
            if let Some(value) = rows.setting(Some(volume), known.key)? {
                return Ok(SettingEntry { key: known.key, value, set: true, volume: Some(volume.clone()) });
            }
        }
        let set = rows.setting(None, known.key)?.is_some();
        Ok(SettingEntry { key: known.key, value: known.value(&rows, volume)?, set, volume: None })
    })
}

/// Sets a setting of `volume`, or of the pool; no value unsets it.
///
/// # Errors
/// When there is no such setting or volume, the value is not allowed, or not for one volume, or the metadata cannot be
/// written.
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
    // An operation that moves or deletes the volume has its settings in its plan.
    pool.select(Some(volume))?;
    let _session = pool.begin(Verb::Config, volume)?;
    pool.select(Some(volume))?;
    write()
}
