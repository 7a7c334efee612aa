//! What is in the commits, against their checksums.

use super::{Repair, Report, Severity};
use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::{Damage, Pool, Verified};

/// So many entries of one commit are named.
const MOST: usize = 20;

/// How much was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deep {
    /// Commits that were compared with their checksums.
    pub verified: usize,
    /// Commits that had none yet: they have them now.
    pub taken: usize,
}

/// Takes the checksums that are missing, and compares all others.
pub(super) fn check(pool: &Pool, volumes: &[VolumeName], report: &mut Report) -> Result<(), Error> {
    let mut deep = Deep::default();
    for volume in volumes {
        let commits = pool.store().read(|rows| rows.commits(volume))?;
        let mut unknown = false;
        for commit in &commits {
            match pool.checksums().verify(volume, &commit.id, MOST) {
                Ok(Verified::Compared(_, damaged)) => {
                    deep.verified += 1;
                    for (path, damage) in damaged {
                        let what = match damage {
                            Damage::Missing => "is missing from the commit",
                            Damage::Added => "was not in the commit",
                            Damage::Content => "is not what was committed: its content differs",
                            Damage::Attributes => {
                                "is not what was committed: its mode, owner, time or extended attributes differ"
                            }
                        };
                        let subject = format!("{}/{}", commit.id, path.display());
                        let remedy =
                            "restore it from a backup of the pool; other commits may have the same file";
                        report.add(Severity::Error, Some(volume), &subject, what, remedy);
                    }
                }
                Ok(Verified::Unknown) => unknown = true,
                Ok(Verified::Unreadable) => {
                    let what = "the checksums of this commit are damaged themselves";
                    let repair = Repair::Checksums(volume.clone(), commit.id.clone());
                    report.add_repairable(Severity::Warning, Some(volume), commit.id.as_str(), what, repair);
                }
                // It is gone meanwhile, or what is missing of it is told above.
                Err(Error::Disk(error)) if error.source.kind() == std::io::ErrorKind::NotFound => {}
                Err(Error::Disk(error)) if error.source.kind() != std::io::ErrorKind::Interrupted => {
                    let remedy = "look at the disk (dmesg, smartctl); restore it from a backup of the pool";
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
