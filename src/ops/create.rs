//! `docker volume create`: make a volume for the driver, with options.
//!
//! `from=VOLUME[:REVISION]` clones another volume's commit, `branch=NAME` names the first branch,
//! and `size=SIZE` sets `volume.max-size`.

use std::collections::BTreeMap;

use super::clone::clone_as;
use super::init::{First, make};
use crate::error::Error;
use crate::model::{BranchName, Revision, VolumeName};
use crate::pool::{MAX_SIZE, Pool, Setting};

/// The options that the driver takes.
const OPTIONS: &str = "from=VOLUME[:REVISION], branch=NAME and size=SIZE";

/// The options in their parsed form.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    from: Option<(VolumeName, Revision)>,
    branch: Option<BranchName>,
    size: Option<String>,
}

/// Makes a volume for the driver. Gives `false` if it exists with these options. The current volume
/// stays.
///
/// # Errors
/// When an option is unknown, what it names does not exist, the volume exists with other options,
/// or the pool cannot be written. Nothing is left then.
pub fn create(pool: &Pool, name: &VolumeName, options: &BTreeMap<String, String>) -> Result<bool, Error> {
    found_or_made(
        || is_there(pool, name, options),
        || {
            let wanted = read(options)?;
            let first = First {
                branch: wanted.branch.unwrap_or_else(BranchName::master),
                options: options.clone(),
                max_size: wanted.size,
            };
            match &wanted.from {
                Some((source, revision)) => clone_as(pool, source, revision, name, first).map(drop),
                None => make(pool, name, first, false).map(drop),
            }
        },
    )
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

fn read(options: &BTreeMap<String, String>) -> Result<Wanted, Error> {
    let mut wanted = Wanted::default();
    for (key, value) in options {
        let bad = |reason: String| Error::BadOption { key: key.clone(), value: value.clone(), reason };
        match key.as_str() {
            "from" => {
                let (volume, revision) = match value.split_once(':') {
                    Some((volume, revision)) => (volume, revision.parse()),
                    None => (value.as_str(), Ok(Revision::head())),
                };
                let volume =
                    volume.parse().map_err(|error: crate::model::NameError| bad(error.to_string()))?;
                wanted.from = Some((volume, revision.map_err(|error| bad(error.to_string()))?));
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
            _ => return Err(bad(format!("there is no such option, only {OPTIONS}"))),
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
