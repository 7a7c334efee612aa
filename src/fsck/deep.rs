//! Checking the contents of commits against their checksums.

use std::collections::BTreeSet;

use super::{Repair, Report, Severity};
use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::{Damage, Pool, Verified};

/// How many entries of one commit are named.
const MAX_ENTRIES: usize = 20;

/// The number of commits compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deep {
    /// Commits that were compared with their checksums.
    pub verified: usize,
    /// Commits whose checksums were taken, because they had none.
    pub taken: usize,
}

/// Compares all commits that have checksums, and takes the checksums of the others.
pub(super) fn check(pool: &Pool, volumes: &BTreeSet<VolumeName>, report: &mut Report) -> Result<(), Error> {
    let mut deep = Deep::default();
    for volume in volumes {
        let commits = pool.store().read(|rows| rows.commits(volume))?;
        let mut unknown = false;
        for commit in &commits {
            match pool.checksums().verify(volume, &commit.id, MAX_ENTRIES) {
                Ok(Verified::Compared(_, damaged)) => {
                    deep.verified += 1;
                    for (path, damage) in damaged {
                        let what = match damage {
                            Damage::Missing => "is missing from the commit",
                            Damage::Added => "was not in the commit",
                            Damage::Content => "differs from what was committed in its content",
                            Damage::Attributes => {
                                "differs from what was committed in its mode, owner, time or extended attributes"
                            }
                        };
                        let subject = format!("{}/{}", commit.id, path.display());
                        let remedy =
                            "restore it from a backup of the pool; another commit may have the same file";
                        report.add(Severity::Error, Some(volume), &subject, what, remedy);
                    }
                }
                Ok(Verified::Unknown) => unknown = true,
                Ok(Verified::Unreadable) => {
                    let what = "the checksums of this commit are damaged";
                    let repair = Repair::Checksums(volume.clone(), commit.id.clone());
                    report.add_repairable(Severity::Warning, Some(volume), commit.id.as_str(), what, repair);
                }
                // The commit was dropped meanwhile, or its missing tree is reported elsewhere.
                Err(Error::Disk(error)) if error.source.kind() == std::io::ErrorKind::NotFound => {}
                Err(Error::Disk(error)) if error.source.kind() != std::io::ErrorKind::Interrupted => {
                    let remedy =
                        "check the disk (dmesg, smartctl), then restore it from a backup of the pool";
                    let what = format!("cannot be read: {error}");
                    report.add(Severity::Error, Some(volume), commit.id.as_str(), &what, remedy);
                }
                Err(error) => return Err(error),
            }
        }
        if unknown {
            deep.taken += pool.checksums().take(Some(volume))?;
        }
    }
    pool.checksums().forget_dropped()?;
    report.deep = Some(deep);
    Ok(())
}
