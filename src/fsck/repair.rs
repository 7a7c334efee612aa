//! What is done about findings. Each repair can be repeated, and a crash in one leaves it to be found again.

use std::path::PathBuf;

use super::{Report, Severity, mend};
use crate::error::Error;
use crate::model::{CommitId, VolumeName, count};
use crate::pool::Pool;
use crate::sys::disk;

/// What is done about one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The database is made anew from its second copy.
    Metadata,
    /// The second copy is written anew from the database.
    SecondCopy,
    /// All that is wrong with one volume is put right, in one operation.
    Volume {
        /// The volume.
        name: VolumeName,
        /// What that does about this finding.
        about: &'static str,
        /// Whether what has the look of a commit or a branch gets a record.
        adopt: bool,
    },
    /// A file or directory of the pool's own gets the mode that it should have.
    Mode(PathBuf, u32),
    /// Something that no record names moves to lost+found.
    SetAside(PathBuf),
    /// A mount that has ended is forgotten.
    Binding(VolumeName, String),
    /// Containers that run without a mount on record get one.
    Mounts,
    /// Damaged checksums of a commit are taken anew.
    Checksums(VolumeName, CommitId),
    /// Rows of the stat index whose branch or commit is gone are forgotten.
    Index,
}

impl Repair {
    /// What it does, in words that go on after "fsck --repair".
    pub(super) fn about(&self) -> String {
        match self {
            Repair::Metadata => "rebuilds it, and keeps what is there in .dvol/lost+found".to_owned(),
            Repair::SecondCopy => "writes it anew".to_owned(),
            Repair::Volume { about, .. } => (*about).to_owned(),
            Repair::Mode(path, mode) => format!("does chmod {mode:04o} {}", path.display()),
            Repair::SetAside(_) => "moves it to .dvol/lost+found".to_owned(),
            Repair::Checksums(..) => "takes them anew, from what the commit holds now".to_owned(),
            Repair::Mounts => "records one".to_owned(),
            Repair::Binding(..) | Repair::Index => "forgets it".to_owned(),
        }
    }

    fn run(&self, pool: &Pool) -> Result<String, Error> {
        match self {
            Repair::Metadata => {
                let rebuilt = pool.rebuild_metadata()?;
                let (volumes, commits) = (count(rebuilt.volumes, "volume"), count(rebuilt.commits, "commit"));
                Ok(format!("rebuilt with {volumes} and {commits}"))
            }
            Repair::SecondCopy => {
                pool.store().renew_second_copy()?;
                Ok("written anew".to_owned())
            }
            Repair::Volume { name, about, adopt } => {
                mend::mend(pool, name, *adopt)?;
                Ok(format!("done: {about}"))
            }
            Repair::Mode(path, mode) => {
                disk::set_mode(path, *mode)?;
                Ok(format!("has mode {mode:04o} now"))
            }
            Repair::SetAside(path) => Ok(format!("is {} now", pool.set_aside(path)?.display())),
            Repair::Binding(volume, id) => {
                pool.store().write(|writer| writer.unbind(volume, id))?;
                Ok("forgotten".to_owned())
            }
            Repair::Mounts => {
                pool.reconcile_mounts()?;
                Ok("recorded".to_owned())
            }
            Repair::Checksums(volume, id) => {
                pool.checksums().forget(volume, id)?;
                pool.checksums().take(None)?;
                Ok("taken anew".to_owned())
            }
            Repair::Index => {
                pool.store().write(|writer| Ok::<_, Error>(writer.forget_stale_index()?))?;
                Ok("forgotten".to_owned())
            }
        }
    }
}

/// Carries out the plan of `report`. The findings say afterwards what became of them.
pub fn repair(pool: &Pool, report: &mut Report) {
    let mut mended: Vec<VolumeName> = Vec::new();
    for finding in &mut report.findings {
        let Some(repair) = finding.repair.take() else { continue };
        let result = match &repair {
            // One operation mends all of a volume.
            Repair::Volume { name, about, .. } if mended.contains(name) => Ok(format!("done: {about}")),
            other => other.run(pool),
        };
        match result {
            Ok(done) => {
                if let Repair::Volume { name, .. } = repair {
                    mended.push(name);
                }
                finding.severity = Severity::Corrected;
                finding.remedy = done;
            }
            Err(error) => {
                finding.severity = Severity::Error;
                finding.remedy = format!("could not be repaired: {error}");
            }
        }
    }
}
