//! Carrying out the plan. Each repair can be repeated; after a crash in one, fsck finds the fault
//! again.

use std::path::PathBuf;

use super::{Report, Severity, mend, worktrees};
use crate::error::Error;
use crate::model::{CommitId, VolumeName, count};
use crate::pool::Pool;
use crate::sys::disk;

/// The repair of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Rebuild the database from its second copy.
    Metadata,
    /// Write the second copy again from the database.
    SecondCopy,
    /// Repair all faults of one volume, in one operation.
    Volume {
        /// The volume.
        name: VolumeName,
        /// What that does about this finding.
        about: &'static str,
        /// Whether to make records for directories that look like commits or branches.
        adopt: bool,
    },
    /// Make the directory and the running point of a worktree again, or forget the worktree if its
    /// branch is gone.
    Worktree(VolumeName),
    /// Give a file or directory of the pool this mode.
    Mode(PathBuf, u32),
    /// Move an entry that no record names to lost+found.
    SetAside(PathBuf),
    /// Forget a mount that has ended.
    Binding(VolumeName, String),
    /// Record the mounts of running containers.
    Mounts,
    /// Take the damaged checksums of a commit again.
    Checksums(VolumeName, CommitId),
    /// Forget the rows of the stat index whose branch or commit is gone.
    Index,
}

impl Repair {
    /// Says what the repair does, in words that follow "dvol fsck --repair".
    pub(super) fn about(&self) -> String {
        match self {
            Repair::Metadata => "rebuilds it and keeps the old file in .dvol/lost+found".to_owned(),
            Repair::SecondCopy => "writes it again".to_owned(),
            Repair::Volume { about, .. } => (*about).to_owned(),
            Repair::Mode(path, mode) => format!("does chmod {mode:04o} {}", path.display()),
            Repair::SetAside(_) => "moves it to .dvol/lost+found".to_owned(),
            Repair::Checksums(..) => "takes them again, from what the commit holds now".to_owned(),
            Repair::Mounts => "records it".to_owned(),
            Repair::Worktree(_) => "makes it again, or forgets it if its branch is gone".to_owned(),
            Repair::Binding(..) | Repair::Index => "forgets it".to_owned(),
        }
    }

    /// Carries the repair out, and says what was done.
    fn run(&self, pool: &Pool) -> Result<String, Error> {
        match self {
            Repair::Metadata => {
                let rebuilt = pool.rebuild_metadata()?;
                let (volumes, commits) = (count(rebuilt.volumes, "volume"), count(rebuilt.commits, "commit"));
                Ok(format!("rebuilt with {volumes} and {commits}"))
            }
            Repair::SecondCopy => {
                pool.store().renew_second_copy()?;
                Ok("written again".to_owned())
            }
            Repair::Volume { name, about, adopt } => {
                mend::mend(pool, name, *adopt)?;
                Ok(format!("done: {about}"))
            }
            Repair::Worktree(name) => Ok(worktrees::mend(pool, name)?.to_owned()),
            Repair::Mode(path, mode) => {
                disk::set_mode(path, *mode)?;
                Ok(format!("has mode {mode:04o} now"))
            }
            Repair::SetAside(path) => Ok(format!("moved to {}", pool.set_aside(path)?.display())),
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
                Ok("taken again".to_owned())
            }
            Repair::Index => {
                pool.forget_stale_index(&[])?;
                Ok("forgotten".to_owned())
            }
        }
    }
}

/// Carries out the plan of `report`, and notes in each finding what was done.
pub fn repair(pool: &Pool, report: &mut Report) {
    let mut mended: Vec<VolumeName> = Vec::new();
    for finding in &mut report.findings {
        let Some(repair) = finding.repair.take() else { continue };
        let result = match &repair {
            // One operation repairs all faults of a volume.
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
                finding.remedy = format!("cannot repair it: {error}");
            }
        }
    }
}
